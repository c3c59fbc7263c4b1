package validate_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// BenchmarkValidate is what the judgement of a message costs beside the public-key operations that it cannot do without: of a BES
// by RSA-2048 under authorities with P-256, three. An LTA has two time-stamps, whose chains have an authority in common, and CRLs.
func BenchmarkValidate(b *testing.B) {
	pki := testpki.New(b)
	id := pki.Leaf(testpki.RSA2048)
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(b, err)
	s, err := sign.New(key, id.Chain, testpki.Must(sign.PKCS1(crypto.SHA256)))
	require.NoError(b, err)
	tsa, source := testlevels.Authority(b, pki, nil), testlevels.NewSource(b, pki)
	text := make([]byte, 500)
	sum := sha256.Sum256(text)
	value, err := id.Key.Sign(nil, sum[:], crypto.SHA256)
	require.NoError(b, err)
	pub, above := id.Key.Public().(*rsa.PublicKey), pki.Authority.Key.Public().(*ecdsa.PublicKey)
	issued, err := pki.Authority.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	require.NoError(b, err)
	for name, others := range map[string]int{"operations of a BES": 2, "operations of an LTA": 7} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				sum := sha256.Sum256(text)
				if rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], value) != nil {
					b.Fatal()
				}
				for range others { // the certificates below the root; tokens, those of their authorities, and CRLs
					sum := sha256.Sum256(text)
					if !ecdsa.VerifyASN1(above, sum[:], issued) {
						b.Fatal()
					}
				}
			}
		})
	}
	for name, level := range map[string]cades.Level{"BES": cades.LevelBES, "LTA": cades.LevelLTA} {
		der, err := cades.Sign(context.Background(), s, sign.Bytes("", content), &cades.Options{Attached: true, Level: level, Timestamper: tsa, Revocation: source})
		require.NoError(b, err)
		for _, fresh := range []bool{false, true} {
			o := &cades.VerifyOptions{Roots: pki.Roots()}
			which := name
			if fresh {
				which += ", the first of its authority"
			}
			b.Run(which, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if fresh { // roots remember which certificates lead to them
						o.Roots = pki.Roots()
					}
					m, err := cades.Parse(der)
					if err != nil {
						b.Fatal(err)
					}
					r, err := m.Verify(context.Background(), sign.Content{}, o)
					if err != nil || !r.Trusted() {
						b.Fatal(err, r.Signatures[0].Reason)
					}
				}
			})
		}
	}
}

// BenchmarkMany judges small files of many signers of one authority, as many at once as there are processors (-cpu 1,2).
func BenchmarkMany(b *testing.B) {
	pki := testpki.New(b)
	var files [][]byte
	for range 50 {
		id := pki.Leaf(testpki.P256)
		key, err := soft.NewKey(id.Key, 0)
		require.NoError(b, err)
		s, err := sign.New(key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
		require.NoError(b, err)
		for range 4 {
			der, err := cades.Sign(context.Background(), s, sign.Bytes("", content), &cades.Options{Attached: true})
			require.NoError(b, err)
			files = append(files, der)
		}
	}
	o := &cades.VerifyOptions{Roots: pki.Roots()}
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for i := 0; p.Next(); i++ {
			m, err := cades.Parse(files[i%len(files)])
			if err != nil {
				b.Error(err)
				return
			}
			if r, err := m.Verify(context.Background(), sign.Content{}, o); err != nil || !r.Trusted() {
				b.Error("not valid")
				return
			}
		}
	})
}
