// Package keyring is what the providers of this library share: certificates found by key and chained, exactly one key
// found by a reference, digests checked before a key sees them, secrets read from files and variables.
package keyring

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

const (
	maxChain   = 16 // certificates of a chain
	maxIssuers = 16 // certificates of one name whose key is tried on a signature
)

// Cert is a certificate with the name that its holder has for it.
type Cert struct {
	Cert  *x509.Certificate
	Label string
	ID    []byte
}

// Pool finds certificates by key and by name. It is not safe for concurrent use.
type Pool struct {
	byKey     map[string][]Cert // by sign.KeyName
	bySubject map[string][]*x509.Certificate
	issuers   map[*x509.Certificate]*x509.Certificate // what issuer has found
	root      bool
}

// NewPool takes each certificate once. With root, chains end with the self-signed root when it is known.
func NewPool(certs []Cert, root bool) *Pool {
	p := &Pool{map[string][]Cert{}, map[string][]*x509.Certificate{}, map[*x509.Certificate]*x509.Certificate{}, root}
	seen := map[string]bool{}
	for _, c := range certs {
		if seen[string(c.Cert.Raw)] {
			continue
		}
		seen[string(c.Cert.Raw)] = true
		name := sign.KeyName(c.Cert.RawSubjectPublicKeyInfo)
		p.byKey[name] = append(p.byKey[name], c)
		subject := pki.NewName(c.Cert.RawSubject).Key()
		p.bySubject[subject] = append(p.bySubject[subject], c.Cert)
	}
	return p
}

// ByKey returns the certificates of a key, in the order in which they were given.
func (p *Pool) ByKey(name string) []Cert { return p.byKey[name] }

// Chain goes from a certificate to its issuers as far as they are known.
func (p *Pool) Chain(leaf *x509.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{leaf}
	for c := leaf; len(chain) < maxChain && !selfSigned(c); {
		next := p.issuer(c)
		if next == nil || slices.Contains(chain, next) || (selfSigned(next) && !p.root) {
			break
		}
		chain = append(chain, next)
		c = next
	}
	return chain
}

func (p *Pool) issuer(c *x509.Certificate) *x509.Certificate {
	if found, ok := p.issuers[c]; ok {
		return found
	}
	found := p.findIssuer(c)
	p.issuers[c] = found
	return found
}

func (p *Pool) findIssuer(c *x509.Certificate) *x509.Certificate {
	candidates := slices.Clone(p.bySubject[pki.NewName(c.RawIssuer).Key()])
	// The key identifier says which of several certificates of that name it is (RFC 5280 section 4.2.1.1), and among
	// renewed ones the newest will be valid the longest.
	slices.SortStableFunc(candidates, func(a, b *x509.Certificate) int {
		if x, y := identified(c, a), identified(c, b); x != y {
			if x {
				return -1
			}
			return 1
		}
		return b.NotBefore.Compare(a.NotBefore)
	})
	for _, candidate := range candidates[:min(len(candidates), maxIssuers)] {
		if candidate != c && issued(candidate, c) {
			return candidate
		}
	}
	return nil
}

func identified(c, issuer *x509.Certificate) bool {
	return len(c.AuthorityKeyId) != 0 && bytes.Equal(c.AuthorityKeyId, issuer.SubjectKeyId)
}

// issued checks the signature, and that the issuer is an authority. Where the algorithm is not known, names and key identifiers
// decide.
func issued(issuer, c *x509.Certificate) bool {
	if authority, err := pki.FromX509(issuer); err != nil || issuer != c && authority.CheckUse(pki.CertificateIssuer, nil) != nil {
		return false
	}
	err := algorithm.CertificateSignedBy(c.Raw, issuer.RawSubjectPublicKeyInfo)
	if e, ok := errors.AsType[*algorithm.Error](err); ok && e.Reason == algorithm.Unsupported {
		return len(c.AuthorityKeyId) == 0 || len(issuer.SubjectKeyId) == 0 || identified(c, issuer)
	}
	return err == nil
}

func selfSigned(c *x509.Certificate) bool {
	return pki.SameName(c.RawSubject, c.RawIssuer) && issued(c, c)
}
