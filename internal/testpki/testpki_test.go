package testpki_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
)

func TestLeavesVerify(t *testing.T) {
	pki := testpki.New(t)
	for _, kind := range testpki.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			id := pki.Leaf(kind)
			pool := x509.NewCertPool()
			for _, c := range id.Chain[1:] {
				pool.AddCert(c)
			}
			for _, at := range []time.Time{testpki.Now(), time.Now()} {
				_, err := id.Certificate().Verify(x509.VerifyOptions{Roots: pki.Pool(), Intermediates: pool, CurrentTime: at})
				require.NoError(t, err)
			}
		})
	}
}

func TestBend(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.Ed25519, func(c *x509.Certificate) { c.NotAfter = testpki.NotBefore() })
	require.True(t, id.Certificate().NotAfter.Before(testpki.Now()))
	require.NotEqual(t, pki.Leaf(testpki.RSA2048).Key, pki.Leaf(testpki.RSA2048).Key)
	require.Equal(t, testpki.New(t).Leaf(testpki.RSA2048).Key, testpki.New(t).Leaf(testpki.RSA2048).Key)
}

func TestPSSLeaf(t *testing.T) {
	pki := testpki.New(t)
	id := pki.PSSLeaf(testpki.RSA2048)
	require.Nil(t, id.Certificate().PublicKey)
	require.NoError(t, id.Certificate().CheckSignatureFrom(pki.Authority.Certificate()))
}
