package server

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

func (s *Server) checkKeys(ctx context.Context, c *Config) (all []Finding) {
	used := map[string]bool{}
	found := s.keys.Status(ctx)
	for i := range found {
		k := &found[i]
		used[k.Store] = true
		what := "key " + k.Name
		if k.Err != nil {
			all = append(all, finding(Fault, what, "cannot be used: %s", k.Err))
			continue
		}
		f := finding(Fine, what, "in %s: %s, %s", k.Store, k.Scheme, k.Level)
		if k.Certificate != nil {
			if v := validity(what, k.Certificate); v.Severity != Fine {
				f = v
			} else {
				f.Text += "; " + v.Text
			}
		}
		all = append(all, f)
		if k.Level > cades.LevelT {
			all = append(all, s.checkValues(ctx, k))
		}
		if s.options.TestSignature {
			all = append(all, s.testSignature(ctx, k.Name))
		}
	}
	all = append(all, checkTwins(found, c.callers())...)
	for i := range c.Stores {
		if name := c.Stores[i].Name; !used[name] {
			all = append(all, finding(Warning, "store "+name, "no key of it is used; add one to keys, or remove the store"))
		}
	}
	return all
}

func (s *Server) testSignature(ctx context.Context, name string) Finding {
	what := "key " + name
	lease, err := s.keys.Acquire(ctx, keys.Query{Name: name, Allowed: func(string) bool { return true }})
	if err != nil {
		return finding(Fault, what, "cannot be used: %s", err)
	}
	defer lease.Release()
	start := time.Now()
	signature, err := cades.Sign(ctx, lease.Signer, sign.Bytes("", []byte("signet serve --check --sign")), lease.Options)
	if err != nil {
		return finding(Fault, what, "a signature could not be made: %s", err)
	}
	return finding(Fine, what, "a signature of %d octets was made in %s, and thrown away", len(signature), time.Since(start).Round(time.Microsecond))
}

// checkValues looks whether the revocation values that the level of a key needs can be had now.
func (s *Server) checkValues(ctx context.Context, k *keys.Status) Finding {
	what := "key " + k.Name
	lease, err := s.keys.Acquire(ctx, keys.Query{Name: k.Name, Allowed: func(string) bool { return true }})
	if err != nil {
		return finding(Fault, what, "cannot be used: %s", err)
	}
	defer lease.Release()
	source := lease.Options.Revocation
	if source == nil {
		return finding(Fault, what, "%s needs revocation values, and there is no source of them", k.Level)
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	chain, err := source.Chain(ctx, k.Certificate, k.Chain)
	if err != nil || len(chain) == 0 {
		if len(chain) == 0 {
			chain = []*x509.Certificate{k.Certificate}
		}
		return finding(Fault, what, "%s cannot be reached, since the issuer of %s is not at hand: %s; put the certificates up to the root into certificates: of the store, or of revocation:",
			k.Level, chain[len(chain)-1].Subject, err)
	}
	values, err := source.Collect(ctx, [][]*x509.Certificate{chain}, nil)
	switch {
	case errors.Is(err, revocation.CheckAddress):
		return finding(Fault, what, "%s cannot be reached: %s; when that is an authority in your own network, say revocation: allow-private: true", k.Level, err)
	case err != nil:
		return finding(Fault, what, "%s cannot be reached, since there are no revocation values: %s", k.Level, err)
	}
	if revoked := values.Revoked(); len(revoked) != 0 {
		return finding(Fault, what, "the certificate of %s was revoked on %s; get another one", revoked[0].Certificate.Subject, revoked[0].RevokedAt.UTC().Format(time.DateOnly))
	}
	return finding(Fine, what, "revocation values of %d certificates were found", len(values.Statuses))
}

// checkTwins tells of keys with the same certificate that one caller may use: by the certificate, it means the first.
func checkTwins(found []keys.Status, callers []auth.Principal) (all []Finding) {
	for i := range found {
		for j := range i {
			a, b := &found[j], &found[i]
			if a.Certificate == nil || b.Certificate == nil || !a.Certificate.Equal(b.Certificate) {
				continue
			}
			who := slices.IndexFunc(callers, func(p auth.Principal) bool { return p.MayUse(a.Name) && p.MayUse(b.Name) })
			if who >= 0 {
				all = append(all, finding(Note, "key "+b.Name, "has the certificate of key %s, and %s may use both: by thumbprint or certificate, the first that can be used is taken; key= of /v1/sign names one", a.Name, callers[who].Name))
			}
		}
	}
	return all
}
