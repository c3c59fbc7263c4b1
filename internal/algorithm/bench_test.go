package algorithm_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"testing"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/stretchr/testify/require"
)

// BenchmarkVerify compares a check from the octets of key and value with the bare call of a key that is parsed already.
func BenchmarkVerify(b *testing.B) {
	digest := sha256.Sum256([]byte("message"))
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(b, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	rsaSignature, err := rsaKey.Sign(rand.Reader, digest[:], crypto.SHA256)
	require.NoError(b, err)
	ecSignature, err := ecKey.Sign(rand.Reader, digest[:], crypto.SHA256)
	require.NoError(b, err)
	registry := func(b *testing.B, public crypto.PublicKey, id cms.OID, signature []byte) {
		spki, err := x509.MarshalPKIXPublicKey(public)
		require.NoError(b, err)
		check := &algorithm.SignatureCheck{Algorithm: cms.Algorithm{ID: id}, Digest: cms.OIDSHA256, Signature: signature, SPKI: spki}
		var r algorithm.Registry
		for b.Loop() {
			if _, err := r.Verify(check, nil, digest[:]); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("rsa-2048/bare", func(b *testing.B) {
		for b.Loop() {
			if rsa.VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, digest[:], rsaSignature) != nil {
				b.Fatal("wrong")
			}
		}
	})
	b.Run("rsa-2048/registry", func(b *testing.B) { registry(b, rsaKey.Public(), cms.OIDSHA256WithRSA, rsaSignature) })
	b.Run("p256/bare", func(b *testing.B) {
		for b.Loop() {
			if !ecdsa.VerifyASN1(&ecKey.PublicKey, digest[:], ecSignature) {
				b.Fatal("wrong")
			}
		}
	})
	b.Run("p256/registry", func(b *testing.B) { registry(b, ecKey.Public(), cms.OIDECDSAWithSHA256, ecSignature) })
	for _, name := range []string{"brainpoolP256r1-named_curve-uncompressed-sha256", "brainpoolP512r1-named_curve-uncompressed-sha256", "secp384r1-named_curve-uncompressed-sha256", "secp521r1-named_curve-uncompressed-sha256", "dsa-2048-sha256", "ed25519"} {
		message, v := named(b, name)
		check := v.check(b)
		b.Run(name, func(b *testing.B) {
			var r algorithm.Registry
			for b.Loop() {
				if _, err := r.Verify(check, message, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("judge", func(b *testing.B) {
		spki, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
		require.NoError(b, err)
		var r algorithm.Registry
		q := algorithm.Question{Use: algorithm.UseCertificate, Algorithm: cms.Algorithm{ID: cms.OIDSHA256WithRSA}, SPKI: spki}
		for b.Loop() {
			r.Judge(q)
		}
	})
}
