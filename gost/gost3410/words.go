package gost3410

import (
	"encoding/binary"
	"math/bits"
)

// words is a number of 256 or 512 bits, the lowest 64 first. Numbers of 256 bits have four zeros above.
type words [8]uint64

// modulus is an odd number of n words with what Montgomery's multiplication needs. Its methods take numbers less than it, and their
// time does not depend on them.
type modulus struct {
	n       int
	m       words
	inverse uint64 // -1/m mod 2^64
	one     words  // 2^(64 n) mod m
	square  words  // 2^(128 n) mod m
}

func newModulus(m words, size int) *modulus {
	f := &modulus{n: size / 8, m: m}
	// Newton's iteration doubles the bits that are right; an odd number is its own inverse modulo 8.
	x := m[0]
	for range 5 {
		x *= 2 - m[0]*x
	}
	f.inverse = -x
	z := words{1}
	for range 64 * f.n {
		f.add(&z, &z, &z)
	}
	f.one = z
	for range 64 * f.n {
		f.add(&z, &z, &z)
	}
	f.square = z
	return f
}

// mul sets z = x y / 2^(64 n). One of x and y may be any number of n words.
func (f *modulus) mul(z, x, y *words) {
	var t [9]uint64
	n := f.n
	for i := range n {
		var high, c uint64
		b := y[i]
		for j := range n {
			h, l := bits.Mul64(x[j], b)
			l, c = bits.Add64(l, t[j], 0)
			h += c
			t[j], c = bits.Add64(l, high, 0)
			high = h + c
		}
		var top uint64
		t[n], top = bits.Add64(t[n], high, 0)
		// t = (t + k m) / 2^64, with k such that it is a multiple
		k := t[0] * f.inverse
		h, l := bits.Mul64(k, f.m[0])
		_, c = bits.Add64(l, t[0], 0)
		high = h + c
		for j := 1; j < n; j++ {
			h, l := bits.Mul64(k, f.m[j])
			l, c = bits.Add64(l, t[j], 0)
			h += c
			t[j-1], c = bits.Add64(l, high, 0)
			high = h + c
		}
		t[n-1], c = bits.Add64(t[n], high, 0)
		t[n] = top + c
	}
	f.settle(z, (*words)(t[:8]), t[n])
}

// settle sets z = t + carry 2^(64 n), less m if it is not less than that.
func (f *modulus) settle(z, t *words, carry uint64) {
	var low, less words
	copy(low[:f.n], t[:f.n])
	borrow := f.minus(&less, &low, &f.m)
	_, borrow = bits.Sub64(carry, 0, borrow)
	*z = less
	z.choose(&low, -borrow)
}

func (f *modulus) minus(z, x, y *words) (borrow uint64) {
	for i := range f.n {
		z[i], borrow = bits.Sub64(x[i], y[i], borrow)
	}
	return borrow
}

func (f *modulus) add(z, x, y *words) {
	var t words
	var carry uint64
	for i := range f.n {
		t[i], carry = bits.Add64(x[i], y[i], carry)
	}
	f.settle(z, &t, carry)
}

func (f *modulus) sub(z, x, y *words) {
	mask := -f.minus(z, x, y)
	var carry uint64
	for i := range f.n {
		z[i], carry = bits.Add64(z[i], f.m[i]&mask, carry)
	}
}

// enter brings any number of n words into Montgomery form, reduced.
func (f *modulus) enter(z, x *words) { f.mul(z, x, &f.square) }

// leave brings a number back.
func (f *modulus) leave(z, x *words) { f.mul(z, x, &words{1}) }

// reduce sets z = x mod m for any number of n words.
func (f *modulus) reduce(z, x *words) {
	f.enter(z, x)
	f.leave(z, z)
}

// less reports whether x < m, as 1 or 0.
func (f *modulus) less(x *words) uint64 {
	var t words
	return f.minus(&t, x, &f.m)
}

// invert sets z = 1/x for numbers in Montgomery form of a prime modulus, and 0 for 0: x^(m-2). Only the modulus decides what is done.
func (f *modulus) invert(z, x *words) {
	var e words
	f.minus(&e, &f.m, &words{2})
	// Four bits at a time, with a table that is looked up by digits of the modulus.
	var table [16]words
	table[0] = f.one
	for i := 1; i < 16; i++ {
		f.mul(&table[i], &table[i-1], x)
	}
	t := f.one
	for i := 16*f.n - 1; i >= 0; i-- {
		for range 4 {
			f.mul(&t, &t, &t)
		}
		f.mul(&t, &t, &table[e[i/16]>>(i%16*4)&15])
	}
	*z = t
}

// choose sets z = x if all bits of the mask are set, and leaves it if none is.
func (z *words) choose(x *words, mask uint64) {
	for i := range z {
		z[i] ^= mask & (z[i] ^ x[i])
	}
}

// zero returns 1 for the number 0, and 0 for others.
func (z *words) zero() uint64 {
	var all uint64
	for _, w := range z {
		all |= w
	}
	return 1 ^ (all|-all)>>63
}

// littleEndian reads 32 or 64 octets, the lowest first.
func littleEndian(b []byte) (z words) {
	for i := range len(b) / 8 {
		z[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return z
}

// bigEndian reads 32 or 64 octets, the highest first.
func bigEndian(b []byte) (z words) {
	for i := range len(b) / 8 {
		z[i] = binary.BigEndian.Uint64(b[len(b)-8-8*i:])
	}
	return z
}

// appendLittle appends so many octets, the lowest first.
func (z *words) appendLittle(b []byte, size int) []byte {
	for i := range size / 8 {
		b = binary.LittleEndian.AppendUint64(b, z[i])
	}
	return b
}

// appendBig appends so many octets, the highest first.
func (z *words) appendBig(b []byte, size int) []byte {
	for i := size/8 - 1; i >= 0; i-- {
		b = binary.BigEndian.AppendUint64(b, z[i])
	}
	return b
}
