package p256verify

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// point is affine over math/big; nil is infinity. It is the slow oracle for sums that the standard library does not offer.
type point struct{ x, y *big.Int }

func (p *point) add(q *point) *point {
	if p == nil {
		return q
	}
	if q == nil {
		return p
	}
	var slope *big.Int
	if p.x.Cmp(q.x) == 0 {
		if p.y.Cmp(q.y) != 0 {
			return nil
		}
		top := new(big.Int).Mul(p.x, p.x)
		top.Mul(top, big.NewInt(3)).Sub(top, big.NewInt(3))
		slope = top.Mul(top, new(big.Int).ModInverse(new(big.Int).Lsh(p.y, 1), fieldPrime))
	} else {
		run := new(big.Int).Sub(q.x, p.x)
		run.Mod(run, fieldPrime)
		slope = new(big.Int).Sub(q.y, p.y)
		slope.Mul(slope, run.ModInverse(run, fieldPrime))
	}
	x := new(big.Int).Mul(slope, slope)
	x.Sub(x, p.x).Sub(x, q.x).Mod(x, fieldPrime)
	y := new(big.Int).Sub(p.x, x)
	y.Mul(y, slope).Sub(y, p.y).Mod(y, fieldPrime)
	return &point{x, y}
}

func (p *point) times(k *big.Int) *point {
	var sum *point
	for i := k.BitLen() - 1; i >= 0; i-- {
		sum = sum.add(sum)
		if k.Bit(i) == 1 {
			sum = sum.add(p)
		}
	}
	return sum
}

func (p *point) key() *ecdsa.PublicKey {
	//lint:ignore SA1019 keys that are no points cannot be had by other means
	return &ecdsa.PublicKey{Curve: elliptic.P256(), X: p.x, Y: p.y}
}

func basePoint() *point {
	c := elliptic.P256().Params()
	return &point{c.Gx, c.Gy}
}

// times is k G by crypto/ecdh, for k other than 0 modulo n.
func times(t testing.TB, k *big.Int) *point {
	t.Helper()
	private, err := ecdh.P256().NewPrivateKey(new(big.Int).Mod(k, curveOrder).FillBytes(make([]byte, 32)))
	require.NoError(t, err)
	b := private.PublicKey().Bytes()
	return &point{new(big.Int).SetBytes(b[1:33]), new(big.Int).SetBytes(b[33:])}
}

func (p *point) affine() affine { return affine{fromNumber(p.x), fromNumber(p.y)} }

// TestOracle compares both oracles.
func TestOracle(t *testing.T) {
	for _, k := range []int64{1, 2, 3, 4, 5, 1000, 123456789} {
		require.Equal(t, times(t, big.NewInt(k)), basePoint().times(big.NewInt(k)))
	}
	require.Nil(t, basePoint().times(curveOrder))
}

// TestTable compares all entries with crypto/ecdh, for the base point, its opposite and a few others.
func TestTable(t *testing.T) {
	for _, d := range []*big.Int{big.NewInt(1), new(big.Int).Sub(curveOrder, big.NewInt(1)), big.NewInt(255), new(big.Int).Lsh(big.NewInt(0xabcdef), 200)} {
		a := times(t, d).affine()
		table := newTable(&a)
		require.NotNil(t, table)
		for i := range table {
			for j := range table[i] {
				k := new(big.Int).Lsh(big.NewInt(2*int64(j)+1), uint(8*stride*i))
				k.Mul(k, d)
				if want := times(t, k).affine(); table[i][j] != want {
					t.Fatalf("entry %d of window %d", j, i)
				}
			}
		}
	}
	require.Equal(t, times(t, big.NewInt(1)).affine(), baseTable()[0][0])
}

func TestEntry(t *testing.T) {
	table := baseTable()
	for digit := range 256 {
		a, negative := table.entry(3, byte(digit))
		value := 2*digit - 255
		if value < 0 {
			require.Equal(t, ^uint64(0), negative)
			value = -value
		} else {
			require.Zero(t, negative)
		}
		require.Same(t, &table[3][value/2], a)
	}
}

// TestAddDouble adds and doubles along a way, and sees that sums it has no formulas for are refused.
func TestAddDouble(t *testing.T) {
	var sum extended
	g := times(t, big.NewInt(1)).affine()
	five := times(t, big.NewInt(5)).affine()
	is := func(k int64) {
		t.Helper()
		p := times(t, big.NewInt(k))
		require.True(t, sum.hasAbscissa(toWords(p.x)))
		require.False(t, sum.hasAbscissa(toWords(new(big.Int).Xor(p.x, big.NewInt(1)))))
		a := p.affine()
		var y element
		y.mul(&a.y, &sum.zzz)
		require.Equal(t, y, sum.y, "the ordinate")
		// zz^3 = zzz^2
		var l, r element
		l.sqr(&sum.zz)
		l.mul(&l, &sum.zz)
		r.sqr(&sum.zzz)
		require.Equal(t, l, r)
	}
	sum.set(&five)
	is(5)
	refused := func() {
		t.Helper()
		before := sum
		require.False(t, sum.add(&five, 0))
		require.False(t, sum.add(&five, ^uint64(0)))
		require.Equal(t, before, sum)
	}
	refused()
	sum.double()
	is(10)
	require.True(t, sum.add(&five, ^uint64(0)))
	is(5)
	refused()
	require.True(t, sum.add(&g, 0))
	is(6)
	require.True(t, sum.add(&g, ^uint64(0)))
	is(5)
	refused()
	sum.double()
	sum.double()
	is(20)
	require.True(t, sum.add(&g, ^uint64(0)))
	is(19)
}

// TestInvertAll sees that a zero is noticed.
func TestInvertAll(t *testing.T) {
	work := make([]element, 3)
	x := []element{square, one, {5}}
	want := []element{invert(&square), invert(&one), invert(&element{5})}
	require.True(t, invertAll(x, work))
	require.Equal(t, want, x)
	for i := range 3 {
		x := []element{square, one, {5}}
		x[i] = element{}
		require.False(t, invertAll(x, work))
	}
}
