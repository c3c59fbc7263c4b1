package validate

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"time"

	"github.com/seed-116355fd/signet/internal/pki"
)

// CertificateReport is a certificate as plain values, also one that crypto/x509 refuses.
type CertificateReport struct {
	// Name is what a person calls whom it is of: the common name, or else a name, an organization, an address or the subject. It is
	// whatever the certificate says, and nobody has checked it before the certificate has a path.
	Name    string `json:"name"`
	Subject string `json:"subject"` // RFC 4514
	Issuer  string `json:"issuer"`
	Serial  string `json:"serial"` // hexadecimal
	SHA256  string `json:"sha256"` // of its octets, hexadecimal
	// NotBefore and NotAfter are its validity.
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	// DER is its octets. They are not in the JSON form, which a message of many signatures by one certificate would fill with it.
	DER []byte `json:"-"`

	cert *pki.Certificate // the same, read; nil in a report that was read from JSON
}

// X509 is the certificate as crypto/x509 reads it, or why it refuses it.
func (c *CertificateReport) X509() (*x509.Certificate, error) {
	switch {
	case c == nil:
		return nil, wrong("certificate", "it was not found")
	case c.cert != nil:
		return c.cert.X509()
	case len(c.DER) == 0:
		return nil, wrong("certificate", "its octets are not in the report")
	}
	return x509.ParseCertificate(c.DER)
}

// Certificate is that of the signer; nil when it was not found, or crypto/x509 refuses it. Signer has it in any case that it was found.
func (r *SignatureReport) Certificate() *x509.Certificate {
	c, _ := r.Signer.X509()
	return c
}

// Certificate is that of the authority; nil when it was not found, or crypto/x509 refuses it.
func (t *TimestampReport) Certificate() *x509.Certificate {
	c, _ := t.Signer.X509()
	return c
}

// certificateReport is made once for each certificate, which many signatures may share.
func (v *verifier) certificateReport(c *pki.Certificate) *CertificateReport {
	if r := v.named[c]; r != nil {
		return r
	}
	sum := sha256.Sum256(c.Raw)
	r := &CertificateReport{
		Name: c.Subject.Common(), Subject: c.Subject.String(), Issuer: c.Issuer.String(), Serial: c.SerialText(), SHA256: hex.EncodeToString(sum[:]),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), DER: c.Raw, cert: c,
	}
	if r.Name == "" {
		r.Name = certificateName(c)
	}
	v.named[c] = r
	return r
}
