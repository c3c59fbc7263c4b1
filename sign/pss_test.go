package sign_test

import (
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/stretchr/testify/require"
)

// TestPSSParameters keeps to the hash and the salt that a certificate names.
func TestPSSParameters(t *testing.T) {
	pki := testpki.New(t)
	params := func(s sign.Scheme) []byte {
		var algorithm pkix.AlgorithmIdentifier
		_, err := asn1.Unmarshal(s.SignatureAlg, &algorithm)
		require.NoError(t, err)
		return algorithm.Parameters.FullBytes
	}
	sha512 := params(sign.PSS(crypto.SHA512))
	long := append([]byte(nil), sha512...)
	long[len(long)-1] = 65 // the last octet is the salt length
	for name, c := range map[string]struct {
		params []byte
		best   string
	}{
		"SHA-256":        {params(sign.PSS(crypto.SHA256)), "rsa-pss-sha256"},
		"SHA-512":        {sha512, "rsa-pss-sha512"},
		"shorter salt":   {append(append([]byte(nil), sha512[:len(sha512)-1]...), 40), "rsa-pss-sha512"},
		"salt too long":  {long, ""},
		"SHA-1, default": {[]byte{0x30, 0}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			id := pki.PSSLeafFor(testpki.RSA2048, c.params)
			p, err := soft.FromSigner(id.Key, soft.Config{Certificates: id.Chain})
			require.NoError(t, err)
			signer, err := sign.Open(t.Context(), p, sign.Ref{})
			if c.best == "" {
				require.ErrorIs(t, err, sign.ErrUnsupported)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.best, signer.Scheme().Name)
			_, err = sign.Open(t.Context(), p, sign.Ref{}, sign.WithScheme(sign.PSS(crypto.SHA384)))
			require.ErrorIs(t, err, sign.ErrUnsupported)
		})
	}
}
