package gost3410

import (
	"crypto/rand"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// reference is a curve with numbers of math/big, in affine coordinates of the form of Weierstrass, written as in the standard.
type reference struct {
	*Curve
	p, q, a, b, x, y *big.Int
}

func hexadecimal(t testing.TB, s string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(s, 16)
	require.True(t, ok, s)
	return n
}

func references(t testing.TB) []*reference {
	var all []*reference
	for i, c := range Curves() {
		s := &sets[i]
		all = append(all, &reference{c, hexadecimal(t, s.p), hexadecimal(t, s.q), hexadecimal(t, s.a), hexadecimal(t, s.b), hexadecimal(t, s.x), hexadecimal(t, s.y)})
	}
	return all
}

func (r *reference) mod(n *big.Int) *big.Int { return new(big.Int).Mod(n, r.p) }

// sum of two points; x is nil for infinity.
func (r *reference) sum(x1, y1, x2, y2 *big.Int) (x, y *big.Int) {
	switch {
	case x1 == nil:
		return x2, y2
	case x2 == nil:
		return x1, y1
	}
	top, bottom := new(big.Int), new(big.Int)
	if x1.Cmp(x2) == 0 {
		if r.mod(new(big.Int).Add(y1, y2)).Sign() == 0 {
			return nil, nil
		}
		top.Mul(x1, x1).Mul(top, big.NewInt(3)).Add(top, r.a)
		bottom.Lsh(y1, 1)
	} else {
		top.Sub(y2, y1)
		bottom.Sub(x2, x1)
	}
	l := top.Mul(top, bottom.ModInverse(r.mod(bottom), r.p))
	x = new(big.Int).Mul(l, l)
	x = r.mod(x.Sub(x, x1).Sub(x, x2))
	y = new(big.Int).Sub(x1, x)
	y = r.mod(y.Mul(y, l).Sub(y, y1))
	return x, y
}

func (r *reference) times(k, x, y *big.Int) (a, b *big.Int) {
	for i := k.BitLen() - 1; i >= 0; i-- {
		a, b = r.sum(a, b, a, b)
		if k.Bit(i) == 1 {
			a, b = r.sum(a, b, x, y)
		}
	}
	return a, b
}

func (r *reference) little(n ...*big.Int) []byte {
	var all []byte
	for _, n := range n {
		b := n.FillBytes(make([]byte, r.size))
		slices.Reverse(b)
		all = append(all, b...)
	}
	return all
}

func fromLittle(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func (r *reference) hashed(digest []byte) *big.Int {
	e := fromLittle(digest)
	if e.Mod(e, r.q).Sign() == 0 {
		e.SetInt64(1)
	}
	return e
}

// sign returns nil if the nonce will not do.
func (r *reference) sign(d, k *big.Int, digest []byte) []byte {
	x, _ := r.times(k, r.x, r.y)
	x = new(big.Int).Mod(x, r.q)
	s := new(big.Int).Mul(x, d)
	s.Add(s, new(big.Int).Mul(k, r.hashed(digest)))
	s.Mod(s, r.q)
	if x.Sign() == 0 || s.Sign() == 0 {
		return nil
	}
	return append(s.FillBytes(make([]byte, r.size)), x.FillBytes(make([]byte, r.size))...)
}

func (r *reference) verify(x, y *big.Int, digest, signature []byte) bool {
	s, rr := new(big.Int).SetBytes(signature[:r.size]), new(big.Int).SetBytes(signature[r.size:])
	if s.Sign() == 0 || rr.Sign() == 0 || s.Cmp(r.q) >= 0 || rr.Cmp(r.q) >= 0 {
		return false
	}
	v := new(big.Int).ModInverse(r.hashed(digest), r.q)
	z1 := new(big.Int).Mul(s, v)
	z2 := new(big.Int).Neg(new(big.Int).Mul(rr, v))
	x1, y1 := r.times(z1.Mod(z1, r.q), r.x, r.y)
	x2, y2 := r.times(z2.Mod(z2, r.q), x, y)
	x1, _ = r.sum(x1, y1, x2, y2)
	return x1 != nil && new(big.Int).Mod(x1, r.q).Cmp(rr) == 0
}

// random is a number from 1 to q-1.
func (r *reference) random(t testing.TB) *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Sub(r.q, big.NewInt(1)))
	require.NoError(t, err)
	return n.Add(n, big.NewInt(1))
}

func (r *reference) private(t testing.TB, d *big.Int) *PrivateKey {
	t.Helper()
	k, err := NewPrivateKey(r.Curve, r.little(d))
	require.NoError(t, err)
	return k
}

// words of a number that fits.
func wordsOf(n *big.Int) words {
	b := n.FillBytes(make([]byte, 64))
	return bigEndian(b)
}

func (z *words) number() *big.Int { return new(big.Int).SetBytes(z.appendBig(nil, 64)) }
