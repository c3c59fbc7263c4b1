// Package trust says whom a verifier trusts: the roots to which certificates of signers and of time-stamping authorities have
// to lead.
//
//	roots := trust.New(certificates...)
//	report, err := message.Verify(ctx, content, &cades.VerifyOptions{Roots: roots})
//	err = report.Err() // nil only when every signer leads to one of them
//
// A root is a certificate, and need not be self-signed. It may be one that crypto/x509 refuses, such as one with a key on a
// curve that Go does not have: see [Roots.AddDER].
package trust

import (
	"crypto/x509"
	"sync"

	"github.com/seed-116355fd/signet/internal/pki"
)

// Roots are trusted certificates. They are safe for concurrent use. Nil, and the zero value, trust nobody.
type Roots struct {
	mu    sync.Mutex
	all   []pki.Anchor
	known map[string]bool
	index *pki.Anchors // of all; nil when it is not made yet
}

// New returns roots. The same certificate counts once.
func New(certificates ...*x509.Certificate) *Roots {
	r := &Roots{}
	for _, c := range certificates {
		if c != nil {
			_ = r.AddDER(c.Raw) // crypto/x509 has read it
		}
	}
	return r
}

// AddDER adds a certificate in DER. The error says that it is none; that crypto/x509 refuses it is no error.
func (r *Roots) AddDER(der []byte) error {
	c, err := pki.ParseCertificate(der)
	if err != nil {
		return wrong("add", "it is not a certificate: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[string(c.Raw)] {
		return nil
	}
	if r.known == nil {
		r.known = make(map[string]bool)
	}
	r.known[string(c.Raw)] = true
	r.all, r.index = append(r.all, pki.Anchor{Certificate: c}), nil
	return nil
}

// Certificates returns the roots in DER, in the order in which they were added.
func (r *Roots) Certificates() [][]byte {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var all [][]byte
	for _, a := range r.all {
		all = append(all, a.Certificate.Raw)
	}
	return all
}

// Len is how many roots there are.
func (r *Roots) Len() int {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

// Index is what other packages of this module look roots up in; it is of no use elsewhere.
func (r *Roots) Index() any {
	if r == nil {
		return (*pki.Anchors)(nil)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.index == nil {
		r.index = pki.NewAnchors(r.all...)
	}
	return r.index
}
