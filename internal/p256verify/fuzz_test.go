package p256verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/binary"
	"math/big"
	"testing"
)

// FuzzVerify compares with crypto/ecdsa: signatures as they come, and such as an attacker makes, who chooses the scalars.
func FuzzVerify(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), zeros{})
	if err != nil {
		f.Fatal(err)
	}
	digest := make([]byte, 32)
	signature, err := ecdsa.SignASN1(zeros{}, key, digest)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{1}, digest, signature, uint32(0))
	f.Add([]byte{2}, digest, encode(f, big.NewInt(1), big.NewInt(1)), uint32(0x01000000))
	f.Add([]byte{0xff, 0xff}, []byte{1}, []byte{3}, uint32(1))
	secret, err := key.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(secret, digest, signature, uint32(0))
	f.Fuzz(func(t *testing.T, secret, digest, signature []byte, change uint32) {
		mod := func(b []byte) *big.Int {
			k := new(big.Int).SetBytes(b)
			k.Mod(k, curveOrder)
			if k.Sign() == 0 {
				k.SetInt64(1)
			}
			return k
		}
		d := mod(secret)
		v := ready(t, times(t, d).key())
		agree(t, v, digest, signature)
		canonical(t, signature)
		e, made := chosen(t, d, new(big.Int).Mod(new(big.Int).SetBytes(digest), curveOrder), mod(signature))
		agree(t, v, e, made)
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], change)
		made[int(b[0])%len(made)] ^= b[1]
		e[b[2]%32] ^= b[3]
		agree(t, v, e, made)
		canonical(t, made)
	})
}

// FuzzField compares with math/big.
func FuzzField(f *testing.F) {
	f.Add([]byte{}, []byte{1})
	f.Add(fieldPrime.Bytes(), curveOrder.Bytes())
	byField, byOrder := new(big.Int).ModInverse(radix, fieldPrime), new(big.Int).ModInverse(radix, curveOrder)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, y := new(big.Int).SetBytes(a), new(big.Int).SetBytes(b)
		mod := func(x, m *big.Int) [4]uint64 { return toWords(new(big.Int).Mod(x, m)) }
		product := new(big.Int).Mul(x, y)
		p, q := element(mod(x, fieldPrime)), element(mod(y, fieldPrime))
		var z element
		if z.mul(&p, &q); z != mod(new(big.Int).Mul(product, byField), fieldPrime) {
			t.Fatalf("mul of %x and %x", p, q)
		}
		made := z
		if z.mulGo(&p, &q); z != made {
			t.Fatalf("mulGo of %x and %x", p, q)
		}
		if z.sub(&p, &q); z != mod(new(big.Int).Sub(x, y), fieldPrime) {
			t.Fatalf("sub of %x and %x", p, q)
		}
		product.Mul(x, x)
		if z.sqr(&p); z != mod(product.Mul(product, byField), fieldPrime) {
			t.Fatalf("sqr of %x", p)
		}
		made = z
		if z.sqrGo(&p); z != made {
			t.Fatalf("sqrGo of %x", p)
		}
		u, v := mod(x, curveOrder), mod(y, curveOrder)
		product.Mul(x, y)
		if mulOrder(&u, &v) != mod(product.Mul(product, byOrder), curveOrder) {
			t.Fatalf("product of %x and %x modulo n", u, v)
		}
	})
}

// zeros makes inputs that are the same in each process.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
