package gost3410

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func BenchmarkSign(b *testing.B) {
	for _, c := range Curves() {
		b.Run(c.Name(), func(b *testing.B) {
			key, err := GenerateKey(c)
			require.NoError(b, err)
			digest := bytes.Repeat([]byte{1}, c.Size())
			for b.Loop() {
				_, _ = key.Sign(nil, digest, nil)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, c := range Curves() {
		b.Run(c.Name(), func(b *testing.B) {
			key, err := GenerateKey(c)
			require.NoError(b, err)
			digest := bytes.Repeat([]byte{1}, c.Size())
			signature, err := key.Sign(nil, digest, nil)
			require.NoError(b, err)
			for b.Loop() {
				if !key.PublicKey().Verify(digest, signature) {
					b.Fatal()
				}
			}
		})
	}
}

// BenchmarkVerifiers is verification by a key that has a table, and BenchmarkPrepare makes one.
func BenchmarkVerifiers(b *testing.B) {
	for _, c := range Curves()[:7] {
		b.Run(c.Name(), func(b *testing.B) {
			key, err := GenerateKey(c)
			require.NoError(b, err)
			digest := bytes.Repeat([]byte{1}, c.Size())
			signature, err := key.Sign(nil, digest, nil)
			require.NoError(b, err)
			var v Verifiers
			for range tableAt {
				v.Verify(key.PublicKey(), digest, signature)
			}
			for b.Loop() {
				if !v.Verify(key.PublicKey(), digest, signature) {
					b.Fatal()
				}
			}
		})
	}
}

func BenchmarkPrepare(b *testing.B) {
	for _, c := range Curves()[:7] {
		b.Run(c.Name(), func(b *testing.B) {
			key, err := GenerateKey(c)
			require.NoError(b, err)
			for b.Loop() {
				prepare(key.PublicKey())
			}
		})
	}
}
