package gost3410

import "math/bits"

// arithmetic is what is fast about a curve. Points are affine, of plain numbers less than p.
type arithmetic interface {
	// base multiplies the base point by a number from 1 to q-1. Neither time nor memory depend on it.
	base(k *words) (x, y words)
	// verify reports whether the abscissa of z1 P + z2 Q is r modulo q, for numbers from 1 to q-1, and whether it knows.
	verify(x, y, z1, z2, r *words) (yes, certain bool)
	// prepare makes a table of Q, which is a point of the order of the base point.
	prepare(x, y *words) prepared
	// ofOrder reports whether q times a point of the curve is infinity.
	ofOrder(x, y *words) bool
}

// prepared is a point Q with a table.
type prepared interface {
	// verify is that of arithmetic.
	verify(z1, z2, r *words) (yes, certain bool)
}

// maxWindows is the number of digits of 515 bits.
const maxWindows = 103

// digits writes k or q - k, which of them is odd, as the sum of (2 d[i] - 31) 32^i, for k from 1 to q-1: digits from -31 to 31 that are odd,
// and so never 0. The mask has all bits set for q - k. With w digits the sum is 2 d - (32^w - 1) for the number d of them.
func (q *modulus) digits(k *words) (d [maxWindows]byte, negative uint64) {
	odd := *k
	negative = (k[0] & 1) - 1
	var other words
	q.minus(&other, &q.m, k)
	odd.choose(&other, negative)
	for i := range odd[:7] {
		odd[i] = odd[i]>>1 | odd[i+1]<<63
	}
	odd[7] >>= 1
	windows := (64*q.n + 4) / 5
	for i := range windows {
		bit := 5 * i
		x := odd[bit/64] >> (bit % 64)
		if bit%64 > 59 && bit/64 < 7 {
			x |= odd[bit/64+1] << (64 - bit%64)
		}
		d[i] = byte(x) & 31
	}
	d[windows-1] |= 16
	clear(odd[:])
	clear(other[:])
	return d, negative
}

// digit returns the entry of a table for a digit, and a mask with all bits set if its opposite is meant.
func digit(d byte) (index, negative uint64) {
	negative = uint64(d>>4) - 1
	return (uint64(d) ^ negative) & 15, negative
}

// naf writes a number as the sum of d[i] 2^i, with digits that are 0 or odd, from -15 to 15, and four zeros at least between others. It takes a
// time that depends on the number.
func (z *words) naf(d []int8) {
	var carry uint64
	for i := 0; i < len(d); {
		bit := func(i int) uint64 {
			if i >= 512 {
				return 0
			}
			return z[i/64] >> (i % 64) & 1
		}
		if bit(i) == carry {
			d[i] = 0
			i++
			continue
		}
		var x uint64
		for j := range 5 {
			x |= bit(i+j) << j
		}
		x += carry
		carry = x >> 4 & 1
		d[i] = int8(x) - int8(carry<<5)
		i++
		for j := 0; j < 4 && i < len(d); j++ {
			d[i] = 0
			i++
		}
	}
}

// plus adds q to x, and reports whether there is no room.
func (q *modulus) plus(x *words) bool {
	var carry uint64
	for i := range q.n {
		x[i], carry = bits.Add64(x[i], q.m[i], carry)
	}
	return carry != 0
}
