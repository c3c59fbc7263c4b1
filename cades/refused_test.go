package cades_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// TestRefusedByX509: a signer whose certificate crypto/x509 refuses is judged all the same, and when values are at hand that cannot
// be compared with it, nobody says that it is not revoked.
func TestRefusedByX509(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	template := *id.Certificate()
	// nameRelativeToCRLIssuer, as RFC 5280 section 4.2.1.13 allows.
	template.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 31}, Value: unhex(t, "30 11 30 0f a0 0d a1 0b 30 09 06 03 55 04 03 0c 02 63 31")}}
	der, err := x509.CreateCertificate(rand.Reader, &template, pki.Authority.Certificate(), id.Key.Public(), pki.Authority.Key)
	require.NoError(t, err)
	_, err = x509.ParseCertificate(der)
	require.Error(t, err)
	m, _ := parse(t, rawSigner{id: id, certs: [][]byte{der, pki.Authority.Certificate().Raw}}.message(t, []byte("content")))
	verify := func(o cades.VerifyOptions) *cades.SignatureReport {
		o.Roots, o.Clock = pki.Roots(), fixed
		r, err := m.Verify(t.Context(), sign.Content{}, &o)
		require.NoError(t, err)
		return &r.Signatures[0]
	}
	r := verify(cades.VerifyOptions{})
	require.Equal(t, validate.TotalPassed, r.Indication, r.Reason)
	list := testpki.RevocationList(t, pki.Authority, []*x509.Certificate{id.Certificate()}, func(l *x509.RevocationList) {
		l.ThisUpdate, l.NextUpdate = fixed().Add(-time.Hour), fixed().Add(time.Hour)
	})
	r = verify(cades.VerifyOptions{Values: &revocation.Values{CRLs: [][]byte{list}}})
	require.NotEqual(t, validate.TotalPassed, r.Indication, "it is on the list")
}
