package sign_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestSignatureAlg compares with the AlgorithmIdentifiers that the standard library writes into certificates.
func TestSignatureAlg(t *testing.T) {
	pki := testpki.New(t)
	r, e, d := pki.Leaf(testpki.RSA2048).Key, pki.Leaf(testpki.P256).Key, pki.Leaf(testpki.Ed25519).Key
	for algorithm, c := range map[x509.SignatureAlgorithm]struct {
		key    crypto.Signer
		scheme sign.Scheme
		name   string
	}{
		x509.SHA256WithRSA:    {r, testpki.Must(sign.PKCS1(crypto.SHA256)), "rsa-pkcs1-sha256"},
		x509.SHA384WithRSA:    {r, testpki.Must(sign.PKCS1(crypto.SHA384)), "rsa-pkcs1-sha384"},
		x509.SHA512WithRSA:    {r, testpki.Must(sign.PKCS1(crypto.SHA512)), "rsa-pkcs1-sha512"},
		x509.SHA256WithRSAPSS: {r, testpki.Must(sign.PSS(crypto.SHA256)), "rsa-pss-sha256"},
		x509.SHA384WithRSAPSS: {r, testpki.Must(sign.PSS(crypto.SHA384)), "rsa-pss-sha384"},
		x509.SHA512WithRSAPSS: {r, testpki.Must(sign.PSS(crypto.SHA512)), "rsa-pss-sha512"},
		x509.ECDSAWithSHA256:  {e, testpki.Must(sign.ECDSA(crypto.SHA256)), "ecdsa-sha256"},
		x509.ECDSAWithSHA384:  {e, testpki.Must(sign.ECDSA(crypto.SHA384)), "ecdsa-sha384"},
		x509.ECDSAWithSHA512:  {e, testpki.Must(sign.ECDSA(crypto.SHA512)), "ecdsa-sha512"},
		x509.PureEd25519:      {d, sign.Ed25519(), "ed25519"},
	} {
		t.Run(algorithm.String(), func(t *testing.T) {
			cert := pki.SelfSigned(c.key, "scheme", func(c *x509.Certificate) { c.SignatureAlgorithm = algorithm }).Certificate()
			var fields struct {
				TBS, Algorithm asn1.RawValue
				Signature      asn1.BitString
			}
			_, err := asn1.Unmarshal(cert.Raw, &fields)
			require.NoError(t, err)
			require.Equal(t, fields.Algorithm.FullBytes, c.scheme.SignatureAlg)
			require.Equal(t, c.name, c.scheme.Name)
			found, err := sign.SchemeByName(c.name)
			require.NoError(t, err)
			require.Equal(t, c.scheme.SignatureAlg, found.SignatureAlg)
		})
	}
}

func TestDigestAlg(t *testing.T) {
	for h, oid := range map[crypto.Hash]asn1.ObjectIdentifier{
		crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
		crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2},
		crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
	} {
		want, err := asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: oid})
		require.NoError(t, err)
		for _, s := range []sign.Scheme{testpki.Must(sign.PKCS1(h)), testpki.Must(sign.PSS(h)), testpki.Must(sign.ECDSA(h))} {
			require.Equal(t, want, s.DigestAlg, s.Name)
			require.Equal(t, h.Size(), s.NewHash().Size(), s.Name)
			require.Equal(t, h, s.Opts.HashFunc(), s.Name)
			require.False(t, s.Whole)
		}
	}
	s := sign.Ed25519()
	require.Equal(t, testpki.Must(sign.PKCS1(crypto.SHA512)).DigestAlg, s.DigestAlg, "RFC 8419 section 2.3")
	require.Equal(t, 64, s.NewHash().Size())
	require.True(t, s.Whole)
	require.Zero(t, s.Opts.HashFunc())
}

func TestOtherHashes(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	for _, h := range []crypto.Hash{0, crypto.MD5, crypto.SHA1, crypto.SHA224, crypto.SHA3_256, 250} {
		for _, family := range []func(crypto.Hash) (sign.Scheme, error){sign.PKCS1, sign.PSS, sign.ECDSA} {
			s, err := family(h)
			require.ErrorIs(t, err, sign.ErrUnsupported)
			require.ErrorContains(t, err, "SHA-256")
			require.Equal(t, sign.Scheme{}, s)
			_, err = sign.New(nil, id.Chain, s)
			require.ErrorIs(t, err, sign.ErrInput)
		}
		_, err := sign.DigestAlgorithm(h)
		require.ErrorIs(t, err, sign.ErrUnsupported)
		_, err = sign.NewDigest(h, make([]byte, 32))
		require.ErrorIs(t, err, sign.ErrUnsupported)
	}
	for _, size := range []int{0, 31, 33} {
		_, err := sign.NewDigest(crypto.SHA256, make([]byte, size))
		require.ErrorIs(t, err, sign.ErrInput)
		require.ErrorContains(t, err, "32")
	}
}

func TestSchemes(t *testing.T) {
	names := func(pub crypto.PublicKey) (all []string) {
		for _, s := range sign.Schemes(pub) {
			all = append(all, s.Name)
		}
		return all
	}
	pki := testpki.New(t)
	for kind, best := range map[testpki.Kind]string{
		testpki.RSA2048: "rsa-pkcs1-sha256", testpki.P256: "ecdsa-sha256", testpki.P384: "ecdsa-sha384", testpki.P521: "ecdsa-sha512", testpki.Ed25519: "ed25519",
	} {
		require.Equal(t, best, names(pki.Leaf(kind).Key.Public())[0])
	}
	require.Len(t, names(pki.Leaf(testpki.RSA2048).Key.Public()), 6)
	short := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
	require.NotContains(t, names(short), "rsa-pss-sha512", "1024 bits are too few for it")
	require.Empty(t, names(nil))
	require.Empty(t, names(elliptic.P224()))
}

func TestSchemeByName(t *testing.T) {
	s, err := sign.SchemeByName("RSA-PSS-SHA384")
	require.NoError(t, err)
	require.Equal(t, "rsa-pss-sha384", s.Name)
	_, err = sign.SchemeByName("rsa-pss-sha1")
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.ErrorContains(t, err, "ecdsa-sha256")
}
