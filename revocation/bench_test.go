package revocation_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
)

// demoCertificates makes a certificate that names an OCSP responder, and its issuer.
func demoCertificates(ocsp string) (leaf, issuer *x509.Certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "demo"}, NotBefore: time.Now(), NotAfter: time.Now().AddDate(1, 0, 0), OCSPServer: []string{ocsp},
		BasicConstraintsValid: true, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	c, err := x509.ParseCertificate(der)
	return c, c, err
}

// BenchmarkCRL looks for a certificate in a long list: parsed, verified, and looked through anew each time, and looked
// through only, as in a batch.
func BenchmarkCRL(b *testing.B) {
	pki := testpki.New(b)
	leaf := pki.Leaf(testpki.P256).Certificate()
	der := testpki.RevocationList(b, pki.Authority, nil, func(l *x509.RevocationList) {
		for i := range int64(200_000) {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(1<<40 + i), RevocationTime: hour(-5), ReasonCode: 4})
		}
	})
	check := func(l *revocation.CRL) {
		s, err := l.Check(leaf, pki.Authority.Certificate(), options())
		if err != nil || s.State != revocation.Good {
			b.Fatal(err)
		}
	}
	for name, again := range map[string]bool{"list=new": true, "list=kept": false} {
		b.Run(name, func(b *testing.B) {
			l, err := revocation.ParseCRL(der)
			require.NoError(b, err)
			b.SetBytes(int64(len(der)))
			b.ReportAllocs()
			for b.Loop() {
				if again {
					l, _ = revocation.ParseCRL(der)
				}
				check(l)
			}
		})
	}
}
