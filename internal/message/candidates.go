package message

import (
	"crypto/x509"
	"sync"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

// Candidates are the certificates among which signers are found. They are looked up in maps, so that a hostile message
// with many signers and many certificates takes no longer than its size.
type Candidates struct {
	Certs []*cms.Certificate
	bySID map[string]*cms.Certificate // issuer and serial number, or subject key identifier

	mu     sync.Mutex
	byHash map[cms.OID]map[string]*cms.Certificate
}

// NewCandidates indexes certificates.
func NewCandidates(certs []*cms.Certificate) *Candidates {
	c := &Candidates{Certs: certs, bySID: make(map[string]*cms.Certificate), byHash: make(map[cms.OID]map[string]*cms.Certificate)}
	for _, cert := range certs {
		keys := []string{issuerSerialKey(cert.Issuer, cert.Serial)}
		if len(cert.SubjectKeyID) != 0 {
			keys = append(keys, string(cert.SubjectKeyID))
		}
		for _, key := range keys {
			if c.bySID[key] == nil {
				c.bySID[key] = cert
			}
		}
	}
	return c
}

// issuerSerialKey cannot be mistaken for a key identifier: it begins with the identifier and length octets of the Name,
// and is longer.
func issuerSerialKey(issuer, serial []byte) string {
	return "\x00" + pki.IssuerSerialKey(issuer, serial)
}

// Hashed finds the certificate with a digest.
func (c *Candidates) Hashed(h cms.Hash, sum []byte) *cms.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	index, ok := c.byHash[h.ID]
	if !ok {
		index = make(map[string]*cms.Certificate)
		for _, cert := range c.Certs {
			index[string(h.Sum(cert.Raw))] = cert
		}
		c.byHash[h.ID] = index
	}
	return index[string(sum)]
}

// Identified finds the certificate that a SignerIdentifier names.
func (c *Candidates) Identified(sid cms.SignerID) *cms.Certificate {
	if sid.Issuer != nil {
		return c.bySID[issuerSerialKey(sid.Issuer, sid.Serial)]
	}
	if len(sid.SubjectKeyID) != 0 {
		return c.bySID[string(sid.SubjectKeyID)]
	}
	return nil
}

// FindSigner finds the certificate of the signer among candidates: by the ESS hash where there is one, which cannot be
// mistaken, else by the signer identifier. how says by what it was found, or why not.
func (s *Signature) FindSigner(among *Candidates) (c *cms.Certificate, how string) {
	ids, _ := s.SI.ESSCertIDs()
	for i := range ids {
		if c := among.Hashed(ids[i].Hash, ids[i].Value); c != nil {
			return c, "its hash in the signed attributes"
		}
	}
	if c := among.Identified(s.SI.SID); c != nil {
		return c, "the signer identifier"
	}
	if len(among.Certs) == 0 {
		return nil, "the message holds no certificates"
	}
	return nil, "no certificate is the signer's"
}

// X509 returns those that crypto/x509 can read.
func (c *Candidates) X509() []*x509.Certificate {
	var all []*x509.Certificate
	for _, cert := range c.Certs {
		if cert.X509 != nil {
			all = append(all, cert.X509)
		}
	}
	return all
}

// With returns the candidates and further ones.
func (c *Candidates) With(more []*x509.Certificate) *Candidates {
	certs := append([]*cms.Certificate(nil), c.Certs...)
	for _, m := range more {
		if parsed, err := cms.ParseCertificate(m.Raw); err == nil {
			certs = append(certs, parsed)
		}
	}
	return NewCandidates(certs)
}
