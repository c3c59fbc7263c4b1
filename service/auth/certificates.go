package auth

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// CertificateRule says whom a client certificate stands for. What is set of the first group must all match, exactly, and
// something must be set. The names are worth what the authorities are worth that the server takes client certificates
// from: give it an authority of your own.
type CertificateRule struct {
	SHA256     string // of the certificate's DER in hexadecimal; case, colons and spaces do not matter
	CommonName string // of the subject
	DNS        string // a name among its alternative names
	URI        string // a URI among its alternative names

	Name      string // of the principal; empty means the common name, or else the SHA-256
	Keys      []string
	Endpoints []string
}

// CertificatesOptions say how client certificates are looked at. The zero value, and nil, works.
type CertificatesOptions struct {
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
}

// Certificates knows callers by the client certificates of their TLS connections, by the first rule that matches. Only
// certificates that the TLS server has verified count (tls.Config.ClientAuth VerifyClientCertIfGiven or
// RequireAndVerifyClientCert), and only those of the connection itself: headers in which a proxy passes on certificates
// can be sent by anybody, and are not looked at. A certificate that no rule names is no credentials.
func Certificates(rules []CertificateRule, o *CertificatesOptions) (Authenticator, error) {
	c := &certificates{now: time.Now}
	if o != nil && o.Clock != nil {
		c.now = o.Clock
	}
	for i, r := range rules {
		one := certificateRule{CertificateRule: r}
		if r.SHA256 == "" && r.CommonName == "" && r.DNS == "" && r.URI == "" {
			return nil, fmt.Errorf("auth: certificate rule %d would let every certificate in; name one by its SHA-256, its common name, or a DNS or URI name", i+1)
		}
		if r.SHA256 != "" {
			sum, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "").Replace(r.SHA256))
			if err != nil || len(sum) != sha256.Size {
				return nil, fmt.Errorf("auth: certificate rule %d: the SHA-256 of a certificate has 64 hexadecimal digits; openssl x509 -fingerprint -sha256 prints it", i+1)
			}
			one.sum = sum
		}
		c.rules = append(c.rules, one)
	}
	if len(c.rules) == 0 {
		return nil, errors.New("auth: there is no rule for client certificates; add one, or leave them out")
	}
	return c, nil
}

type certificateRule struct {
	CertificateRule
	sum []byte
}

type certificates struct {
	rules []certificateRule
	now   func() time.Time
}

func (c *certificates) Authenticate(r *http.Request) (*Principal, error) {
	// PeerCertificates alone are what anybody can send; VerifiedChains are set by crypto/tls after it has checked them.
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
		return nil, ErrNone
	}
	leaf := r.TLS.VerifiedChains[0][0]
	sum := sha256.Sum256(leaf.Raw)
	for i := range c.rules {
		rule := &c.rules[i]
		if !rule.matches(leaf, sum[:]) {
			continue
		}
		// It was valid when the connection, or the session that it resumes, began.
		if now := c.now(); now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
			return nil, fmt.Errorf("%w: the client certificate is not valid now", ErrRefused)
		}
		p := &Principal{Name: rule.Name, Keys: rule.Keys, Endpoints: rule.Endpoints}
		if p.Name == "" {
			p.Name = leaf.Subject.CommonName
		}
		if p.Name == "" {
			p.Name = hex.EncodeToString(sum[:])
		}
		return p, nil
	}
	return nil, fmt.Errorf("%w: no rule names the client certificate with the SHA-256 %x", ErrNone, sum)
}

func (r *certificateRule) matches(c *x509.Certificate, sum []byte) bool {
	return (r.sum == nil || slices.Equal(r.sum, sum)) &&
		(r.CommonName == "" || r.CommonName == c.Subject.CommonName) &&
		(r.DNS == "" || slices.Contains(c.DNSNames, r.DNS)) &&
		(r.URI == "" || slices.ContainsFunc(c.URIs, func(u *url.URL) bool { return u.String() == r.URI }))
}
