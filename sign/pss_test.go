package sign_test

import (
	"bytes"
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
	sha512 := params(testpki.Must(sign.PSS(crypto.SHA512)))
	long := append([]byte(nil), sha512...)
	long[len(long)-1] = 65 // the last octet is the salt length
	restricted := func(hash, mask asn1.ObjectIdentifier, salt, trailer int) []byte {
		inner, err := asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: mask, Parameters: asn1.NullRawValue})
		require.NoError(t, err)
		der, err := asn1.Marshal(struct {
			Hash    pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
			MGF     pkix.AlgorithmIdentifier `asn1:"explicit,tag:1"`
			Salt    int                      `asn1:"explicit,tag:2"`
			Trailer int                      `asn1:"explicit,tag:3"`
		}{pkix.AlgorithmIdentifier{Algorithm: hash}, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}, Parameters: asn1.RawValue{FullBytes: inner}}, salt, trailer})
		require.NoError(t, err)
		return der
	}
	idSHA1, idSHA256 := asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	for name, c := range map[string]struct {
		params []byte
		best   string
		says   string
	}{
		"SHA-256":         {params: params(testpki.Must(sign.PSS(crypto.SHA256))), best: "rsa-pss-sha256"},
		"SHA-512":         {params: sha512, best: "rsa-pss-sha512"},
		"shorter salt":    {params: append(append([]byte(nil), sha512[:len(sha512)-1]...), 40), best: "rsa-pss-sha512"},
		"salt too long":   {params: long, says: "a salt of 65 octets or more"},
		"SHA-1, default":  {params: []byte{0x30, 0}, says: "RSASSA-PSS with SHA-1, a mask by SHA-1 and a salt of 20 octets or more"},
		"mask of its own": {params: restricted(idSHA256, idSHA1, 20, 1), says: "RSASSA-PSS with SHA-256, a mask by SHA-1"},
		"the same mask":   {params: restricted(idSHA256, idSHA256, 20, 1), best: "rsa-pss-sha256"},
		"trailer 2":       {params: restricted(idSHA256, idSHA256, 20, 2), says: "malformed"},
		"negative salt":   {params: restricted(idSHA256, idSHA256, -1, 1), says: "malformed"},
		"another mask":    {params: bytes.Replace(sha512, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"), []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x18"), 1), says: "is not MGF1"},
		"another field":   {params: append([]byte{0x30, sha512[1] + 5}, append(append([]byte(nil), sha512[2:]...), 0xa4, 3, 2, 1, 1)...), says: "malformed"},
		"no parameters":   {params: []byte{0x04, 0}, says: "malformed"},
		"NULL":            {params: []byte{0x05, 0}, best: "rsa-pss-sha256"},
	} {
		t.Run(name, func(t *testing.T) {
			id := pki.PSSLeafFor(testpki.RSA2048, c.params)
			p, err := soft.New(id.Key, soft.Config{Certificates: id.Chain})
			require.NoError(t, err)
			signer, err := sign.Open(t.Context(), p, sign.Ref{})
			every, err2 := sign.SchemesOf(id.Certificate().RawSubjectPublicKeyInfo)
			if c.best == "" {
				class := sign.ErrUnsupported
				if c.says == "malformed" || c.says == "is not MGF1" {
					class = sign.ErrInput
				}
				for _, err := range []error{err, err2} {
					require.ErrorIs(t, err, class)
					require.ErrorContains(t, err, c.says)
					require.NotContains(t, err.Error(), " 0 ")
				}
				for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
					_, err = sign.Open(t.Context(), p, sign.Ref{}, sign.WithScheme(testpki.Must(sign.PSS(h))))
					require.ErrorIs(t, err, class)
				}
				return
			}
			require.NoError(t, err)
			require.NoError(t, err2)
			require.Equal(t, c.best, signer.Scheme().Name)
			require.Equal(t, c.best, every[0].Name)
			if name == "NULL" {
				require.Len(t, every, 3)
				return
			}
			require.Len(t, every, 1)
			for _, other := range []sign.Scheme{testpki.Must(sign.PSS(crypto.SHA384)), testpki.Must(sign.PKCS1(crypto.SHA256)), testpki.Must(sign.PKCS1(crypto.SHA512))} {
				_, err = sign.Open(t.Context(), p, sign.Ref{}, sign.WithScheme(other))
				require.ErrorIs(t, err, sign.ErrUnsupported)
				require.ErrorContains(t, err, other.Name)
			}
		})
	}
}

// TestSchemesOf is that of Schemes for keys of other kinds.
func TestSchemesOf(t *testing.T) {
	pki := testpki.New(t)
	all, err := sign.SchemesOf(pki.Leaf(testpki.P256).Certificate().RawSubjectPublicKeyInfo)
	require.NoError(t, err)
	require.Equal(t, "ecdsa-sha256", all[0].Name)
	all, err = sign.SchemesOf(pki.Leaf(testpki.RSA2048).Certificate().RawSubjectPublicKeyInfo)
	require.NoError(t, err)
	require.Equal(t, "rsa-pkcs1-sha256", all[0].Name)
	_, err = sign.SchemesOf([]byte("no key"))
	require.ErrorIs(t, err, sign.ErrUnsupported)
}
