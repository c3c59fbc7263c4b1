package p256verify

import (
	"crypto/elliptic"
	"sync"
)

const (
	entries = 128 // of a window: the odd multiples from 1 to 255
	// A table has one window for so many octets of a scalar. The digits of the others are added before, and doubled.
	stride  = 2
	windows = 32 / stride
)

// table holds multiples of a point A: entry j of window i is (2 j + 1) 256^(stride i) A. It has 128 KB.
type table [windows][entries]affine

// newTable makes the table of a point of the curve other than infinity. It is nil if that did not work, which does not happen.
//
// All points are computed in affine form, with one inversion for all additions of a step: first the bases of the windows, then in
// each window from the multiples 1, 3, …, m-1 those up to 2m-1, which are m+1, m+3, … : the same plus m.
func newTable(a *affine) *table {
	t := new(table)
	var p extended
	p.set(a)
	bases := [windows]extended{p}
	for i := 1; i < windows; i++ {
		for range 8 * stride {
			p.double()
		}
		bases[i] = p
	}
	inverses := make([]element, windows*entries/2)
	work := make([]element, windows*entries/2)
	for i := range bases {
		inverses[i] = bases[i].zzz
	}
	if !invertAll(inverses[:windows], work) {
		return nil
	}
	var steps [windows]affine // m times the base
	for i := range bases {
		b, s := &bases[i], &steps[i]
		// 1/zz = (zz/zzz)^2
		s.x.mul(&b.zz, &inverses[i])
		s.x.sqr(&s.x)
		s.x.mul(&s.x, &b.x)
		s.y.mul(&b.y, &inverses[i])
		t[i][0] = *s
	}
	if !doubleAll(&steps, inverses, work) {
		return nil
	}
	for have := 1; have < entries; have *= 2 {
		for i := range t {
			for j := range have {
				inverses[i*have+j].sub(&steps[i].x, &t[i][j].x)
			}
		}
		if !invertAll(inverses[:windows*have], work) {
			return nil
		}
		for i := range t {
			for j := range have {
				t[i][have+j].sum(&t[i][j], &steps[i], &inverses[i*have+j])
			}
		}
		if !doubleAll(&steps, inverses, work) {
			return nil
		}
	}
	return t
}

// entry returns the point of a digit in a window, and a mask that has all bits set if its opposite is meant: 128 to 255 stand for 1, 3,
// …, 255, and 127 to 0 for -1, -3, …, -255.
func (t *table) entry(window int, digit byte) (a *affine, negative uint64) {
	negative = uint64(digit>>7) - 1
	return &t[window][(digit^byte(negative))&(entries-1)], negative
}

// sum sets p = a + b, with the inverse of b.x - a.x.
func (p *affine) sum(a, b *affine, inverse *element) {
	var l element
	l.sub(&b.y, &a.y)
	l.mul(&l, inverse)
	p.chord(&l, a, b)
}

// chord sets p to what the line through a and b with this slope leads to.
func (p *affine) chord(slope *element, a, b *affine) {
	var x, y element
	x.sqr(slope)
	x.sub(&x, &a.x)
	x.sub(&x, &b.x)
	y.sub(&a.x, &x)
	y.mul(&y, slope)
	y.sub(&y, &a.y)
	p.x, p.y = x, y
}

// doubleAll doubles points.
func doubleAll(points *[windows]affine, inverses, work []element) bool {
	var zero, t element
	for i := range points {
		t.sub(&zero, &points[i].y)
		inverses[i].sub(&points[i].y, &t)
	}
	if !invertAll(inverses[:windows], work) {
		return false
	}
	for i := range points {
		p := &points[i]
		var l, t element
		// (3 x^2 - 3) / 2 y
		l.sqr(&p.x)
		l.sub(&l, &one)
		t.sub(&zero, &l)
		t.sub(&t, &l)
		l.sub(&l, &t)
		l.mul(&l, &inverses[i])
		p.chord(&l, p, p)
	}
	return true
}

// invertAll replaces numbers by their inverses with a single inversion (Montgomery's trick), and reports whether they had any.
// work is as long.
func invertAll(x, work []element) bool {
	product := one
	for i := range x {
		work[i] = product
		product.mul(&product, &x[i])
	}
	if product.isZero() {
		return false
	}
	product = invert(&product)
	for i := len(x) - 1; i >= 0; i-- {
		var t element
		t.mul(&product, &work[i])
		product.mul(&product, &x[i])
		x[i] = t
	}
	return true
}

// invert returns 1/x, for x other than 0.
func invert(x *element) element {
	z := element(inverse((*[4]uint64)(x), elliptic.P256().Params().P))
	// x = v 2^256, so this is 2^-256/v, and 2^256/v is wanted.
	z.mul(&z, &square)
	z.mul(&z, &square)
	return z
}

// fromOctets brings a number less than p into Montgomery form.
func fromOctets(b *[32]byte) element {
	z := element(words(b))
	z.mul(&z, &square)
	return z
}

// baseTable is the table of the base point, made when it is needed first. It has no owner and stays.
var baseTable = sync.OnceValue(func() *table {
	a := generator()
	return newTable(&a)
})

func generator() affine {
	c := elliptic.P256().Params()
	var x, y [32]byte
	c.Gx.FillBytes(x[:])
	c.Gy.FillBytes(y[:])
	return affine{fromOctets(&x), fromOctets(&y)}
}
