package cades

import (
	"crypto/x509"
	"sync"

	"github.com/seed-116355fd/signet/internal/cms"
)

// candidates are the certificates among which signers are found. They are looked up in maps, so that a hostile message
// with many signers and many certificates takes no longer than its size.
type candidates struct {
	certs []*cms.Certificate
	bySID map[string]*cms.Certificate // issuer and serial number, or subject key identifier

	mu     sync.Mutex
	byHash map[cms.OID]map[string]*cms.Certificate
}

func newCandidates(certs []*cms.Certificate) *candidates {
	c := &candidates{certs: certs, bySID: make(map[string]*cms.Certificate), byHash: make(map[cms.OID]map[string]*cms.Certificate)}
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
func issuerSerialKey(issuer, serial []byte) string { return "\x00" + string(issuer) + string(serial) }

// hashed finds the certificate with a digest.
func (c *candidates) hashed(h cms.Hash, sum []byte) *cms.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	index, ok := c.byHash[h.ID]
	if !ok {
		index = make(map[string]*cms.Certificate)
		for _, cert := range c.certs {
			index[string(h.Sum(cert.Raw))] = cert
		}
		c.byHash[h.ID] = index
	}
	return index[string(sum)]
}

// identified finds the certificate that a SignerIdentifier names.
func (c *candidates) identified(sid cms.SignerID) *cms.Certificate {
	if sid.Issuer != nil {
		return c.bySID[issuerSerialKey(sid.Issuer, sid.Serial)]
	}
	if len(sid.SubjectKeyID) != 0 {
		return c.bySID[string(sid.SubjectKeyID)]
	}
	return nil
}

// findSigner finds the certificate of the signer among candidates: by the ESS hash where there is one, which cannot be
// mistaken, else by the signer identifier. how says by what it was found, or why not.
func (s *Signature) findSigner(among *candidates) (c *cms.Certificate, how string) {
	ids, _ := s.si.ESSCertIDs()
	for i := range ids {
		if c := among.hashed(ids[i].Hash, ids[i].Value); c != nil {
			return c, "its hash in the signed attributes"
		}
	}
	if c := among.identified(s.si.SID); c != nil {
		return c, "the signer identifier"
	}
	if len(among.certs) == 0 {
		return nil, "the message holds no certificates"
	}
	return nil, "no certificate is the signer's"
}

// x509 returns those that crypto/x509 can read.
func (c *candidates) x509() []*x509.Certificate {
	var all []*x509.Certificate
	for _, cert := range c.certs {
		if cert.X509 != nil {
			all = append(all, cert.X509)
		}
	}
	return all
}

// with returns the candidates and further ones.
func (c *candidates) with(more []*x509.Certificate) *candidates {
	certs := append([]*cms.Certificate(nil), c.certs...)
	for _, m := range more {
		if parsed, err := cms.ParseCertificate(m.Raw); err == nil {
			certs = append(certs, parsed)
		}
	}
	return newCandidates(certs)
}
