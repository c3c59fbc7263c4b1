package p256verify

import (
	"crypto/elliptic"
	"crypto/rand"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	fieldPrime = elliptic.P256().Params().P
	curveOrder = elliptic.P256().Params().N
	radix      = new(big.Int).Lsh(big.NewInt(1), 256)
)

func toBig(x *[4]uint64) *big.Int {
	b := octets(x)
	return new(big.Int).SetBytes(b[:])
}

func toWords(x *big.Int) [4]uint64 {
	var b [32]byte
	x.FillBytes(b[:])
	return words(&b)
}

func fromNumber(x *big.Int) element {
	w := toWords(x)
	b := octets(&w)
	return fromOctets(&b)
}

// edges are numbers below m that arithmetic with words and carries gets wrong first, and some others.
func edges(t *testing.T, m *big.Int, others int) []*big.Int {
	t.Helper()
	var all []*big.Int
	add := func(x *big.Int) { all = append(all, new(big.Int).Mod(x, m)) }
	for _, base := range []*big.Int{new(big.Int), m, radix, fieldPrime, curveOrder, new(big.Int).Rsh(m, 1), new(big.Int).Sub(radix, m)} {
		for d := int64(-3); d <= 3; d++ {
			add(new(big.Int).Add(base, big.NewInt(d)))
		}
	}
	for i := uint(0); i < 256; i += 16 {
		p := new(big.Int).Lsh(big.NewInt(1), i)
		add(p)
		add(new(big.Int).Sub(p, big.NewInt(1)))
		add(new(big.Int).Sub(m, p))
	}
	// Words of zeros and ones in all combinations.
	for i := range 81 {
		var w [4]uint64
		for j, n := 0, i; j < 4; j, n = j+1, n/3 {
			w[j] = [3]uint64{0, 1, ^uint64(0)}[n%3]
		}
		add(toBig(&w))
	}
	for range others {
		x, err := rand.Int(rand.Reader, m)
		require.NoError(t, err)
		add(x)
	}
	return all
}

func TestConstants(t *testing.T) {
	mod := func(x, m *big.Int) [4]uint64 { return toWords(new(big.Int).Mod(x, m)) }
	rr := new(big.Int).Mul(radix, radix)
	require.Equal(t, element(mod(radix, fieldPrime)), one)
	require.Equal(t, element(mod(rr, fieldPrime)), square)
	require.Equal(t, toWords(curveOrder), order)
	require.Equal(t, mod(rr, curveOrder), orderSquare)
	require.Equal(t, toWords(new(big.Int).Sub(fieldPrime, curveOrder)), gap)
	require.Equal(t, [4]uint64{p0, p1, 0, p3}, toWords(fieldPrime))
	require.Equal(t, ^uint64(0), uint64(orderInverse)*order[0])
}

// TestField compares with math/big, over all pairs of edges.
func TestField(t *testing.T) {
	inverse := new(big.Int).ModInverse(radix, fieldPrime)
	numbers := edges(t, fieldPrime, 100)
	var want big.Int
	equal := func(got *element, op string, x, y *big.Int) {
		if toWords(want.Mod(&want, fieldPrime)) != [4]uint64(*got) {
			t.Fatalf("%s of %x and %x is %x", op, x, y, *got)
		}
	}
	for _, x := range numbers {
		a := element(toWords(x))
		var z element
		for _, y := range numbers {
			b := element(toWords(y))
			z.mul(&a, &b)
			want.Mul(x, y)
			want.Mul(&want, inverse)
			equal(&z, "mul", x, y)
			z.mulGo(&a, &b) // what other processors do
			equal(&z, "mulGo", x, y)
			z.sub(&a, &b)
			want.Sub(x, y)
			equal(&z, "sub", x, y)
			if got := less((*[4]uint64)(&a), (*[4]uint64)(&b)); got != (x.Cmp(y) < 0) {
				t.Fatalf("%x < %x: %v", x, y, got)
			}
		}
		z.sqr(&a)
		want.Mul(x, x)
		want.Mul(&want, inverse)
		equal(&z, "sqr", x, x)
		z.sqrGo(&a)
		equal(&z, "sqrGo", x, x)
		z = fromNumber(x)
		want.Mul(x, radix)
		equal(&z, "Montgomery form", x, x)
		require.Equal(t, x.Sign() == 0, a.isZero())
		if x.Sign() == 0 {
			continue
		}
		z.negateIf(&a, ^uint64(0))
		want.Neg(x)
		equal(&z, "negation", x, x)
		z.negateIf(&a, 0)
		want.Set(x)
		equal(&z, "no negation", x, x)
		z = invert(&a)
		z.mul(&z, &a)
		require.Equal(t, one, z)
	}
}

// TestFieldInPlace uses one number as both operands and as the result.
func TestFieldInPlace(t *testing.T) {
	for _, x := range edges(t, fieldPrime, 20) {
		a := element(toWords(x))
		var want element
		want.mul(&a, &a)
		b := a
		b.mul(&b, &b)
		require.Equal(t, want, b)
		b = a
		b.sqr(&b)
		require.Equal(t, want, b)
		b.sub(&b, &b)
		require.True(t, b.isZero())
	}
}

func TestOrder(t *testing.T) {
	inverse := new(big.Int).ModInverse(radix, curveOrder)
	numbers := edges(t, curveOrder, 100)
	for _, x := range numbers {
		a := toWords(x)
		for _, y := range numbers {
			b := toWords(y)
			want := new(big.Int).Mul(x, y)
			want.Mul(want, inverse).Mod(want, curveOrder)
			if mulOrder(&a, &b) != toWords(want) {
				t.Fatalf("%x by %x is %x", x, y, mulOrder(&a, &b))
			}
		}
		want := new(big.Int).Add(x, curveOrder)
		require.Equal(t, toWords(want.Mod(want, radix)), plus(&a, &order))
	}
	for _, x := range edges(t, radix, 100) {
		require.Equal(t, toWords(new(big.Int).Mod(x, curveOrder)), reduce(toWords(x)))
	}
	for i, s := range numbers {
		if s.Sign() == 0 {
			continue
		}
		e, r := numbers[(i*7+1)%len(numbers)], numbers[(i*5+3)%len(numbers)]
		ew, rw, sw := toWords(e), toWords(r), toWords(s)
		u1, u2, ok := scalars(&ew, &rw, &sw)
		require.True(t, ok)
		w := new(big.Int).ModInverse(s, curveOrder)
		mod := func(x *big.Int) [4]uint64 { return toWords(x.Mod(x, curveOrder)) }
		require.Equal(t, mod(new(big.Int).Mul(e, w)), u1)
		require.Equal(t, mod(new(big.Int).Mul(r, w)), u2)
	}
}

func TestDigits(t *testing.T) {
	for _, x := range edges(t, curveOrder, 100) {
		w := toWords(x)
		d, negative := digits(&w)
		sum := new(big.Int)
		for i := 31; i >= 0; i-- {
			sum.Lsh(sum, 8)
			sum.Add(sum, big.NewInt(2*int64(d[i])-255))
		}
		if negative != 0 {
			require.Equal(t, ^uint64(0), negative)
			sum.Neg(sum)
		}
		require.Zero(t, sum.Sub(sum, x).Mod(sum, curveOrder).Sign(), "%x", x)
	}
}

// TestInvert has numbers of all sizes, some of which are left to math/big, and random ones, none of which is.
func TestInvert(t *testing.T) {
	check := func(s *big.Int) bool {
		w := toWords(s)
		inverse, ok := invertOrder(&w)
		if ok && toWords(new(big.Int).ModInverse(s, curveOrder)) != inverse {
			t.Fatalf("the inverse of %x is not %x", s, inverse)
		}
		return ok
	}
	for range 20000 {
		s, err := rand.Int(rand.Reader, curveOrder)
		require.NoError(t, err)
		require.True(t, check(s), "%x", s)
	}
	for size := 1; size <= 256; size++ {
		for range 50 {
			s, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(size)))
			require.NoError(t, err)
			if s.Sign() == 0 || s.Cmp(curveOrder) >= 0 {
				continue
			}
			check(s)
			check(new(big.Int).Sub(curveOrder, s))
			check(new(big.Int).ModInverse(s, curveOrder))
			// About a quarter, a third, … of the order: long quotients.
			q := new(big.Int).Div(curveOrder, s)
			check(q.Add(q, big.NewInt(1)))
		}
	}
	for _, s := range edges(t, curveOrder, 0) {
		if s.Sign() != 0 {
			check(s)
		}
	}
}
