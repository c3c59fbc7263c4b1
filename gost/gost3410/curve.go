// Package gost3410 signs and verifies by GOST R 34.10-2012 (RFC 7091, ISO/IEC 14888-3 EC-RDSA) on the curves of RFC 7836 and RFC 4357. It
// takes digests, as package streebog makes them, and knows no certificates.
//
// Private keys and nonces decide neither which memory is touched nor what is run. Verification takes a time that depends on the key, the
// digest and the signature.
//
// This is no certified means of protection. Where the law asks for one, the key is kept by such a means.
package gost3410

import (
	"encoding/hex"
	"slices"
	"sync"
)

// Curve is a set of parameters: a curve, a base point and its order.
type Curve struct {
	name string
	size int
	oids []string
	p, q *modulus
	// In Montgomery form; b3 is 3 b.
	a, b, b3 words
	base     point
	cofactor int
	fast     arithmetic // nil for the curves of examples
}

// Name is what the curve is called: "CryptoPro-A", "tc26-512-A".
func (c *Curve) Name() string { return c.name }

// Size is the length of a number in octets, 32 or 64: of a digest and a private key. Signatures and public keys are twice as long.
func (c *Curve) Size() int { return c.size }

// OIDs are the object identifiers that mean the curve, in dotted form. The first is the one of RFC 7836, where there is one.
func (c *Curve) OIDs() []string { return slices.Clone(c.oids) }

// Curves returns all curves. The last two are those of examples (RFC 7091 section 7, GOST R 34.10-2012 A.2).
func Curves() []*Curve { return slices.Clone(curves()) }

// CurveByOID finds a curve by an object identifier in dotted form. Some curves have several.
func CurveByOID(dotted string) (*Curve, bool) {
	for _, c := range curves() {
		if slices.Contains(c.oids, dotted) {
			return c, true
		}
	}
	return nil, false
}

// parameters are numbers in hexadecimal.
type parameters struct {
	name          string
	oids          []string
	p, q, a, b    string
	x, y          string
	cofactor      int
	edwards, u, v string // d of u^2 + v^2 = 1 + d u^2 v^2, and the base point there, where the cofactor is 4
	fast          func(*Curve, *parameters) arithmetic
}

var curves = sync.OnceValue(func() []*Curve {
	all := make([]*Curve, len(sets))
	for i := range sets {
		all[i] = newCurve(&sets[i])
	}
	return all
})

//go:generate go run generate.go generatefields.go
func newCurve(s *parameters) *Curve {
	size := len(s.p) / 2
	c := &Curve{name: s.name, size: size, oids: s.oids, cofactor: s.cofactor}
	c.p, c.q = newModulus(number(s.p, size), size), newModulus(number(s.q, size), size)
	for _, n := range []struct {
		to   *words
		from string
	}{{&c.a, s.a}, {&c.b, s.b}, {&c.base.x, s.x}, {&c.base.y, s.y}} {
		x := number(n.from, size)
		c.p.enter(n.to, &x)
	}
	c.p.add(&c.b3, &c.b, &c.b)
	c.p.add(&c.b3, &c.b3, &c.b)
	c.base.z = c.p.one
	if s.fast != nil {
		c.fast = s.fast(c, s)
	}
	return c
}

// number reads hexadecimal digits of the source, without zeros in front.
func number(digits string, size int) words {
	b := make([]byte, size)
	if len(digits)%2 != 0 {
		digits = "0" + digits
	}
	if _, err := hex.Decode(b[size-len(digits)/2:], []byte(digits)); err != nil {
		panic("gost3410: a parameter of a curve is no number") // they are constants
	}
	return bigEndian(b)
}
