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
	var id cryptobyte.String
	if !s.ReadASN1(&inner, casn1.SEQUENCE) || !s.Empty() || !inner.ReadASN1(&algorithm, casn1.SEQUENCE) || !algorithm.ReadASN1Element(&id, casn1.OBJECT_IDENTIFIER) {
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
	curve, err := readParameters(algorithm)
	if err != nil {
		return nil, err
	}
	var bits []byte
	if !inner.ReadASN1BitStringAsBytes(&bits) || !inner.Empty() || curve.Size() != size {
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

// readParameters reads GostR3410-2012-PublicKeyParameters (RFC 9215 section 4.2).
func readParameters(s cryptobyte.String) (*gost3410.Curve, error) {
	var parameters cryptobyte.String
	var id asn1.ObjectIdentifier
	if !s.ReadASN1(&parameters, casn1.SEQUENCE) || !s.Empty() || !parameters.ReadASN1ObjectIdentifier(&id) {
		return nil, errMalformed
	}
	for !parameters.Empty() {
		if !parameters.SkipASN1(casn1.OBJECT_IDENTIFIER) {
			return nil, errMalformed
		}
	}
	curve, ok := gost3410.CurveByOID(id.String())
	if !ok {
		return nil, errCurve
	}
	return curve, nil
}

// curveOID is the identifier that a key on a curve is written with, and whether the hash has to stand beside it (RFC 9215 section 4.2).
func curveOID(name string) (id asn1.ObjectIdentifier, withHash bool) {
	switch name {
	case "CryptoPro-A":
		return asn1.ObjectIdentifier{1, 2, 643, 2, 2, 35, 1}, true
	case "CryptoPro-B":
		return asn1.ObjectIdentifier{1, 2, 643, 2, 2, 35, 2}, true
	case "CryptoPro-C":
		return asn1.ObjectIdentifier{1, 2, 643, 2, 2, 35, 3}, true
	case "tc26-256-A":
		return asn1.ObjectIdentifier{1, 2, 643, 7, 1, 2, 1, 1, 1}, false
	case "tc26-512-A":
		return asn1.ObjectIdentifier{1, 2, 643, 7, 1, 2, 1, 2, 1}, false
	case "tc26-512-B":
		return asn1.ObjectIdentifier{1, 2, 643, 7, 1, 2, 1, 2, 2}, false
	case "tc26-512-C":
		return asn1.ObjectIdentifier{1, 2, 643, 7, 1, 2, 1, 2, 3}, false
	case "test-512":
		return asn1.ObjectIdentifier{1, 2, 643, 7, 1, 2, 1, 2, 0}, false
	}
	return asn1.ObjectIdentifier{1, 2, 643, 2, 2, 35, 0}, true
}

// marshalPublic encodes a SubjectPublicKeyInfo.
func marshalPublic(key *gost3410.PublicKey) []byte {
	curve := key.Curve()
	oid, digest := oidKey256, oidStreebog256
	if curve.Size() == Streebog512.Size() {
		oid, digest = oidKey512, oidStreebog512
	}
	id, withHash := curveOID(curve.Name())
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes([]byte(oid))
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(id)
				if withHash {
					b.AddBytes([]byte(digest))
				}
			})
		})
		b.AddASN1(casn1.BIT_STRING, func(b *cryptobyte.Builder) {
			b.AddUint8(0)
			b.AddASN1OctetString(key.Bytes())
		})
	})
	return b.BytesOrPanic() // nothing here can be too long
}
