package p256verify

import (
	"encoding/binary"
	"math/bits"
)

// element is a number modulo p in Montgomery form, x 2^256 mod p, as four words with the lowest first. It is always less than p,
// so that equal numbers have equal words.
type element [4]uint64

// The words of p = 2^256 - 2^224 + 2^192 + 2^96 - 1, but for the third one, which is 0.
const (
	p0 = 0xffffffffffffffff
	p1 = 0x00000000ffffffff
	p3 = 0xffffffff00000001
)

var (
	// one is 2^256 mod p.
	one = element{1, 0xffffffff00000000, 0xffffffffffffffff, 0xfffffffe}
	// square is 2^512 mod p; a product with it brings a number into Montgomery form.
	square = element{3, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x4fffffffd}
)

// mulGo sets z = x y / 2^256 mod p.
func (z *element) mulGo(x, y *element) {
	var t0, t1, t2, t3, t4, t5, t6, t7, c, h, l, k uint64
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
	b := y[0]
	h0, l0 := bits.Mul64(x0, b)
	h1, l1 := bits.Mul64(x1, b)
	h2, l2 := bits.Mul64(x2, b)
	h3, l3 := bits.Mul64(x3, b)
	t0 = l0
	t1, c = bits.Add64(h0, l1, 0)
	t2, c = bits.Add64(h1, l2, c)
	t3, c = bits.Add64(h2, l3, c)
	t4 = h3 + c
	b = y[1]
	h0, l0 = bits.Mul64(x0, b)
	h1, l1 = bits.Mul64(x1, b)
	h2, l2 = bits.Mul64(x2, b)
	h3, l3 = bits.Mul64(x3, b)
	l1, c = bits.Add64(h0, l1, 0)
	l2, c = bits.Add64(h1, l2, c)
	l3, c = bits.Add64(h2, l3, c)
	h3 += c
	t1, c = bits.Add64(t1, l0, 0)
	t2, c = bits.Add64(t2, l1, c)
	t3, c = bits.Add64(t3, l2, c)
	t4, c = bits.Add64(t4, l3, c)
	t5 = h3 + c
	b = y[2]
	h0, l0 = bits.Mul64(x0, b)
	h1, l1 = bits.Mul64(x1, b)
	h2, l2 = bits.Mul64(x2, b)
	h3, l3 = bits.Mul64(x3, b)
	l1, c = bits.Add64(h0, l1, 0)
	l2, c = bits.Add64(h1, l2, c)
	l3, c = bits.Add64(h2, l3, c)
	h3 += c
	t2, c = bits.Add64(t2, l0, 0)
	t3, c = bits.Add64(t3, l1, c)
	t4, c = bits.Add64(t4, l2, c)
	t5, c = bits.Add64(t5, l3, c)
	t6 = h3 + c
	b = y[3]
	h0, l0 = bits.Mul64(x0, b)
	h1, l1 = bits.Mul64(x1, b)
	h2, l2 = bits.Mul64(x2, b)
	h3, l3 = bits.Mul64(x3, b)
	l1, c = bits.Add64(h0, l1, 0)
	l2, c = bits.Add64(h1, l2, c)
	l3, c = bits.Add64(h2, l3, c)
	h3 += c
	t3, c = bits.Add64(t3, l0, 0)
	t4, c = bits.Add64(t4, l1, c)
	t5, c = bits.Add64(t5, l2, c)
	t6, c = bits.Add64(t6, l3, c)
	t7 = h3 + c

	// The reduction, once more in sqr: a call would cost a tenth of all. -1/p is 1 modulo 2^64, so the multiple of p that makes
	// the lowest word t 0 is t p = t 2^96 + t p3 2^192 - t modulo 2^256, and t p3 needs no multiplication.
	l, k = bits.Sub64(t0, t0<<32, 0)
	h = t0 - t0>>32 - k
	t1, c = bits.Add64(t1, t0<<32, 0)
	t2, c = bits.Add64(t2, t0>>32, c)
	t3, c = bits.Add64(t3, l, c)
	t0 = h + c // what goes to t4
	l, k = bits.Sub64(t1, t1<<32, 0)
	h = t1 - t1>>32 - k
	t2, c = bits.Add64(t2, t1<<32, 0)
	t3, c = bits.Add64(t3, t1>>32, c)
	t0, c = bits.Add64(t0, l, c)
	t1 = h + c
	l, k = bits.Sub64(t2, t2<<32, 0)
	h = t2 - t2>>32 - k
	t3, c = bits.Add64(t3, t2<<32, 0)
	t0, c = bits.Add64(t0, t2>>32, c)
	t1, c = bits.Add64(t1, l, c)
	t2 = h + c
	l, k = bits.Sub64(t3, t3<<32, 0)
	h = t3 - t3>>32 - k
	t0, c = bits.Add64(t0, t3<<32, 0)
	t1, c = bits.Add64(t1, t3>>32, c)
	t2, c = bits.Add64(t2, l, c)
	t3 = h + c
	t4, c = bits.Add64(t4, t0, 0)
	t5, c = bits.Add64(t5, t1, c)
	t6, c = bits.Add64(t6, t2, c)
	t7, c = bits.Add64(t7, t3, c)
	t0, k = bits.Sub64(t4, p0, 0)
	t1, k = bits.Sub64(t5, p1, k)
	t2, k = bits.Sub64(t6, 0, k)
	t3, k = bits.Sub64(t7, p3, k)
	_, k = bits.Sub64(c, 0, k)
	m := -k
	z[0] = t0 ^ m&(t0^t4)
	z[1] = t1 ^ m&(t1^t5)
	z[2] = t2 ^ m&(t2^t6)
	z[3] = t3 ^ m&(t3^t7)
}

// sqrGo sets z = x x / 2^256 mod p.
func (z *element) sqrGo(x *element) {
	var t0, t1, t2, t3, t4, t5, t6, t7, c, h, l, k uint64
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
	h1, t1 := bits.Mul64(x0, x1)
	h2, l2 := bits.Mul64(x0, x2)
	h3, l3 := bits.Mul64(x0, x3)
	t2, c = bits.Add64(h1, l2, 0)
	t3, c = bits.Add64(h2, l3, c)
	t4 = h3 + c
	h2, l2 = bits.Mul64(x1, x2)
	h3, l3 = bits.Mul64(x1, x3)
	l3, c = bits.Add64(h2, l3, 0)
	h3 += c
	t3, c = bits.Add64(t3, l2, 0)
	t4, c = bits.Add64(t4, l3, c)
	t5 = h3 + c
	h3, l3 = bits.Mul64(x2, x3)
	t5, c = bits.Add64(t5, l3, 0)
	t6 = h3 + c
	// All of these occur twice.
	t1, c = bits.Add64(t1, t1, 0)
	t2, c = bits.Add64(t2, t2, c)
	t3, c = bits.Add64(t3, t3, c)
	t4, c = bits.Add64(t4, t4, c)
	t5, c = bits.Add64(t5, t5, c)
	t6, t7 = bits.Add64(t6, t6, c)
	h0, l0 := bits.Mul64(x0, x0)
	h1, l1 := bits.Mul64(x1, x1)
	h2, l2 = bits.Mul64(x2, x2)
	h3, l3 = bits.Mul64(x3, x3)
	t0 = l0
	t1, c = bits.Add64(t1, h0, 0)
	t2, c = bits.Add64(t2, l1, c)
	t3, c = bits.Add64(t3, h1, c)
	t4, c = bits.Add64(t4, l2, c)
	t5, c = bits.Add64(t5, h2, c)
	t6, c = bits.Add64(t6, l3, c)
	t7 += h3 + c

	// As in mul.
	l, k = bits.Sub64(t0, t0<<32, 0)
	h = t0 - t0>>32 - k
	t1, c = bits.Add64(t1, t0<<32, 0)
	t2, c = bits.Add64(t2, t0>>32, c)
	t3, c = bits.Add64(t3, l, c)
	t0 = h + c
	l, k = bits.Sub64(t1, t1<<32, 0)
	h = t1 - t1>>32 - k
	t2, c = bits.Add64(t2, t1<<32, 0)
	t3, c = bits.Add64(t3, t1>>32, c)
	t0, c = bits.Add64(t0, l, c)
	t1 = h + c
	l, k = bits.Sub64(t2, t2<<32, 0)
	h = t2 - t2>>32 - k
	t3, c = bits.Add64(t3, t2<<32, 0)
	t0, c = bits.Add64(t0, t2>>32, c)
	t1, c = bits.Add64(t1, l, c)
	t2 = h + c
	l, k = bits.Sub64(t3, t3<<32, 0)
	h = t3 - t3>>32 - k
	t0, c = bits.Add64(t0, t3<<32, 0)
	t1, c = bits.Add64(t1, t3>>32, c)
	t2, c = bits.Add64(t2, l, c)
	t3 = h + c
	t4, c = bits.Add64(t4, t0, 0)
	t5, c = bits.Add64(t5, t1, c)
	t6, c = bits.Add64(t6, t2, c)
	t7, c = bits.Add64(t7, t3, c)
	t0, k = bits.Sub64(t4, p0, 0)
	t1, k = bits.Sub64(t5, p1, k)
	t2, k = bits.Sub64(t6, 0, k)
	t3, k = bits.Sub64(t7, p3, k)
	_, k = bits.Sub64(c, 0, k)
	m := -k
	z[0] = t0 ^ m&(t0^t4)
	z[1] = t1 ^ m&(t1^t5)
	z[2] = t2 ^ m&(t2^t6)
	z[3] = t3 ^ m&(t3^t7)
}

// sub sets z = x - y mod p.
func (z *element) sub(x, y *element) {
	t0, b := bits.Sub64(x[0], y[0], 0)
	t1, b := bits.Sub64(x[1], y[1], b)
	t2, b := bits.Sub64(x[2], y[2], b)
	t3, b := bits.Sub64(x[3], y[3], b)
	m := -b
	var c uint64
	z[0], c = bits.Add64(t0, m, 0) // p0 has all bits set
	z[1], c = bits.Add64(t1, m&p1, c)
	z[2], c = bits.Add64(t2, 0, c)
	z[3], _ = bits.Add64(t3, m&p3, c)
}

// negateIf sets z = -x mod p if mask has all bits set, and z = x if it has none. x is not 0.
func (z *element) negateIf(x *element, mask uint64) {
	t0, b := bits.Sub64(p0, x[0], 0)
	t1, b := bits.Sub64(p1, x[1], b)
	t2, b := bits.Sub64(0, x[2], b)
	t3, _ := bits.Sub64(p3, x[3], b)
	z[0] = x[0] ^ mask&(x[0]^t0)
	z[1] = x[1] ^ mask&(x[1]^t1)
	z[2] = x[2] ^ mask&(x[2]^t2)
	z[3] = x[3] ^ mask&(x[3]^t3)
}

func (z *element) isZero() bool { return z[0]|z[1]|z[2]|z[3] == 0 }

// less reports whether x < y, as numbers.
func less(x, y *[4]uint64) bool {
	_, b := bits.Sub64(x[0], y[0], 0)
	_, b = bits.Sub64(x[1], y[1], b)
	_, b = bits.Sub64(x[2], y[2], b)
	_, b = bits.Sub64(x[3], y[3], b)
	return b != 0
}

// words reads 32 octets, the most significant first.
func words(b *[32]byte) [4]uint64 {
	return [4]uint64{
		binary.BigEndian.Uint64(b[24:]), binary.BigEndian.Uint64(b[16:]),
		binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[:]),
	}
}

// octets is the inverse of words.
func octets(x *[4]uint64) (b [32]byte) {
	for i, w := range x {
		binary.BigEndian.PutUint64(b[24-8*i:], w)
	}
	return b
}
