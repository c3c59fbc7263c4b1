package revocation

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/seed-116355fd/signet/internal/breaker"
	"github.com/seed-116355fd/signet/sign"
)

// maxServers bounds how many servers are remembered: certificates of strangers may name any number.
const maxServers = 1024

// server is what is known of the server of an address. Where there are too many, those that answer are forgotten first.
func (c *Client) server(u *url.URL) *breaker.Breaker {
	name := serverName(u)
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := c.servers[name]; b != nil {
		return b
	}
	if len(c.servers) >= maxServers {
		for other, b := range c.servers {
			if b.State().Until.IsZero() {
				delete(c.servers, other)
			}
		}
	}
	b := &breaker.Breaker{Changed: breaker.Tell(name, c.tell)}
	if len(c.servers) < maxServers {
		c.servers[name] = b
	}
	return b
}

// resting is the error of a server that is not asked now.
func resting(b *breaker.Breaker, place string) error {
	if !b.Open(time.Now()) {
		return nil
	}
	return refusal(b, place)
}

// refusal is that error.
func refusal(b *breaker.Breaker, place string) error {
	s := b.State()
	last := s.Err
	if e, ok := errors.AsType[*sign.Error](last); ok && e.Err != nil {
		last = e.Err
	}
	e := because(CheckTransport, "not asked before "+s.Until.UTC().Format(time.RFC3339)+", since its server did not answer", last)
	e.Place, e.Temporary = place, true
	return e
}

// Authorities tells the state of the servers that were asked, in the order of their names. Those that answer may be forgotten when
// there are very many.
func (c *Client) Authorities() []sign.AuthorityState {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]sign.AuthorityState, 0, len(c.servers))
	for name, b := range c.servers {
		s := b.State()
		all = append(all, sign.AuthorityState{Place: name, Resting: !s.Until.IsZero(), Until: s.Until, Failures: s.Failures, Err: s.Err})
	}
	slices.SortFunc(all, func(a, b sign.AuthorityState) int { return cmp.Compare(a.Place, b.Place) })
	return all
}
