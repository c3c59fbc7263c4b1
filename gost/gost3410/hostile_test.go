package gost3410

import (
	"bytes"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRanges refuses r and s that are 0, or not less than q, also where they would be right modulo q: a signature has one form.
func TestRanges(t *testing.T) {
	for _, r := range references(t) {
		t.Run(r.name, func(t *testing.T) {
			key := r.private(t, r.random(t))
			digest := bytes.Repeat([]byte{9}, r.size)
			join := func(s, rr *big.Int) []byte {
				return append(s.FillBytes(make([]byte, r.size)), rr.FillBytes(make([]byte, r.size))...)
			}
			signature, err := key.Sign(nil, digest, nil)
			require.NoError(t, err)
			s, rr := new(big.Int).SetBytes(signature[:r.size]), new(big.Int).SetBytes(signature[r.size:])
			require.True(t, key.PublicKey().Verify(digest, join(s, rr)))
			for _, bad := range []*big.Int{new(big.Int), r.q, new(big.Int).Add(r.q, big.NewInt(1)), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*r.size)), big.NewInt(1))} {
				require.False(t, key.PublicKey().Verify(digest, join(bad, rr)))
				require.False(t, key.PublicKey().Verify(digest, join(s, bad)))
				require.False(t, key.PublicKey().Verify(digest, join(bad, bad)))
			}
			for _, n := range []*big.Int{s, rr} {
				if more := new(big.Int).Add(n, r.q); more.BitLen() <= 8*r.size {
					require.False(t, key.PublicKey().Verify(digest, bytes.ReplaceAll(join(s, rr), n.FillBytes(make([]byte, r.size)), more.FillBytes(make([]byte, r.size)))))
				}
			}
			// -s is of another digest, and so is r || s.
			require.False(t, key.PublicKey().Verify(digest, join(new(big.Int).Sub(r.q, s), rr)))
			require.False(t, key.PublicKey().Verify(digest, join(rr, s)))
			for _, n := range []int{0, 1, r.size, 2*r.size - 1, 2*r.size + 1} {
				require.False(t, key.PublicKey().Verify(digest, make([]byte, n)))
			}
			require.False(t, key.PublicKey().Verify(digest[1:], signature))
			require.False(t, key.PublicKey().Verify(append(digest, 0), signature))
			require.False(t, key.PublicKey().Verify(nil, nil))
		})
	}
}

// TestInfinity has signatures that lead to infinity, and to the sum of a point and itself or its opposite.
func TestInfinity(t *testing.T) {
	for _, r := range references(t) {
		for _, d := range []*big.Int{big.NewInt(1), r.random(t)} {
			key := r.private(t, d)
			x, y := r.times(d, r.x, r.y)
			digest := r.little(r.random(t))
			table := prepare(key.PublicKey())
			rr := r.random(t)
			for _, factor := range []int64{1, -1, 2} {
				// s = f r d: z1 P = -f z2 Q
				s := new(big.Int).Mul(rr, d)
				s.Mul(s, big.NewInt(factor)).Mod(s, r.q)
				signature := append(s.FillBytes(make([]byte, r.size)), rr.FillBytes(make([]byte, r.size))...)
				want := r.verify(x, y, digest, signature)
				require.Equal(t, want, key.PublicKey().Verify(digest, signature))
				require.Equal(t, want, key.PublicKey().verify(digest, signature, table))
			}
			// -r d = k e / 2 makes both sums the same, and right: s = k e + r d = -r d.
			k := r.random(t)
			px, _ := r.times(k, r.x, r.y)
			rr = new(big.Int).Mod(px, r.q)
			e := new(big.Int).Mul(rr, d)
			e.Mul(e, big.NewInt(-2)).Mul(e, new(big.Int).ModInverse(k, r.q)).Mod(e, r.q)
			signature := r.sign(d, k, r.little(e))
			require.NotNil(t, signature)
			require.True(t, key.PublicKey().Verify(r.little(e), signature), r.name)
			require.True(t, key.PublicKey().verify(r.little(e), signature, table), r.name)
		}
	}
}

// TestPrivateRange refuses numbers that are no keys.
func TestPrivateRange(t *testing.T) {
	for _, r := range references(t) {
		for _, d := range []*big.Int{new(big.Int), r.q, new(big.Int).Add(r.q, big.NewInt(1))} {
			_, err := NewPrivateKey(r.Curve, r.little(d))
			require.ErrorContains(t, err, "no private key on "+r.name)
		}
		_, err := NewPrivateKey(r.Curve, bytes.Repeat([]byte{0xff}, r.size))
		require.Error(t, err)
		_, err = NewPrivateKey(r.Curve, make([]byte, r.size+1))
		require.ErrorContains(t, err, "octets and not")
	}
	_, err := NewPrivateKey(nil, nil)
	require.Error(t, err)
	_, err = GenerateKey(nil)
	require.Error(t, err)
	_, err = ParsePublicKey(nil, nil)
	require.Error(t, err)
}

// TestPublicKeys refuses points off the curve and coordinates that are not reduced.
func TestPublicKeys(t *testing.T) {
	for _, r := range references(t) {
		good := r.little(r.x, r.y)
		_, err := ParsePublicKey(r.Curve, good)
		require.NoError(t, err)
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 0x10
			_, err := ParsePublicKey(r.Curve, bad)
			require.Error(t, err)
		}
		if more := new(big.Int).Add(r.x, r.p); more.BitLen() <= 8*r.size {
			_, err = ParsePublicKey(r.Curve, r.little(more, r.y))
			require.ErrorContains(t, err, "too large")
		}
		_, err = ParsePublicKey(r.Curve, make([]byte, 2*r.size))
		require.ErrorContains(t, err, "no point")
		_, err = ParsePublicKey(r.Curve, good[1:])
		require.ErrorContains(t, err, "octets and not")
		_, err = ParsePublicKey(r.Curve, bytes.Repeat([]byte{0xff}, 2*r.size))
		require.Error(t, err)
	}
}

// TestSubgroup refuses points of the curves of cofactor 4 that are not multiples of the base point: those of order 2 and 4, and sums of
// them and others.
func TestSubgroup(t *testing.T) {
	for _, r := range references(t) {
		if r.cofactor == 1 {
			continue
		}
		// Points of all orders: q times any point has order 1, 2 or 4.
		var small []([2]*big.Int)
		for x := int64(1); len(small) < 12; x++ {
			xx := big.NewInt(x)
			right := new(big.Int).Exp(xx, big.NewInt(3), r.p)
			right.Add(right, new(big.Int).Mul(r.a, xx)).Add(right, r.b)
			y := new(big.Int).ModSqrt(r.mod(right), r.p)
			if y == nil {
				continue
			}
			if a, b := r.times(r.q, xx, y); a != nil {
				small = append(small, [2]*big.Int{a, b})
				_, err := ParsePublicKey(r.Curve, r.little(xx, y))
				require.ErrorContains(t, err, "another order")
			} else {
				_, err := ParsePublicKey(r.Curve, r.little(xx, y))
				require.NoError(t, err)
			}
		}
		orders := map[int]int{}
		for _, p := range small {
			two, _ := r.sum(p[0], p[1], p[0], p[1])
			if two == nil {
				orders[2]++
			} else {
				orders[4]++
			}
			_, err := ParsePublicKey(r.Curve, r.little(p[0], p[1]))
			require.ErrorContains(t, err, "another order")
			for range 3 {
				x, y := r.times(r.random(t), r.x, r.y)
				x, y = r.sum(x, y, p[0], p[1])
				_, err = ParsePublicKey(r.Curve, r.little(x, y))
				require.ErrorContains(t, err, "another order")
			}
		}
		require.NotZero(t, orders[2])
		require.NotZero(t, orders[4])
	}
}

// made makes a signature for which verification computes z1 P + z2 Q, and its digest.
func (r *reference) made(d, z1, z2 *big.Int) (digest, signature []byte) {
	k := new(big.Int).Mul(z2, d)
	k.Add(k, z1).Mod(k, r.q)
	x, _ := r.times(k, r.x, r.y)
	x = new(big.Int).Mod(x, r.q)
	e := new(big.Int).Neg(x)
	e.Mul(e, new(big.Int).ModInverse(z2, r.q)).Mod(e, r.q)
	s := new(big.Int).Mul(z1, e)
	s.Mod(s, r.q)
	return r.little(e), append(s.FillBytes(make([]byte, r.size)), x.FillBytes(make([]byte, r.size))...)
}

// TestExceptions has right signatures whose verification adds a point to itself, or to its opposite, on the way: which the fast formulas cannot,
// and whoever knows a private key can make.
func TestExceptions(t *testing.T) {
	for _, r := range references(t) {
		t.Run(r.name, func(t *testing.T) {
			d := r.random(t)
			key := r.private(t, d)
			table := prepare(key.PublicKey())
			check := func(z1, z2 *big.Int) {
				t.Helper()
				digest, signature := r.made(d, z1, z2)
				require.True(t, key.PublicKey().Verify(digest, signature))
				require.True(t, key.PublicKey().verify(digest, signature, table))
			}
			for range 2 {
				// z2 Q is what the first digit of z1 adds, or its opposite.
				z1 := r.random(t)
				w := wordsOf(z1)
				digits, negative := r.Curve.q.digits(&w)
				index, sign := digit(digits[0])
				first := big.NewInt(int64(2*index + 1))
				if sign^negative != 0 {
					first.Neg(first)
				}
				z2 := first.Mul(first, new(big.Int).ModInverse(d, r.q))
				z2.Mod(z2, r.q)
				check(z1, z2)
				check(z1, z2.Sub(r.q, z2))
			}
			// The last digit of z2 doubles, where q has the right end.
			if r.fast == nil {
				return // formulas without exceptions
			}
			for m := range int64(16) {
				check(r.random(t), new(big.Int).Sub(r.q, big.NewInt(2*m+2)))
				if m < 2 {
					check(big.NewInt(m+1), big.NewInt(m+1))
				}
			}
		})
	}
}

// TestPrivateKeyInLogs: no verb of package fmt shows the number of a key, by value or behind a pointer.
func TestPrivateKeyInLogs(t *testing.T) {
	c := Curves()[0]
	d := make([]byte, c.Size())
	d[0], d[1] = 0xd5, 0xa7
	k, err := NewPrivateKey(c, d)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		require.Equal(t, "private key on "+c.Name(), fmt.Sprintf(verb, k))
		require.Equal(t, "private key on "+c.Name(), fmt.Sprintf(verb, *k))
		require.Equal(t, "no private key", fmt.Sprintf(verb, PrivateKey{}))
	}
}
