package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

// maxChain bounds the certificates of a chain.
const maxChain = 10

// maxBundle bounds the certificates that are taken from one answer.
const maxBundle = 32

// certificateLife is how long issuer certificates are kept that were fetched.
const certificateLife = 24 * time.Hour

// Chain returns the certificates from leaf, which is the first, to a self-signed one, or to one of Config.Roots. Issuers are looked for
// among the candidates, then among Config.Known and Config.Roots, then at the URLs by which certificates name their issuers
// (authorityInfoAccess, RFC 5280 section 4.2.2.1): DER, PEM, and bundles in PKCS #7 are read. Each certificate is signed by the
// next, which is that of an authority. A chain that ends at one of Config.Roots is preferred, then one that needs no
// cross-certificate. Whether the last is to be trusted, and everything else of RFC 5280 section 6, is for the caller to say.
//
// When an issuer cannot be found, the chain is returned as far as it goes with an error of [CheckChain].
func (c *Client) Chain(ctx context.Context, leaf *x509.Certificate, candidates []*x509.Certificate) ([]*x509.Certificate, error) {
	if leaf == nil {
		return nil, failed(CheckChain, "there is no certificate")
	}
	s, err := newChains(leaf, c.o.Roots, candidates, c.o.Known.Certificates)
	if err != nil {
		return []*x509.Certificate{leaf}, err
	}
	s.schemes = c.schemes()
	for {
		s.search()
		last := s.best[len(s.best)-1]
		switch {
		case s.rank != unfinished:
			return s.chain(), nil
		case len(s.best) >= maxChain:
			return s.chain(), failed(CheckChain, "the chain of %s has more than %d certificates", leaf.Subject, maxChain)
		}
		found, err := c.issuersByURL(ctx, s, last)
		if err != nil {
			return s.chain(), err
		}
		s.add(found)
	}
}

// SelfSigned reports whether a certificate is signed by its own key: the end of a chain.
// Signatures by schemes that only who asks for them has (mldsa.Schemes()) are checked by those that are given.
func SelfSigned(c *x509.Certificate, schemes ...sign.Scheme) bool {
	return pki.SameName(c.RawSubject, c.RawIssuer) && algorithm.CertificateSignedBy(c.Raw, c.RawSubjectPublicKeyInfo, schemes...) == nil
}

// issuersByURL fetches certificates until the issuer of one is among them.
func (c *Client) issuersByURL(ctx context.Context, s *chains, of *pki.Certificate) ([]*x509.Certificate, error) {
	var all sign.Errors
	asked := 0
	for _, a := range of.AuthorityInfoAccess {
		if a.Method != oidIssuers || a.Location.Kind != pki.URI {
			continue
		}
		if asked++; asked > maxURLs {
			break
		}
		address := string(a.Location.Value)
		v, _, err := c.cache.get(ctx, c.certificateItem(address), false)
		if err != nil {
			all = append(all, at(placeOf(address), err))
			if ctx.Err() != nil {
				break
			}
			continue
		}
		why := "the issuer is not there"
		for _, x := range v.([]*x509.Certificate) {
			p, err := pki.FromX509(x)
			if err != nil || s.inBest(p) {
				continue
			}
			if err := issued(of, p, s.schemes...); err == nil {
				return []*x509.Certificate{x}, nil
			} else if p.Subject.Equal(of.Issuer) {
				why = err.Error()
			}
		}
		all = append(all, at(placeOf(address), because(CheckChain, why, nil)))
	}
	if len(all) == 0 {
		return nil, failed(CheckChain, "the issuer of %s, %s, is not known; give its certificate", of.Subject, of.Issuer)
	}
	return nil, because(CheckChain, "the issuer was not found", several(sign.ErrAuthority, of.Subject.String(), all))
}

// oidIssuers is id-ad-caIssuers (RFC 5280 section 4.2.2.1).
const oidIssuers cms.OID = "\x2b\x06\x01\x05\x05\x07\x30\x02"

func (c *Client) certificateItem(address string) item {
	return item{
		kind: "cert", key: "cert\x00" + address, limit: c.o.MaxCertificate,
		fetch: func(ctx context.Context) ([]byte, error) {
			return c.fetch(ctx, placeOf(address), address, nil, "", c.o.MaxCertificate)
		},
		read: func(raw []byte, at time.Time) (any, time.Time, error) {
			certs, err := ParseCertificates(raw)
			return certs, at.Add(certificateLife), err
		},
	}
}

// ParseCertificates reads what issuers publish: a certificate in DER, several in PEM, or a bundle in a PKCS #7 SignedData
// without signers (RFC 2797, "p7c").
func ParseCertificates(raw []byte) ([]*x509.Certificate, error) {
	var ders [][]byte
	if trimmed := bytes.TrimLeft(raw, "\r\n\t "); bytes.HasPrefix(trimmed, []byte("-----BEGIN")) {
		for rest := trimmed; len(ders) < maxBundle; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			if block.Type == "PKCS7" || block.Type == "CMS" {
				return ParseCertificates(block.Bytes)
			}
			if block.Type == "CERTIFICATE" {
				ders = append(ders, block.Bytes)
			}
		}
	} else if sd, err := cms.ParseSignedData(raw); err == nil {
		for _, v := range sd.Certificates[:min(len(sd.Certificates), maxBundle)] {
			ders = append(ders, v.Raw())
		}
	} else {
		ders = [][]byte{raw}
	}
	var certs []*x509.Certificate
	var why error
	for _, der := range ders {
		c, err := pki.ParseCertificate(der)
		if err != nil {
			why = err
			continue
		}
		certs = append(certs, c.Lenient())
	}
	if len(certs) == 0 {
		return nil, because(CheckEncoding, "no certificate is there", why)
	}
	return certs, nil
}
