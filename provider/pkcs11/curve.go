package pkcs11

import (
	"bytes"
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
)

var curves = map[string]elliptic.Curve{
	"1.2.840.10045.3.1.7": elliptic.P256(),
	"1.3.132.0.34":        elliptic.P384(),
	"1.3.132.0.35":        elliptic.P521(),
}

// curveOf reads CKA_EC_PARAMS: the object identifier of a named curve in DER, or the parameters of one of them in full, as
// ykcs11 2.2 gives them.
func curveOf(params []byte) elliptic.Curve {
	var oid asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(params, &oid); err == nil {
		return curves[oid.String()]
	}
	var full ecParameters
	if rest, err := asn1.Unmarshal(params, &full); err != nil || len(rest) != 0 {
		return nil
	}
	for _, curve := range curves {
		if full.are(curve.Params()) {
			return curve
		}
	}
	return nil
}

// ecParameters are SpecifiedECDomain of X9.62, as in RFC 3279 section 2.3.5.
type ecParameters struct {
	Version int
	Field   struct {
		Type  asn1.ObjectIdentifier
		Prime *big.Int
	}
	Curve struct {
		A, B []byte
		Seed asn1.BitString `asn1:"optional"`
	}
	Base     []byte
	Order    *big.Int
	Cofactor int `asn1:"optional"`
}

// are compares everything that counts: a curve that differs in its base point alone has other keys, and anybody can make one
// for any public key.
func (e *ecParameters) are(c *elliptic.CurveParams) bool {
	a := new(big.Int).Sub(c.P, big.NewInt(3)) // of the curves here
	return e.Field.Type.String() == "1.2.840.10045.1.1" && e.Field.Prime.Cmp(c.P) == 0 &&
		new(big.Int).SetBytes(e.Curve.A).Cmp(a) == 0 && new(big.Int).SetBytes(e.Curve.B).Cmp(c.B) == 0 &&
		bytes.Equal(e.Base, basePoint(c)) && e.Order.Cmp(c.N) == 0 && (e.Cofactor == 0 || e.Cofactor == 1)
}

// basePoint is the base point of a curve, not compressed (SEC 1 section 2.3.3).
func basePoint(c *elliptic.CurveParams) []byte {
	size := (c.BitSize + 7) / 8
	point := make([]byte, 1+2*size)
	point[0] = 4
	c.Gx.FillBytes(point[1 : 1+size])
	c.Gy.FillBytes(point[1+size:])
	return point
}
