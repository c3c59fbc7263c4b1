package soft_test

import (
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// TestOneToSign: of a key to sign and keys for something else the first is meant, in whatever order they stand; keys that are named
// are found whatever they are for.
func TestOneToSign(t *testing.T) {
	pki := testpki.New(t)
	usage := func(u x509.KeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.KeyUsage = u }
	}
	signing := pki.Leaf(testpki.RSA2048)
	decrypting := pki.Leaf(testpki.RSA2048, usage(x509.KeyUsageKeyEncipherment|x509.KeyUsageDataEncipherment))
	agreeing := pki.Leaf(testpki.P256, usage(x509.KeyUsageKeyAgreement))
	stamping := pki.Leaf(testpki.P256, testpki.Usages(true, testpki.TimeStamping))
	open := func(all ...testpki.Identity) *soft.Provider {
		var data []byte
		for _, id := range all {
			data = append(append(data, testpki.KeyPEM(t, id.Key)...), testpki.CertPEM(id.Chain...)...)
		}
		p, err := soft.Parse(t.Context(), "both.pem", data, soft.Config{})
		require.NoError(t, err)
		return p
	}
	for _, all := range [][]testpki.Identity{{signing, decrypting}, {decrypting, signing}, {agreeing, stamping, signing, decrypting}} {
		for _, ref := range []sign.Ref{{}, {Label: "both.pem"}} {
			key, err := open(all...).Key(t.Context(), ref)
			require.NoError(t, err)
			require.Equal(t, signing.Key.Public(), key.Public())
		}
		key, err := open(all...).Key(t.Context(), sign.Ref{Certificate: decrypting.Certificate()})
		require.NoError(t, err)
		require.Equal(t, decrypting.Key.Public(), key.Public())
	}
	// Nothing is guessed where that leaves two, or none, or a key that may be for anything.
	for name, all := range map[string][]testpki.Identity{
		"two to sign": {signing, pki.Leaf(testpki.RSA2048), decrypting}, "none": {decrypting, agreeing}, "one without a certificate": {signing, {Key: agreeing.Key}},
	} {
		_, err := open(all...).Key(t.Context(), sign.Ref{})
		require.ErrorIs(t, err, sign.ErrKeyAmbiguous, name)
	}
}
