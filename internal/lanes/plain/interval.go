package plain

import (
	"math/big"
	"math/bits"
)

// value is what is known of a word: the integer that is meant lies from lo to hi. A word stands for it modulo 2^64. Where the same value is
// used twice it is the same pointer, which some rules below need, for an interval forgets what belongs together.
type value struct {
	lo, hi *big.Int
	name   string // of the instruction that made it
	a, b   *value // its sources
	n      int    // and its number
	// Of products of a number that may be negative, whose 52 bits the instruction took: x is to be subtracted where u is negative.
	due []due

	carried bool // somebody shifted it by 52 bits, so that what is above them is not lost
	signed  bool // somebody asked for its sign
}

type due struct{ u, x *value }

var (
	one   = big.NewInt(1)
	zero  = new(big.Int)
	whole = power(64)
	most  = new(big.Int).Sub(power(64), one)
	half  = power(63)
	least = new(big.Int).Neg(half)
	digit = power(52)
	clean = new(big.Int).Sub(digit, one)
)

func power(n uint) *big.Int                 { return new(big.Int).Lsh(one, n) }
func minOf(a *big.Int, b *big.Int) *big.Int { return pick(a, b, -1) }
func maxOf(a *big.Int, b *big.Int) *big.Int { return pick(a, b, 1) }

func pick(a, b *big.Int, sign int) *big.Int {
	if a.Cmp(b) == sign {
		return a
	}
	return b
}

func between(lo, hi *big.Int) *value         { return &value{lo: lo, hi: hi} }
func (v *value) within(lo, hi *big.Int) bool { return v.lo.Cmp(lo) >= 0 && v.hi.Cmp(hi) <= 0 }
func (v *value) negative() bool              { return v.lo.Sign() < 0 }

// all is the interval with what is still to be subtracted.
func (v *value) all() *value {
	if len(v.due) == 0 {
		return v
	}
	hi := v.hi
	for _, d := range v.due {
		hi = new(big.Int).Add(hi, d.x.all().hi)
	}
	return &value{lo: v.lo, hi: hi, name: v.name, a: v.a, b: v.b, n: v.n}
}

// fits says whether all integers are words, unsigned or signed ones.
func (v *value) fits() bool {
	return v.lo.Cmp(least) >= 0 && v.hi.Cmp(whole) < 0 && (v.lo.Sign() >= 0 || v.hi.Cmp(half) < 0)
}

// contains says whether a word stands for one of the integers.
func (v *value) contains(w uint64) bool {
	v = v.all()
	switch {
	case v.lo.IsUint64() && v.hi.IsUint64():
		return v.lo.Uint64() <= w && w <= v.hi.Uint64()
	case v.lo.IsInt64() && v.hi.IsInt64():
		return v.lo.Int64() <= int64(w) && int64(w) <= v.hi.Int64()
	}
	x := new(big.Int).SetUint64(w)
	if v.lo.Cmp(x) <= 0 && x.Cmp(v.hi) <= 0 {
		return true
	}
	x.Sub(x, whole)
	return v.lo.Cmp(x) <= 0 && x.Cmp(v.hi) <= 0
}

// join is either.
func join(a, b *value) *value {
	if a == b {
		return a
	}
	a, b = a.all(), b.all()
	v := between(minOf(a.lo, b.lo), maxOf(a.hi, b.hi))
	if a.name == "word" && b.name == "word" {
		v.name = a.name
	}
	return v
}

// bitsOf is how many bits a signed number needs beside its sign.
func (v *value) bitsOf() uint {
	return uint(max(v.lo.BitLen(), v.hi.BitLen()))
}

// ones is 2^n - 1.
func ones(n uint) *big.Int { return new(big.Int).Sub(power(n), one) }

// flag is 0 or -1.
func (v *value) flag() bool { return v.lo.Cmp(big.NewInt(-1)) >= 0 && v.hi.Sign() <= 0 }

// constants with the top bit are negative here; sums may take them for what they are unsigned.
func constantOf(w uint64) *value {
	x := big.NewInt(int64(w))
	return &value{lo: x, hi: x, name: "constant"}
}

// meanings are the integers that a source of a sum may stand for.
func (v *value) meanings() []*value {
	if v.name == "constant" && v.negative() {
		x := new(big.Int).Add(v.lo, whole)
		return []*value{v, {lo: x, hi: x}}
	}
	return []*value{v.all()}
}

// sum is a + b, or a - b; false says that no meaning of them fits a word.
func sum(a, b *value, minus bool) (*value, bool) {
	var v *value
	for _, x := range a.meanings() {
		for _, y := range b.meanings() {
			lo, hi := y.lo, y.hi
			if minus {
				lo, hi = new(big.Int).Neg(y.hi), new(big.Int).Neg(y.lo)
			}
			v = between(new(big.Int).Add(x.lo, lo), new(big.Int).Add(x.hi, hi))
			if v.fits() {
				return v, true
			}
		}
	}
	return v, false
}

// residue knows x - ((x + c) >> n << n), and the same with z added, which is the remainder less c. The interval of x does not matter.
func residue(a, b *value) *value {
	less := constantOf(0)
	if b.name == "VPSUBQ" {
		b, less = b.a, b.b
	}
	if b.name != "VPSLLQ" || b.a.name != "VPSRAQ" || b.a.n != b.n {
		return nil
	}
	shifted := b.a.a
	c := zero
	switch {
	case shifted == a:
	case shifted.a == a && shifted.b != nil && shifted.b.name == "constant" && shifted.name == "VPADDQ":
		c = shifted.b.lo
	case shifted.b == a && shifted.a != nil && shifted.a.name == "constant" && shifted.name == "VPADDQ":
		c = shifted.a.lo
	case shifted.a == a && shifted.b != nil && shifted.b.name == "constant" && shifted.name == "VPSUBQ":
		c = new(big.Int).Neg(shifted.b.lo)
	default:
		return nil
	}
	lo := new(big.Int).Sub(less.lo, c)
	hi := new(big.Int).Add(less.hi, ones(uint(b.n)))
	return between(lo, hi.Sub(hi, c))
}

// product is what a half of a product of 52 bits adds. high says which half; due is set where the result is that of signed numbers.
func product(a, b *value, high bool) (*value, []due) {
	a, b = a.all(), b.all()
	if !high {
		if a.within(zero, clean) && b.within(zero, clean) {
			if hi := new(big.Int).Mul(a.hi, b.hi); hi.Cmp(clean) <= 0 {
				return between(new(big.Int).Mul(a.lo, b.lo), hi), nil
			}
		}
		return between(zero, clean), nil
	}
	shift := func(x, y *big.Int) *big.Int { z := new(big.Int).Mul(x, y); return z.Rsh(z, 52) }
	return between(shift(low52(a).lo, low52(b).lo), shift(low52(a).hi, low52(b).hi)), nil
}

// signedProduct is the upper half where u may be negative and x may not: that of the signed numbers, and x is due.
func signedProduct(u, x *value) *value {
	shift := func(y *big.Int) *big.Int {
		z := new(big.Int).Mul(y, x.hi)
		return z.Rsh(z, 52) // rounds down
	}
	return between(minOf(shift(u.lo), zero), maxOf(shift(u.hi), zero))
}

// low52 is what a product sees of a number.
func low52(v *value) *value {
	if v.within(zero, clean) {
		return v
	}
	return between(zero, clean)
}

// and, or and xor of integers.
func and(a, b *value) *value {
	a, b = a.all(), b.all()
	switch {
	case a.flag() && b.flag():
		return between(big.NewInt(-1), zero)
	case a.flag():
		return between(minOf(b.lo, zero), maxOf(b.hi, zero))
	case b.flag():
		return and(b, a)
	case a.negative() && b.negative():
		return between(new(big.Int).Neg(power(max(a.bitsOf(), b.bitsOf()))), maxOf(maxOf(a.hi, b.hi), zero))
	case a.negative():
		return between(zero, b.hi)
	case b.negative():
		return between(zero, a.hi)
	}
	// A mask of ones that is not shorter leaves a number as it is.
	for _, m := range [2][2]*value{{a, b}, {b, a}} {
		if m[0].lo == m[0].hi && m[0].hi.Cmp(ones(uint(m[0].hi.BitLen()))) == 0 && m[1].hi.Cmp(m[0].hi) <= 0 {
			return between(m[1].lo, m[1].hi)
		}
	}
	return between(zero, minOf(a.hi, b.hi))
}

func or(a, b *value, exclusive bool) *value {
	a, b = a.all(), b.all()
	n := max(a.bitsOf(), b.bitsOf())
	switch {
	case exclusive && b.flag():
		not := func(x *big.Int) *big.Int { return new(big.Int).Not(x) }
		return between(minOf(a.lo, not(a.hi)), maxOf(a.hi, not(a.lo)))
	case exclusive && a.flag():
		return or(b, a, true)
	case !a.negative() && !b.negative():
		lo := zero
		if !exclusive {
			lo = maxOf(a.lo, b.lo)
		}
		return between(lo, ones(n))
	case n > 63: // bits of any kind
		return between(zero, most)
	}
	return between(new(big.Int).Neg(power(n)), ones(n))
}

// ternary are the functions of three bits that kernels use.
func ternary(table int, x, a, b *value) *value {
	switch table {
	case 0x28: // (x ^ a) & b
		return and(or(x, a, true), b)
	case 0xca: // x ? a : b
		if x.flag() {
			return between(minOf(a.all().lo, b.all().lo), maxOf(a.all().hi, b.all().hi))
		}
	case 0xf8: // x | a & b
		return or(x, and(a, b), false)
	case 0xff:
		return constantOf(^uint64(0))
	}
	return nil
}

// shiftLeft drops bits where they do not fit.
func shiftLeft(v *value, n int) *value {
	v = v.all()
	r := between(new(big.Int).Lsh(v.lo, uint(n)), new(big.Int).Lsh(v.hi, uint(n)))
	if r.fits() {
		return r
	}
	return between(zero, new(big.Int).Sub(whole, power(uint(n))))
}

// multiplied is the product of signed numbers of 32 bits.
func multiplied(a, b *value) (*value, bool) {
	a, b = a.all(), b.all()
	lo, hi := new(big.Int).Neg(power(31)), ones(31)
	ok := a.within(lo, hi) && b.within(lo, hi)
	r := between(nil, nil)
	for _, x := range []*big.Int{a.lo, a.hi} {
		for _, y := range []*big.Int{b.lo, b.hi} {
			z := new(big.Int).Mul(x, y)
			if r.lo == nil {
				r.lo, r.hi = z, z
			}
			r.lo, r.hi = minOf(r.lo, z), maxOf(r.hi, z)
		}
	}
	return r, ok
}

// shiftedConstant is an unsigned shift of a constant.
func shiftedConstant(v *value, n int) *value {
	w := uint64(v.lo.Int64())
	if n >= bits.UintSize {
		return constantOf(0)
	}
	return constantOf(w >> n)
}
