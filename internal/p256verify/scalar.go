package p256verify

import (
	"crypto/elliptic"
	"encoding/binary"
	"math/bits"
)

// order is n, the order of the base point (SP 800-186 section 3.2.1.3), and orderSquare 2^512 mod n. orderInverse is -1/n mod 2^64.
var (
	order       = [4]uint64{0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000}
	orderSquare = [4]uint64{0x83244c95be79eea2, 0x4699799c49bd6fa6, 0x2845b2392b6bec59, 0x66e12d94f3d95620}
)

const orderInverse = 0xccd1c8aaee00bc4f

// gap is p - n. When r is less, r + n is the abscissa of a point, too.
var gap = [4]uint64{0x0c46353d039cdaae, 0x4319055358e8617b, 0, 0}

// mulOrder returns x y / 2^256 mod n, for x and y less than n.
func mulOrder(x, y *[4]uint64) (z [4]uint64) {
	var t [5]uint64
	for _, b := range y {
		var high, c uint64
		// t += x b
		for j, a := range x {
			h, l := bits.Mul64(a, b)
			l, c = bits.Add64(l, t[j], 0)
			h += c
			t[j], c = bits.Add64(l, high, 0)
			high = h + c
		}
		var top uint64
		t[4], top = bits.Add64(t[4], high, 0)
		// t = (t + m n) / 2^64, with m such that it is a multiple
		m := t[0] * orderInverse
		h, l := bits.Mul64(m, order[0])
		_, c = bits.Add64(l, t[0], 0)
		high = h + c
		for j := 1; j < 4; j++ {
			h, l := bits.Mul64(m, order[j])
			l, c = bits.Add64(l, t[j], 0)
			h += c
			t[j-1], c = bits.Add64(l, high, 0)
			high = h + c
		}
		t[3], c = bits.Add64(t[4], high, 0)
		t[4] = top + c
	}
	copy(z[:], t[:])
	if t[4] != 0 || !less(&z, &order) {
		z = minus(&z, &order, 0)
	}
	return z
}

// reduce returns x mod n, for any x of 256 bits: n has as many.
func reduce(x [4]uint64) [4]uint64 {
	if less(&x, &order) {
		return x
	}
	return minus(&x, &order, 0)
}

// scalars returns u1 = e/s and u2 = r/s modulo n (FIPS 186-5 section 6.4.2), for r and s from 1 to n-1 and e less than n, and reports
// whether that worked, as it always does.
func scalars(e, r, s *[4]uint64) (u1, u2 [4]uint64, ok bool) {
	w, ok := invertOrder(s)
	if !ok {
		w = inverse(s, elliptic.P256().Params().N)
	}
	w = mulOrder(&w, &orderSquare)
	if mulOrder(s, &w) != [4]uint64{1} { // the proof that it is the inverse
		return u1, u2, false
	}
	return mulOrder(e, &w), mulOrder(r, &w), true
}

// digits writes x or -x modulo n, which of them is odd, as the sum of (2 d[i] - 255) 256^i: digits from -255 to 255 that are odd, and
// so never 0. The mask has all bits set for -x. 0 becomes n. The sum is 2 d - (2^256 - 1), for the number d with the octets d[i].
func digits(x *[4]uint64) (d [32]byte, negative uint64) {
	odd := *x
	if x[0]&1 == 0 {
		odd = minus(&order, x, 0)
		negative = ^uint64(0)
	}
	for i := range odd {
		next := uint64(1)
		if i < 3 {
			next = odd[i+1]
		}
		binary.LittleEndian.PutUint64(d[8*i:], odd[i]>>1|next<<63)
	}
	return d, negative
}
