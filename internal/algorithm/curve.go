package algorithm

import (
	"bytes"
	"math/big"

	"github.com/seed-116355fd/signet/internal/cms"
)

// curveOf reads EcpkParameters (RFC 3279 section 2.3.5): a named curve, or explicit parameters if they are those of a named
// curve. Others are not computed with: nothing says that their order is prime, or that they are a curve at all, and who
// chooses the base point can choose it so that a signature of somebody else fits (CVE-2020-0601).
func curveOf(v cms.Value) (cms.OID, error) {
	switch {
	case v.IsZero():
		return "", malformed("", "the elliptic curve key names no curve")
	case v.Tag() == cms.TagOID:
		id, err := v.OID()
		if err != nil {
			return "", malformed("", "the curve of the key is malformed")
		}
		return id, nil
	case v.Tag() == cms.TagNull:
		return "", unsupported("implicitCurve", "the elliptic curve key takes its curve from its issuer, which is not supported")
	case v.Tag() != cms.TagSequence:
		return "", malformed("", "the curve of the key is malformed")
	}
	return explicitCurve(v)
}

// explicitCurve compares ECParameters (X9.62, RFC 3279) with the curves that are known.
func explicitCurve(v cms.Value) (cms.OID, error) {
	bad := malformed("", "the explicit parameters of the curve are malformed")
	r := v.Reader()
	version, err := r.Want(cms.TagInteger, "version")
	if err != nil {
		return "", bad
	}
	if n, err := version.Int(); err != nil || n < 1 || n > 3 {
		return "", bad
	}
	field, err := r.Want(cms.TagSequence, "fieldID")
	if err != nil {
		return "", bad
	}
	fieldReader := field.Reader()
	kind, err := fieldReader.Want(cms.TagOID, "fieldType")
	if err != nil {
		return "", bad
	}
	if id, err := kind.OID(); err != nil || id != cms.OIDPrimeField {
		return "", unsupported(id.Name(), "the key is on a curve over a field of kind %s, which is not supported", id.Name())
	}
	p, err := positive(&fieldReader, maxFieldOctets)
	if err != nil || !fieldReader.Empty() {
		return "", bad
	}
	curve, err := r.Want(cms.TagSequence, "curve")
	if err != nil {
		return "", bad
	}
	coefficients := curve.Reader()
	a, err := coefficients.Want(cms.TagOctetString, "a")
	if err != nil {
		return "", bad
	}
	b, err := coefficients.Want(cms.TagOctetString, "b")
	if err != nil {
		return "", bad
	}
	// The seed says how the coefficients were found, and nothing about what they are.
	if _, _, err := coefficients.Optional(cms.TagBitString); err != nil || !coefficients.Empty() {
		return "", bad
	}
	base, err := r.Want(cms.TagOctetString, "base")
	if err != nil || len(base.Body()) < 2 {
		return "", bad
	}
	order, err := positive(&r, maxFieldOctets)
	if err != nil {
		return "", bad
	}
	cofactor := big.NewInt(1)
	if !r.Empty() {
		if cofactor, err = positive(&r, maxFieldOctets); err != nil || !r.Empty() {
			return "", bad
		}
	}
	if cofactor.IsInt64() && cofactor.Int64() == 1 {
		prime, number := p.Text(16), order.Text(16)
		for _, id := range namedCurves() {
			if t, _ := textOf(id); t.p == prime && t.n == number && t.equal(a.Body(), b.Body(), base.Body()) {
				return id, nil
			}
		}
	}
	return "", unsupported("explicit parameters", "the key brings a curve of its own over %d bits, which is none of those with a name", p.BitLen())
}

// maxFieldOctets bounds the integers of explicit parameters.
const maxFieldOctets = 1024 / 8

// equal compares coefficients and base point, which may be compressed.
func (t curveText) equal(a, b, base []byte) bool {
	size := (len(t.p) + 1) / 2
	if !sameNumber(a, t.a) || !sameNumber(b, t.b) || len(base) < 1+size || !sameNumber(base[1:1+size], t.x) {
		return false
	}
	switch base[0] {
	case 2, 3:
		return len(base) == 1+size && base[0]&1 == fromHex(t.y).FillBytes(make([]byte, size))[size-1]&1
	case 4:
		return len(base) == 1+2*size && sameNumber(base[1+size:], t.y)
	}
	return false
}

func sameNumber(octets []byte, hex string) bool {
	return bytes.Equal(bytes.TrimLeft(octets, "\x00"), fromHex(hex).Bytes())
}

func fromHex(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 16)
	return n
}

// curve is a curve that the standard library does not have. Everything computed on it is public, so it need not take the
// same time always.
type curve struct {
	p, a, b, n *big.Int
	g          affine
	size       int // octets of a coordinate
	kind       int // of a: 0 when it is 0, -3 when it is that, else 1
}

type affine struct{ x, y *big.Int }

func curveByOID(id cms.OID) (*curve, bool) {
	t, ok := textOf(id)
	if !ok {
		return nil, false
	}
	c := &curve{p: fromHex(t.p), a: fromHex(t.a), b: fromHex(t.b), n: fromHex(t.n), g: affine{fromHex(t.x), fromHex(t.y)}}
	c.size, c.kind = (c.p.BitLen()+7)/8, 1
	switch {
	case c.a.Sign() == 0:
		c.kind = 0
	case new(big.Int).Sub(c.p, c.a).Cmp(big.NewInt(3)) == 0:
		c.kind = -3
	}
	return c, true
}

// decode reads a point (SEC 1 section 2.3.4), compressed or not, and makes sure that it is one of the curve; nil when it is
// not, or is that at infinity. The cofactor of all curves is 1, so that it has the right order then.
func (c *curve) decode(octets []byte) *affine {
	if len(octets) != 1+c.size && len(octets) != 1+2*c.size {
		return nil
	}
	x := new(big.Int).SetBytes(octets[1 : 1+c.size])
	if x.Cmp(c.p) >= 0 {
		return nil
	}
	square := c.polynomial(x)
	switch {
	case octets[0] == 4 && len(octets) == 1+2*c.size:
		y := new(big.Int).SetBytes(octets[1+c.size:])
		if y.Cmp(c.p) >= 0 || new(big.Int).Mod(new(big.Int).Mul(y, y), c.p).Cmp(square) != 0 {
			return nil
		}
		return &affine{x, y}
	case octets[0]|1 == 3 && len(octets) == 1+c.size:
		y := new(big.Int).ModSqrt(square, c.p)
		if y == nil {
			return nil
		}
		if y.Bit(0) != uint(octets[0]&1) {
			y.Sub(c.p, y).Mod(y, c.p)
		}
		return &affine{x, y}
	}
	return nil
}

// polynomial is x³ + ax + b.
func (c *curve) polynomial(x *big.Int) *big.Int {
	v := new(big.Int).Mul(x, x)
	v.Add(v, c.a).Mul(v, x).Add(v, c.b)
	return v.Mod(v, c.p)
}
