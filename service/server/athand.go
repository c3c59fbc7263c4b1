package server

import (
	"context"
	"crypto/x509"
	"iter"
	"slices"

	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// atHand is a source of revocation values that completes chains with the certificates that this service has anyway: of
// stores that were opened, and of what it trusts. Many issuers publish their root nowhere.
type atHand struct {
	revocation.Source
	at *opened
}

func (s atHand) Chain(ctx context.Context, leaf *x509.Certificate, candidates []*x509.Certificate) ([]*x509.Certificate, error) {
	return s.Source.Chain(ctx, leaf, append(slices.Clip(candidates), s.at.certificates()...))
}

// know remembers the certificates of a store, or of what else has some.
func (o *opened) know(of string, all []*x509.Certificate) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known[of] = all
}

// certificates are all that are known.
func (o *opened) certificates() (all []*x509.Certificate) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, some := range o.known {
		all = append(all, some...)
	}
	return all
}

// openFile opens a file or folder. Its roots are remembered for chains, and stand in no container.
func (s *Store) openFile(ctx context.Context, o *opened) (sign.Provider, error) {
	more, err := certificates(s.Certificates...)
	if err != nil {
		return nil, err
	}
	p, err := soft.Open(ctx, string(s.File), soft.Config{Parsers: schemes.Parsers(), Encryption: schemes.Encryption(), Password: s.Password.ask(), Certificates: more, Root: true})
	if err != nil {
		return nil, forOperators(err)
	}
	known := slices.Clone(more)
	for entry, err := range p.Keys(ctx) {
		if err == nil {
			known = append(known, entry.Chain...)
		}
	}
	o.know("store "+s.Name, known)
	return rootless{p}, nil
}

// rootless is a provider whose chains end before the root, as containers want them, though it knows the root.
type rootless struct{ *soft.Provider }

func (p rootless) Chain(ctx context.Context, key sign.Key) ([]*x509.Certificate, error) {
	chain, err := p.Provider.Chain(ctx, key)
	return withoutRoot(chain), err
}

func (p rootless) Keys(ctx context.Context) iter.Seq2[sign.Entry, error] {
	return func(yield func(sign.Entry, error) bool) {
		for entry, err := range p.Provider.Keys(ctx) {
			entry.Chain = withoutRoot(entry.Chain)
			if !yield(entry, err) {
				return
			}
		}
	}
}

func withoutRoot(chain []*x509.Certificate) []*x509.Certificate {
	if last := len(chain) - 1; last > 0 && revocation.SelfSigned(chain[last]) {
		return chain[:last]
	}
	return chain
}
