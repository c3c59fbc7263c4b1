package revocation_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
)

// TestCorpus reads the revocation values of real signatures, which are not part of the repository, and checks them for
// the certificates beside them, at the times that they are of.
func TestCorpus(t *testing.T) {
	read, good := 0, 0
	for _, name := range testpki.Corpus(t) {
		der, err := os.ReadFile(name)
		require.NoError(t, err)
		sd, err := cms.ParseSignedData(der)
		if err != nil {
			continue
		}
		var certs []*x509.Certificate
		for _, v := range sd.Certificates {
			if c, err := x509.ParseCertificate(v.Raw()); err == nil {
				certs = append(certs, c)
			}
		}
		for _, v := range sd.Revocations {
			read++
			var check func(cert, issuer *x509.Certificate) error
			if v.Tag() == cms.TagSequence {
				l, err := revocation.ParseCRL(v.Raw())
				require.NoError(t, err, name)
				check = func(cert, issuer *x509.Certificate) error {
					_, err := l.Check(cert, issuer, &revocation.CheckOptions{At: l.ThisUpdate, AllowExpired: true})
					return err
				}
			} else {
				r := v.Reader()
				_, err := r.Next()
				require.NoError(t, err)
				value, err := r.Next()
				require.NoError(t, err)
				response, err := revocation.ParseResponse(value.Raw())
				require.NoError(t, err, name)
				check = func(cert, issuer *x509.Certificate) error {
					_, err := response.Check(cert, issuer, &revocation.CheckOptions{At: response.ProducedAt, AllowExpired: true, Certificates: certs, TrustedResponders: certs})
					return err
				}
			}
			for _, c := range certs {
				for _, issuer := range certs {
					if string(c.RawIssuer) != string(issuer.RawSubject) || c == issuer || algorithm.CertificateSignedBy(c.Raw, issuer.RawSubjectPublicKeyInfo) != nil {
						continue
					}
					if err := check(c, issuer); err == nil {
						good++
					} else {
						require.NotErrorIs(t, err, revocation.CheckSignature, name)
						require.NotErrorIs(t, err, revocation.CheckResponder, name)
						t.Logf("%s: %s: %s", filepath.Base(name), c.Subject, err)
					}
				}
			}
		}
	}
	require.NotZero(t, read)
	t.Logf("%d values read, good for %d certificates", read, good)
}
