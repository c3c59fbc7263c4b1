package keys

import (
	"bytes"
	"context"
	"crypto/sha1" // a thumbprint is a name that people paste, not a protection
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/seed-116355fd/signet/sign"
)

// Acquire finds the one key that is meant and opens it if need be. Errors are *sign.Error: of class [sign.ErrInput] for a
// query that can match nothing, [sign.ErrKeyNotFound] for a key that is not there or that the caller may not use, which
// cannot be told apart, and [sign.ErrUnavailable] or what the provider says for one that cannot be opened now. When ctx
// ends, the error is its cause; what is being opened goes on for the others.
func (s *Set) Acquire(ctx context.Context, q Query) (*Lease, error) {
	m, err := q.parse()
	if err != nil {
		return nil, err
	}
	g, leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	e, o, err := g.find(ctx, q, m)
	if err != nil {
		return nil, err
	}
	return s.lease(e, o), nil
}

// match is what a query says of the certificate.
type match struct {
	der        []byte
	thumbprint []byte // SHA-1 or SHA-256
}

func (q *Query) parse() (match, error) {
	m := match{der: q.Certificate}
	if q.Name == "" && q.Thumbprint == "" && len(q.Certificate) == 0 {
		return m, &sign.Error{Op: "keys: find", Class: sign.ErrInput, Hint: "name the key by its name, its thumbprint or its certificate"}
	}
	if q.Thumbprint == "" {
		return m, nil
	}
	sum, err := sign.ParseThumbprint(q.Thumbprint)
	m.thumbprint = sum
	return m, err
}

// named reports whether the query says nothing of the certificate.
func (m *match) named() bool { return len(m.der) == 0 && len(m.thumbprint) == 0 }

// is compares with a key that is open.
func (m *match) is(o *opened) bool {
	return (len(m.der) == 0 || bytes.Equal(m.der, o.signer.Certificate().Raw)) &&
		(len(m.thumbprint) == 0 || bytes.Equal(m.thumbprint, o.sha1[:]) || bytes.Equal(m.thumbprint, o.sha256[:]))
}

// may compares with what is configured of a key that is not open: no, perhaps as the others, or it was named.
func (m *match) may(r *sign.Ref) (possible, likely bool) {
	if c := r.Certificate; c != nil {
		possible = (len(m.der) == 0 || bytes.Equal(m.der, c.Raw)) && (len(m.thumbprint) == 0 || sign.HasThumbprint(c, m.thumbprint))
		return possible, possible
	}
	if r.Thumbprint == "" {
		return true, false
	}
	sum, err := sign.ParseThumbprint(r.Thumbprint)
	if err != nil || len(m.der) != 0 && !sign.HasThumbprint(&x509.Certificate{Raw: m.der}, sum) {
		return false, false
	}
	if len(m.thumbprint) != len(sum) { // of another hash, or none
		return true, len(m.thumbprint) == 0
	}
	return bytes.Equal(m.thumbprint, sum), true
}

// notFound is the one error of all keys that are not there and of all that the caller may not use.
func notFound() error {
	return &sign.Error{Op: "keys: find", Class: sign.ErrKeyNotFound, Hint: "ask for the list of keys that you may use"}
}

// find looks at keys that the caller may use, and at no others: neither what it does nor how long it takes depends on
// whether somebody else's key is meant.
func (g *generation) find(ctx context.Context, q Query, m match) (*entry, *opened, error) {
	if q.Allowed == nil {
		return nil, nil, notFound()
	}
	var unknown []*entry
	for _, e := range g.entries {
		if !q.Allowed(e.Name) || q.Name != "" && q.Name != e.Name {
			continue
		}
		if o := e.known(); o != nil {
			if m.is(o) {
				return e, o, nil
			}
			continue
		}
		possible, likely := m.may(&e.Ref)
		switch {
		case !possible:
		case likely || m.named():
			o, err := e.open(ctx)
			if err != nil {
				return nil, nil, err
			}
			if m.is(o) {
				return e, o, nil
			}
		default:
			unknown = append(unknown, e)
		}
	}
	return openAndFind(ctx, unknown, m)
}

// openAndFind opens keys whose certificates are not known, side by side, until one is the right one. When several are, it
// is the first of those that were opened by then.
func openAndFind(ctx context.Context, unknown []*entry, m match) (*entry, *opened, error) {
	type result struct {
		o   *opened
		err error
	}
	results := make([]chan result, len(unknown))
	found := make(chan int, len(unknown))
	// The goroutines do no more than wait for openings that are shared by all who wait, and end with this context.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i, e := range unknown {
		results[i] = make(chan result, 1)
		go func() {
			o, err := e.open(ctx)
			results[i] <- result{o, err}
			found <- i
		}()
	}
	var failed []error
	for range unknown {
		i := <-found
		switch r := <-results[i]; {
		case r.err != nil && ctx.Err() != nil:
			return nil, nil, context.Cause(ctx)
		case r.err != nil:
			failed = append(failed, r.err)
		case m.is(r.o):
			return unknown[i], r.o, nil
		}
	}
	if len(failed) != 0 {
		// It may be one of those.
		texts := errors.New(errors.Join(failed...).Error())
		return nil, nil, &sign.Error{Op: "keys: find", Class: sign.ErrUnavailable, Temporary: true,
			Err: fmt.Errorf("it may be a key that cannot be opened now: %w", texts), Hint: "try again in a moment"}
	}
	return nil, nil, notFound()
}

// Is reports whether the query means the key of the lease, as it was when it was found. The rights of the caller are not
// asked for again. The error is that of a query that can match nothing.
func (l *Lease) Is(q Query) (bool, error) {
	m, err := q.parse()
	if err != nil {
		return false, err
	}
	c := l.Signer.Certificate()
	return (q.Name == "" || q.Name == l.Name) && m.is(&opened{signer: l.Signer, sha1: sha1.Sum(c.Raw), sha256: sha256.Sum256(c.Raw)}), nil
}
