package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/auth/oidc"
)

// tokenSoon is how long before its end a token is told of.
const tokenSoon = 14 * 24 * time.Hour

// checkCallers looks whether anybody could call.
func (s *Server) checkCallers(ctx context.Context, c *Config) (all []Finding) {
	if path := c.Auth.Tokens; path != "" {
		what := "tokens " + string(path)
		tokens, err := auth.ListTokens(string(path))
		valid := 0
		for i := range tokens {
			if !tokens[i].Expired(time.Now()) {
				valid++
				all = append(all, s.checkToken(c, &tokens[i])...)
			}
		}
		switch {
		case err != nil:
			all = append(all, finding(Fault, what, "%s", err))
		case valid == 0:
			all = append(all, finding(Warning, what, "there are %d tokens in it, and none is valid; make one with signet token new", len(tokens)))
		default:
			all = append(all, finding(Fine, what, "%d of %d tokens are valid", valid, len(tokens)))
		}
	}
	for i := range c.Auth.OIDC {
		o := &c.Auth.OIDC[i]
		what := "issuer " + o.URL
		one, err := oidc.New(o.config(s.log))
		if err == nil {
			limited, cancel := context.WithTimeout(ctx, askTime)
			err = one.Ready(limited)
			cancel()
		}
		if err != nil {
			all = append(all, finding(Fault, what, "%s", err))
			continue
		}
		all = append(all, finding(Fine, what, "its keys were fetched"))
	}
	return all
}

// checkToken looks whether a token names keys that are not there, and whether it ends soon.
func (s *Server) checkToken(c *Config, t *auth.Token) (all []Finding) {
	what := fmt.Sprintf("token %s of %s", t.ID, t.Name)
	names := s.keys.Names(func(string) bool { return true })
	for _, name := range t.Keys {
		if name != "*" && !slices.Contains(names, name) {
			all = append(all, finding(Warning, what, "may use the key %s, which is not configured%s", shown(name), nearest(name, names)))
		}
	}
	if !t.Expires.IsZero() && time.Until(t.Expires) < tokenSoon {
		all = append(all, finding(Note, what, "ends on %s; make another one with signet token new --file %s", t.Expires.UTC().Format(time.DateOnly), c.Auth.Tokens))
	}
	return all
}

// callers are those whose rights are known beforehand, with a name for people. The rights of all rules of an issuer may
// come together in one of its tokens.
func (c *Config) callers() (all []auth.Principal) {
	if c.Auth.Tokens != "" {
		tokens, _ := auth.ListTokens(string(c.Auth.Tokens)) // checkCallers says what is wrong with it
		for i := range tokens {
			if t := &tokens[i]; !t.Expired(time.Now()) {
				all = append(all, auth.Principal{Name: "the token of " + t.Name, Keys: t.Keys})
			}
		}
	}
	for i := range c.Auth.OIDC {
		one := auth.Principal{Name: "a token of " + c.Auth.OIDC[i].URL}
		for _, r := range c.Auth.OIDC[i].Rules {
			one.Keys = append(one.Keys, r.Keys...)
		}
		all = append(all, one)
	}
	for i := range c.Auth.Certificates {
		all = append(all, auth.Principal{Name: fmt.Sprintf("a client certificate of rule %d", i+1), Keys: c.Auth.Certificates[i].Keys})
	}
	return all
}
