package p256verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"
)

func BenchmarkVerify(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte("message"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	b.Run("crypto/ecdsa", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("tables", func(b *testing.B) {
		v := New(&key.PublicKey, nil)
		for range startAt {
			v.Verify(digest[:], signature)
		}
		b.ReportAllocs()
		for b.Loop() {
			if !v.certain(digest[:], signature) {
				b.Fatal("refused")
			}
		}
	})
}

func BenchmarkTable(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	v := New(&key.PublicKey, nil)
	for b.Loop() {
		newTable(&v.point)
	}
}

func BenchmarkField(b *testing.B) {
	x, y := square, one
	b.Run("mul", func(b *testing.B) {
		for range b.N {
			x.mul(&x, &y)
		}
	})
	b.Run("sqr", func(b *testing.B) {
		for range b.N {
			x.sqr(&x)
		}
	})
	b.Run("sub", func(b *testing.B) {
		for range b.N {
			x.sub(&x, &y)
		}
	})
	b.Run("add point", func(b *testing.B) {
		t := baseTable()
		var p extended
		p.set(&t[1][0])
		for range b.N {
			p.add(&t[0][3], 0)
		}
	})
	b.Run("double", func(b *testing.B) {
		t := baseTable()
		var p extended
		p.set(&t[1][0])
		for range b.N {
			p.double()
		}
	})
	b.Run("scalars", func(b *testing.B) {
		r := [4]uint64{1, 2, 3, 4}
		s := [4]uint64{5, 6, 7, 8}
		for range b.N {
			s, r, _ = scalars(&r, &s, &s)
			s[0] ^= 0x12345
		}
	})
}

func BenchmarkNew(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		New(&key.PublicKey, nil)
	}
}
