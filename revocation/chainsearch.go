package revocation

import (
	"crypto/x509"

	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// The ends of chains, the better ones greater.
const (
	unfinished = iota
	selfSigned
	trusted
)

// maxLinks bounds how many pairs of certificates are tried for one chain: strangers bring candidates.
const maxLinks = 500

// chains looks for the best chain of a certificate among those that are at hand.
type chains struct {
	schemes []sign.Scheme // of the caller
	leaf    *pki.Certificate
	pool    *pki.Pool
	x       map[*pki.Certificate]*x509.Certificate
	roots   map[string]bool // DER
	links   map[[2]*pki.Certificate]bool
	selfs   map[*pki.Certificate]bool
	visited int

	best []*pki.Certificate
	rank int
}

func newChains(leaf *x509.Certificate, roots *trust.Roots, lists ...[]*x509.Certificate) (*chains, error) {
	s := &chains{
		pool: pki.NewPool(), x: map[*pki.Certificate]*x509.Certificate{}, roots: map[string]bool{},
		links: map[[2]*pki.Certificate]bool{}, selfs: map[*pki.Certificate]bool{},
	}
	p, err := pki.FromX509(leaf)
	if err != nil {
		return nil, because(CheckEncoding, "the certificate cannot be read", err)
	}
	s.leaf, s.x[p] = p, leaf
	for _, list := range lists {
		s.add(list)
	}
	for _, der := range roots.Certificates() {
		s.roots[string(der)] = true
		if c, err := pki.ParseCertificate(der); err == nil {
			s.add([]*x509.Certificate{c.Lenient()})
		}
	}
	return s, nil
}

// add gives more certificates.
func (s *chains) add(list []*x509.Certificate) {
	for _, x := range list {
		if x == nil {
			continue
		}
		if p, err := pki.FromX509(x); err == nil {
			p = s.pool.Add(p)
			if s.x[p] == nil {
				s.x[p] = x
			}
		}
	}
}

// search finds the best chain.
func (s *chains) search() {
	s.best, s.rank, s.visited = nil, unfinished, 0
	s.from([]*pki.Certificate{s.leaf})
}

// from goes on from the last certificate of a chain. It reports whether nothing better can come.
func (s *chains) from(chain []*pki.Certificate) bool {
	last := chain[len(chain)-1]
	self := s.selfSigned(last)
	rank := unfinished
	switch {
	case s.roots[string(last.Raw)]:
		rank = trusted
	case self:
		rank = selfSigned
	}
	if s.best == nil || rank > s.rank || rank == unfinished && s.rank == unfinished && len(chain) > len(s.best) {
		s.best, s.rank = append([]*pki.Certificate(nil), chain...), rank
	}
	if s.rank == trusted || s.rank == selfSigned && len(s.roots) == 0 {
		return true
	}
	if self || len(chain) >= maxChain {
		return false
	}
	// A self-signed issuer first: a cross-certificate of the same key leads to a stranger's root.
	for _, first := range []bool{true, false} {
		for _, by := range s.pool.BySubject(last.Issuer) {
			if contains(chain, by) || !s.issued(last, by) || s.selfSigned(by) != first {
				continue
			}
			if s.from(append(chain[:len(chain):len(chain)], by)) {
				return true
			}
		}
	}
	return false
}

// issued is the function of that name, once for each pair, and no when too many were tried.
func (s *chains) issued(c, by *pki.Certificate) bool {
	pair := [2]*pki.Certificate{c, by}
	ok, known := s.links[pair]
	if s.visited++; s.visited > 10*maxLinks || !known && len(s.links) >= maxLinks {
		return false
	}
	if !known {
		ok = issued(c, by, s.schemes...) == nil
		s.links[pair] = ok
	}
	return ok
}

func (s *chains) selfSigned(c *pki.Certificate) bool {
	ok, known := s.selfs[c]
	if !known {
		ok = c.SelfIssued() && SelfSigned(s.x[c], s.schemes...)
		s.selfs[c] = ok
	}
	return ok
}

// inBest reports whether a certificate stands in the best chain.
func (s *chains) inBest(c *pki.Certificate) bool { return contains(s.best, c) }

func contains(chain []*pki.Certificate, c *pki.Certificate) bool {
	for _, other := range chain {
		if other.Equal(c) {
			return true
		}
	}
	return false
}

// chain is the best chain as crypto/x509 has it.
func (s *chains) chain() []*x509.Certificate {
	all := make([]*x509.Certificate, len(s.best))
	for i, c := range s.best {
		all[i] = s.x[c]
	}
	return all
}
