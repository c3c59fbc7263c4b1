package soft_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/stretchr/testify/require"
)

// TestPSSRestrictedKeyFile has the parameters in the key file, whatever the certificate says.
func TestPSSRestrictedKeyFile(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.RSA2048)
	parameters := func(s sign.Scheme) []byte {
		var a pkix.AlgorithmIdentifier
		_, err := asn1.Unmarshal(s.SignatureAlg, &a)
		require.NoError(t, err)
		return a.Parameters.FullBytes
	}
	file := func(params []byte) string {
		der, err := asn1.Marshal(struct {
			Version   int
			Algorithm pkix.AlgorithmIdentifier
			Key       []byte
		}{0, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}, Parameters: asn1.RawValue{FullBytes: params}}, x509.MarshalPKCS1PrivateKey(id.Key.(*rsa.PrivateKey))})
		require.NoError(t, err)
		octets := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		for _, c := range id.Chain {
			octets = append(octets, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
		}
		name := filepath.Join(t.TempDir(), "key.pem")
		require.NoError(t, os.WriteFile(name, octets, 0o600))
		return name
	}
	p, err := soft.Open(t.Context(), file(parameters(testpki.Must(sign.PSS(crypto.SHA384)))), soft.Config{})
	require.NoError(t, err)
	signer, err := sign.Open(t.Context(), p, sign.Ref{})
	require.NoError(t, err)
	require.Equal(t, "rsa-pss-sha384", signer.Scheme().Name)
	key := signer.Key()
	_, err = key.SignContext(t.Context(), make([]byte, 48), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA384})
	require.NoError(t, err)
	_, err = p.MarshalPKCS8(t.Context(), key)
	require.ErrorIs(t, err, sign.ErrUnsupported, "the copy would not say what the key is for")
	for _, refused := range []crypto.SignerOpts{crypto.SHA384, crypto.SHA256, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA512}} {
		_, err = key.SignContext(t.Context(), make([]byte, refused.HashFunc().Size()), refused)
		require.ErrorIs(t, err, sign.ErrUnsupported)
	}

	_, err = soft.Open(t.Context(), file([]byte{0x30, 0}), soft.Config{}) // RFC 4055 section 3.1: the defaults are of SHA-1
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.ErrorContains(t, err, "a mask by SHA-1")
	_, err = soft.Open(t.Context(), file([]byte{0x30, 2, 4, 0}), soft.Config{})
	require.ErrorIs(t, err, sign.ErrInput)
}
