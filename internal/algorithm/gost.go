package algorithm

import (
	"github.com/seed-116355fd/signet/internal/cms"
)

// Of GOST R 34.10 only names, sizes and strengths are known here, as of ML-DSA: the mathematics is a scheme of the caller.

// gostCurve is a curve of RFC 4357 section 11.4 or RFC 7836 appendix A. Some have several object identifiers, of which id is the one
// whose name is used: whoever forbids a curve means it under all of them.
type gostCurve struct {
	id     cms.OID
	octets int // of a coordinate
	cost   int // of a verification, see [Cost]
}

// The arcs of curves: CryptoPro's for signatures and for key agreement, and those of TC 26 for both sizes.
const (
	cryptoPro  = "\x2a\x85\x03\x02\x02\x23"         // 1.2.643.2.2.35
	cryptoProX = "\x2a\x85\x03\x02\x02\x24"         // 1.2.643.2.2.36
	tc26of256  = "\x2a\x85\x03\x07\x01\x02\x01\x01" // 1.2.643.7.1.2.1.1
	tc26of512  = "\x2a\x85\x03\x07\x01\x02\x01\x02" // 1.2.643.7.1.2.1.2
)

func gostCurveOf(id cms.OID) (gostCurve, bool) {
	switch id {
	case cryptoPro + "\x01", cryptoProX + "\x00", tc26of256 + "\x02":
		return gostCurve{cryptoPro + "\x01", 32, 4}, true
	case cryptoPro + "\x02", tc26of256 + "\x03":
		return gostCurve{cryptoPro + "\x02", 32, 6}, true
	case cryptoPro + "\x03", cryptoProX + "\x01", tc26of256 + "\x04":
		return gostCurve{cryptoPro + "\x03", 32, 6}, true
	case tc26of256 + "\x01":
		return gostCurve{id, 32, 3}, true
	case cryptoPro + "\x00": // the example of the standard
		return gostCurve{id, 32, 20}, true
	case tc26of512 + "\x01":
		return gostCurve{id, 64, 15}, true
	case tc26of512 + "\x02":
		return gostCurve{id, 64, 25}, true
	case tc26of512 + "\x03":
		return gostCurve{id, 64, 12}, true
	case tc26of512 + "\x00":
		return gostCurve{id, 64, 80}, true
	}
	return gostCurve{}, false
}

// gostCurves are the curves by their names.
func gostCurves() []cms.OID {
	return []cms.OID{
		cryptoPro + "\x01", cryptoPro + "\x02", cryptoPro + "\x03", tc26of256 + "\x01", tc26of512 + "\x01", tc26of512 + "\x02", tc26of512 + "\x03",
		cryptoPro + "\x00", tc26of512 + "\x00",
	}
}

// gostKind is the kind of a signature or a key by its object identifier.
func gostKind(id cms.OID) Kind {
	switch id {
	case cms.OIDGOST256, cms.OIDGOST512, cms.OIDGOST256Signature, cms.OIDGOST512Signature:
		return GOST2012
	case cms.OIDGOST2001, cms.OIDGOST2001Signature:
		return GOST2001
	}
	return UnknownKind
}

// gostParameters reads the object identifier of the curve, which is the first member of the parameters (RFC 9215 section 4.2, RFC 4491
// section 2.3.2).
func gostParameters(parameters cms.Value) (gostCurve, error) {
	r := parameters.Reader()
	id, err := r.Want(cms.TagOID, "the curve")
	if err != nil || parameters.Tag() != cms.TagSequence {
		return gostCurve{}, malformed("GOST R 34.10", "the parameters of the GOST key name no curve")
	}
	curve, err := id.OID()
	if err != nil {
		return gostCurve{}, malformed("GOST R 34.10", "the parameters of the GOST key name no curve")
	}
	c, ok := gostCurveOf(curve)
	if !ok {
		return gostCurve{}, unsupported(curve.Name(), "the curve %s is not known here", curve.Name())
	}
	return c, nil
}

// parseGOST reads a key of which curve and length are looked at: an OCTET STRING of both coordinates (RFC 9215 section 4.3).
func (k *Key) parseGOST(octets []byte) error {
	c, err := gostParameters(k.Algorithm.Parameters)
	if err != nil {
		return err
	}
	k.Kind, k.Curve, k.Bits = gostKind(k.Algorithm.ID), c.id, 8*c.octets
	v, err := cms.ReadValue(octets)
	if err != nil || v.Tag() != cms.TagOctetString || v.Next() != len(octets) || len(v.Body()) != 2*c.octets || (k.Algorithm.ID == cms.OIDGOST512) != (c.octets == 64) {
		return malformed(k.Curve.Name(), "the public key is no point of %s", k.Curve.Name())
	}
	return nil
}

// gostCost is that of a key, see [Cost].
func gostCost(parameters cms.Value) int {
	c, err := gostParameters(parameters)
	if err != nil {
		return 1
	}
	return c.cost
}
