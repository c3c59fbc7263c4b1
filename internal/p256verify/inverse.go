package p256verify

import (
	"math/big"
	"math/bits"
)

// inverse returns 1/x modulo m, for x other than 0.
func inverse(x *[4]uint64, m *big.Int) [4]uint64 {
	b := octets(x)
	var z big.Int
	z.ModInverse(z.SetBytes(b[:]), m).FillBytes(b[:])
	return words(&b)
}

// invertOrder returns 1/s modulo n for s from 1 to n-1. It is Lehmer's form of Euclid's algorithm (Knuth, The Art of Computer
// Programming, volume 2, section 4.5.2): many steps are made with the leading words of both numbers, and then with the numbers
// at once. math/big does the same with ten allocations. It reports false when a quotient is larger than the leading words can
// tell, as with a small s.
func invertOrder(s *[4]uint64) (w [4]uint64, ok bool) {
	// a = -u s and b = v s modulo n, or with both signs changed after an odd number of steps.
	a, b := order, *s
	u, v := [4]uint64{}, [4]uint64{1}
	odd := false
	for b != [4]uint64{} {
		x, y, exact := leading(&a, &b)
		m, steps := euclid(x, y, exact)
		if steps == 0 {
			return w, false
		}
		if steps%2 == 0 {
			a, b = m.difference(&a, &b, 0)
		} else {
			a, b = m.difference(&a, &b, ^uint64(0))
			odd = !odd
		}
		u, v = m.sum(&u, &v)
	}
	// b is 0, and a = 1.
	if !odd {
		u = minus(&order, &u, 0)
	}
	return u, true
}

// leading returns the 64 bits of a from its first one, and the bits of b in these places, for a > b. They are exact if there are no
// more.
func leading(a, b *[4]uint64) (x, y uint64, exact bool) {
	i := 3
	for i > 0 && a[i] == 0 {
		i--
	}
	if i == 0 {
		return a[0], b[0], true
	}
	shift := bits.LeadingZeros64(a[i])
	return a[i]<<shift | a[i-1]>>(64-shift), b[i]<<shift | b[i-1]>>(64-shift), false
}

// matrix is what some steps of Euclid's algorithm make of two numbers: p a - q b and s b - r a, or the opposite of both.
type matrix struct{ p, q, r, s uint64 }

// euclid makes steps with x and y as long as they would be the same with any numbers that begin so, by the condition of Collins: a
// remainder is at least the cofactor q, and less than the one before it by both cofactors. Products do not overflow, since a
// remainder by the next cofactor is at most the x of the beginning.
func euclid(x, y uint64, exact bool) (m matrix, steps int) {
	m = matrix{1, 0, 0, 1}
	for y != 0 {
		quotient := x / y
		rest := x - quotient*y
		r, s := m.p+quotient*m.r, m.q+quotient*m.s
		if !exact && (rest < s || y-rest < m.s+s) {
			break
		}
		x, y = y, rest
		m.p, m.q, m.r, m.s = m.r, m.s, r, s
		steps++
	}
	return m, steps
}

// difference returns p a - q b and s b - r a, or their opposites if the mask has all bits set, modulo 2^256.
func (m *matrix) difference(a, b *[4]uint64, mask uint64) (c, d [4]uint64) {
	c1, c2 := scaled(a, m.p), scaled(b, m.q)
	d1, d2 := scaled(b, m.s), scaled(a, m.r)
	return minus(&c1, &c2, mask), minus(&d1, &d2, mask)
}

// sum returns p u + q v and r u + s v.
func (m *matrix) sum(u, v *[4]uint64) (c, d [4]uint64) {
	c1, c2 := scaled(u, m.p), scaled(v, m.q)
	d1, d2 := scaled(u, m.r), scaled(v, m.s)
	return plus(&c1, &c2), plus(&d1, &d2)
}

// scaled returns x k modulo 2^256.
func scaled(x *[4]uint64, k uint64) [4]uint64 {
	h0, l0 := bits.Mul64(x[0], k)
	h1, l1 := bits.Mul64(x[1], k)
	h2, l2 := bits.Mul64(x[2], k)
	l1, c := bits.Add64(l1, h0, 0)
	l2, c = bits.Add64(l2, h1, c)
	return [4]uint64{l0, l1, l2, x[3]*k + h2 + c}
}

// minus returns x - y modulo 2^256, or y - x if the mask has all bits set.
func minus(x, y *[4]uint64, mask uint64) [4]uint64 {
	t0, b := bits.Sub64(x[0], y[0], 0)
	t1, b := bits.Sub64(x[1], y[1], b)
	t2, b := bits.Sub64(x[2], y[2], b)
	t3, _ := bits.Sub64(x[3], y[3], b)
	t0, c := bits.Add64(t0^mask, mask&1, 0)
	t1, c = bits.Add64(t1^mask, 0, c)
	t2, c = bits.Add64(t2^mask, 0, c)
	t3, _ = bits.Add64(t3^mask, 0, c)
	return [4]uint64{t0, t1, t2, t3}
}

// plus returns x + y modulo 2^256.
func plus(x, y *[4]uint64) [4]uint64 {
	t0, c := bits.Add64(x[0], y[0], 0)
	t1, c := bits.Add64(x[1], y[1], c)
	t2, c := bits.Add64(x[2], y[2], c)
	t3, _ := bits.Add64(x[3], y[3], c)
	return [4]uint64{t0, t1, t2, t3}
}
