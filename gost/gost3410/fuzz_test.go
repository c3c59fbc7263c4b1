package gost3410

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzSign compares keys, signatures and verification with math/big.
func FuzzSign(f *testing.F) {
	for i := range sets {
		f.Add(uint8(i), []byte{1}, []byte{2}, []byte{3}, uint16(7))
		f.Add(uint8(i), []byte{0xff, 0xff}, make([]byte, 64), []byte{}, uint16(1000))
	}
	all := references(f)
	f.Fuzz(func(t *testing.T, which uint8, private, nonce, hash []byte, flip uint16) {
		r := all[int(which)%len(all)]
		most := new(big.Int).Sub(r.q, big.NewInt(1))
		scalar := func(b []byte) *big.Int { // from 1 to q-1, with the octets as the highest
			b = append(append([]byte{}, b...), make([]byte, r.size)...)[:r.size]
			n := new(big.Int).SetBytes(b)
			return n.Mod(n, most).Add(n, big.NewInt(1))
		}
		d, k := scalar(private), scalar(nonce)
		digest := append(append([]byte{}, hash...), make([]byte, r.size)...)[:r.size]
		key := r.private(t, d)
		x, y := r.times(d, r.x, r.y)
		require.Equal(t, r.little(x, y), key.PublicKey().Bytes())
		w := wordsOf(k)
		want := r.sign(d, k, digest)
		require.Equal(t, want, key.signWith(digest, &w))
		if want == nil {
			return
		}
		require.True(t, key.PublicKey().Verify(digest, want))
		want[int(flip/8)%len(want)] ^= 1 << (flip % 8)
		require.Equal(t, r.verify(x, y, digest, want), key.PublicKey().Verify(digest, want))
	})
}

// FuzzVerify gives any octets as a signature and a digest, and compares with math/big.
func FuzzVerify(f *testing.F) {
	all := references(f)
	for i, r := range all {
		f.Add(uint8(i), make([]byte, r.size), append(r.little(r.x), r.little(r.x)...))
	}
	f.Fuzz(func(t *testing.T, which uint8, digest, signature []byte) {
		r := all[int(which)%len(all)]
		key := r.private(t, big.NewInt(1))
		got := key.PublicKey().Verify(digest, signature)
		if len(digest) != r.size || len(signature) != 2*r.size {
			require.False(t, got)
			return
		}
		require.Equal(t, r.verify(r.x, r.y, digest, signature), got)
	})
}

// FuzzParsePublicKey takes any octets for a key: what is taken is a point of the curve and of the order q, and comes out as it went in.
func FuzzParsePublicKey(f *testing.F) {
	all := references(f)
	for i, r := range all {
		f.Add(uint8(i), r.little(r.x, r.y))
	}
	f.Fuzz(func(t *testing.T, which uint8, xy []byte) {
		r := all[int(which)%len(all)]
		key, err := ParsePublicKey(r.Curve, xy)
		if err != nil {
			return
		}
		require.Equal(t, xy, key.Bytes())
		x, y := fromLittle(xy[:r.size]), fromLittle(xy[r.size:])
		right := new(big.Int).Exp(x, big.NewInt(3), r.p)
		right.Add(right, new(big.Int).Mul(r.a, x)).Add(right, r.b)
		require.Zero(t, r.mod(right).Cmp(r.mod(new(big.Int).Mul(y, y))))
		if r.cofactor != 1 {
			at, _ := r.times(r.q, x, y)
			require.Nil(t, at)
		}
	})
}
