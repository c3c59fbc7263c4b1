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
)

// maxChain bounds the certificates of a chain.
const maxChain = 10

// maxBundle bounds the certificates that are taken from one answer.
const maxBundle = 32

// certificateLife is how long issuer certificates are kept that were fetched.
const certificateLife = 24 * time.Hour

// Chain returns the certificates from leaf, which is the first, to a self-signed one. Issuers are looked for among the
// candidates, then among Config.Known, then at the URLs by which certificates name their issuers (authorityInfoAccess,
// RFC 5280 section 4.2.2.1): DER, PEM, and bundles in PKCS #7 are read. Each certificate is signed by the next; whether
// the last is to be trusted, and everything else of RFC 5280 section 6, is for the caller to say.
//
// When an issuer cannot be found, the chain is returned as far as it goes with an error of [CheckChain].
func (c *Client) Chain(ctx context.Context, leaf *x509.Certificate, candidates []*x509.Certificate) ([]*x509.Certificate, error) {
	if leaf == nil {
		return nil, failed(CheckChain, "there is no certificate")
	}
	chain := []*x509.Certificate{leaf}
	for {
		last := chain[len(chain)-1]
		if SelfSigned(last) {
			return chain, nil
		}
		if len(chain) >= maxChain {
			return chain, failed(CheckChain, "the chain of %s has more than %d certificates", leaf.Subject, maxChain)
		}
		issuer := issuerAmong(last, chain, candidates, c.o.Known.Certificates)
		if issuer == nil {
			var err error
			if issuer, err = c.issuerByURL(ctx, last, chain); err != nil {
				return chain, err
			}
		}
		chain = append(chain, issuer)
	}
}

// SelfSigned reports whether a certificate is signed by its own key: the end of a chain.
func SelfSigned(c *x509.Certificate) bool {
	return pki.SameName(c.RawSubject, c.RawIssuer) && algorithm.CertificateSignedBy(c.Raw, c.RawSubjectPublicKeyInfo) == nil
}

// issuerAmong finds the certificate that signed another: a self-signed one before a cross certificate, which would make
// the chain longer. Those that are in the chain already are left out.
func issuerAmong(of *x509.Certificate, chain []*x509.Certificate, lists ...[]*x509.Certificate) *x509.Certificate {
	var found *x509.Certificate
	for _, list := range lists {
	next:
		for _, c := range list {
			if c == nil || !pki.SameName(c.RawSubject, of.RawIssuer) {
				continue
			}
			for _, used := range chain {
				if bytes.Equal(used.Raw, c.Raw) {
					continue next
				}
			}
			if issued(of, c) != nil {
				continue
			}
			if SelfSigned(c) {
				return c
			}
			if found == nil {
				found = c
			}
		}
	}
	return found
}

func (c *Client) issuerByURL(ctx context.Context, of *x509.Certificate, chain []*x509.Certificate) (*x509.Certificate, error) {
	failure := &Failure{What: of.Subject.String()}
	for _, address := range of.IssuingCertificateURL[:min(len(of.IssuingCertificateURL), maxURLs)] {
		v, _, err := c.cache.get(ctx, c.certificateItem(address), false)
		if err != nil {
			failure.Errs = append(failure.Errs, at(placeOf(address), err))
			if ctx.Err() != nil {
				break
			}
			continue
		}
		if issuer := issuerAmong(of, chain, v.([]*x509.Certificate)); issuer != nil {
			return issuer, nil
		}
		failure.Errs = append(failure.Errs, &Error{Check: CheckChain, Place: placeOf(address), What: "the issuer is not there"})
	}
	if len(failure.Errs) == 0 {
		return nil, failed(CheckChain, "the issuer of %s, %s, is not known; give its certificate", of.Subject, of.Issuer)
	}
	return nil, &Error{Check: CheckChain, What: "the issuer was not found", Err: failure}
}

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
		c, err := x509.ParseCertificate(der)
		if err != nil {
			why = err
			continue
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, &Error{Check: CheckEncoding, What: "no certificate is there", Err: why}
	}
	return certs, nil
}
