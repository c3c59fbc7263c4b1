package gost

import (
	"encoding/asn1"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-116355fd/signet/gost/gost3410"
)

var (
	errOther     = errors.New("the key is not of GOST R 34.10-2012")
	errCurve     = errors.New("the key is on a curve that is not known here")
	errMalformed = errors.New("the key of GOST R 34.10-2012 is malformed")
)

// parsePublic reads a SubjectPublicKeyInfo: the parameters name the curve, and some a hash and parameters of a cipher, which say
// nothing about signatures; the key is an OCTET STRING in the BIT STRING (RFC 9215 section 4).
func parsePublic(spki []byte) (*gost3410.PublicKey, error) {
	s, inner, algorithm := cryptobyte.String(spki), cryptobyte.String(nil), cryptobyte.String(nil)
	if !s.ReadASN1(&inner, casn1.SEQUENCE) || !s.Empty() || !inner.ReadASN1Element(&algorithm, casn1.SEQUENCE) {
		return nil, errMalformed
	}
	curve, err := readAlgorithm(algorithm)
	if err != nil {
		return nil, err
	}
	return readPoint(inner, curve)
}

// readAlgorithm reads the AlgorithmIdentifier of a key, public or private.
func readAlgorithm(algorithm cryptobyte.String) (*gost3410.Curve, error) {
	var id cryptobyte.String
	if !algorithm.ReadASN1(&algorithm, casn1.SEQUENCE) || !algorithm.ReadASN1Element(&id, casn1.OBJECT_IDENTIFIER) {
		return nil, errMalformed
	}
	size := 0
	switch string(id) {
	case oidKey256:
		size = Streebog256.Size()
	case oidKey512:
		size = Streebog512.Size()
	default:
		return nil, errOther
	}
	curve, _, err := readParameters(algorithm)
	if err != nil {
		return nil, err
	}
	if curve.Size() != size {
		return nil, errMalformed
	}
	return curve, nil
}

// readPoint reads the BIT STRING of a public key.
func readPoint(inner cryptobyte.String, curve *gost3410.Curve) (*gost3410.PublicKey, error) {
	var bits []byte
	if !inner.ReadASN1BitStringAsBytes(&bits) || !inner.Empty() {
		return nil, errMalformed
	}
	octets, point := cryptobyte.String(bits), cryptobyte.String(nil)
	if !octets.ReadASN1(&point, casn1.OCTET_STRING) || !octets.Empty() {
		return nil, errMalformed
	}
	key, err := gost3410.ParsePublicKey(curve, point)
	if err != nil {
		return nil, errMalformed
	}
	return key, nil
}

// readParameters reads GostR3410-2012-PublicKeyParameters (RFC 9215 section 4.2): the curve, and beside it a hash, which is nil when it is
// not there, and parameters of a cipher.
func readParameters(s cryptobyte.String) (curve *gost3410.Curve, digest asn1.ObjectIdentifier, err error) {
	var parameters cryptobyte.String
	var id asn1.ObjectIdentifier
	if !s.ReadASN1(&parameters, casn1.SEQUENCE) || !s.Empty() || !parameters.ReadASN1ObjectIdentifier(&id) {
		return nil, nil, errMalformed
	}
	for i := 0; !parameters.Empty(); i++ {
		var other asn1.ObjectIdentifier
		if i == 2 || !parameters.ReadASN1ObjectIdentifier(&other) {
			return nil, nil, errMalformed
		}
		if i == 0 {
			digest = other
		}
	}
	curve, ok := gost3410.CurveByOID(id.String())
	if !ok {
		return nil, nil, errCurve
	}
	return curve, digest, nil
}

// curveOIDs are the identifiers that keys are written with (RFC 4357 section 11.4, RFC 7836 appendix A, RFC 9215 appendix E), of each curve
// the one first that a key on it is given when nothing else is asked for.
func curveOIDs() []asn1.ObjectIdentifier {
	return []asn1.ObjectIdentifier{
		{1, 2, 643, 2, 2, 35, 1}, {1, 2, 643, 2, 2, 35, 2}, {1, 2, 643, 2, 2, 35, 3}, {1, 2, 643, 2, 2, 36, 0}, {1, 2, 643, 2, 2, 36, 1},
		{1, 2, 643, 7, 1, 2, 1, 1, 1}, {1, 2, 643, 7, 1, 2, 1, 1, 2}, {1, 2, 643, 7, 1, 2, 1, 1, 3}, {1, 2, 643, 7, 1, 2, 1, 1, 4},
		{1, 2, 643, 7, 1, 2, 1, 2, 1}, {1, 2, 643, 7, 1, 2, 1, 2, 2}, {1, 2, 643, 7, 1, 2, 1, 2, 3},
		{1, 2, 643, 2, 2, 35, 0}, {1, 2, 643, 7, 1, 2, 1, 2, 0}, // of examples
	}
}

// curveOID is the identifier that a key on a curve is written with.
func curveOID(c *gost3410.Curve) asn1.ObjectIdentifier {
	for _, id := range curveOIDs() {
		if known, ok := gost3410.CurveByOID(id.String()); ok && known == c {
			return id
		}
	}
	return nil
}

// keyAlgorithm is the AlgorithmIdentifier of a key. The hash has to stand beside the identifiers of CryptoPro, and is left out beside the
// others, beside which it should not or must not stand (RFC 9215 section 4.2).
func keyAlgorithm(curve asn1.ObjectIdentifier, size int) []byte {
	oid, digest := oidKey256, oidStreebog256
	if size == Streebog512.Size() {
		oid, digest = oidKey512, oidStreebog512
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes([]byte(oid))
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(curve)
			if curve[3] == 2 { // 1.2.643.2
				b.AddBytes([]byte(digest))
			}
		})
	})
	return b.BytesOrPanic() // nothing here can be too long
}

// marshalPublic encodes a SubjectPublicKeyInfo.
func marshalPublic(key *gost3410.PublicKey) []byte {
	return marshalWith(keyAlgorithm(curveOID(key.Curve()), key.Curve().Size()), key)
}

// marshalWith encodes a SubjectPublicKeyInfo with an AlgorithmIdentifier.
func marshalWith(algorithm []byte, key *gost3410.PublicKey) []byte {
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(algorithm)
		b.AddASN1(casn1.BIT_STRING, func(b *cryptobyte.Builder) {
			b.AddUint8(0)
			b.AddASN1OctetString(key.Bytes())
		})
	})
	return b.BytesOrPanic() // nothing here can be too long
}
