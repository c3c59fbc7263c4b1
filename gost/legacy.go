package gost

import (
	"encoding/asn1"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/gost/gost94"
	"github.com/seed-116355fd/signet/sign"
)

// The object identifiers of RFC 4490 and RFC 4491 as complete TLVs.
const (
	oidKey2001       = "\x06\x06\x2a\x85\x03\x02\x02\x13"
	oidSignature2001 = "\x06\x06\x2a\x85\x03\x02\x02\x03"
	oidHash94        = "\x06\x06\x2a\x85\x03\x02\x02\x09"
)

// legacy is GOST R 34.10-2001 (RFC 5832) with GOST R 34.11-94 (RFC 5831), whose mathematics is that of GOST R 34.10-2012 over another
// digest. It only checks signatures.
func legacy() sign.Scheme {
	return sign.Scheme{
		Name: "gost3410-2001", NewHash: gost94.New, DigestAlg: algorithm(oidHash94), SignatureAlg: algorithm(oidKey2001), CertificateAlg: algorithm(oidSignature2001),
		Verify: verifyLegacy,
	}
}

var (
	errOtherLegacy = errors.New("the key is not of GOST R 34.10-2001")
	errSbox        = errors.New("the key asks for a substitution of GOST R 34.11-94 that is not that of CryptoPro")
)

func verifyLegacy(spki, digest, signature []byte) error {
	const op = "gost: verify"
	key, err := parseLegacy(spki)
	switch {
	case errors.Is(err, errOtherLegacy):
		return &sign.Error{Op: op, Class: sign.ErrKeyMismatch, Err: err}
	case errors.Is(err, errCurve), errors.Is(err, errSbox):
		return &sign.Error{Op: op, Class: sign.ErrUnsupported, Err: err}
	case err != nil:
		return &sign.Error{Op: op, Class: sign.ErrInput, Err: err}
	case len(digest) != gost94.Size:
		return &sign.Error{Op: op, Class: sign.ErrInput, Err: errors.New("the digest has not the length of the hash")}
	}
	if !key.Verify(digest, signature) {
		return errSignature
	}
	return nil
}

// parseLegacy reads a SubjectPublicKeyInfo (RFC 4491 section 2.3.2). The parameters name the substitution of the hash, which is that of
// CryptoPro in all that was ever signed but examples.
func parseLegacy(spki []byte) (*gost3410.PublicKey, error) {
	s, inner, algorithm, id := cryptobyte.String(spki), cryptobyte.String(nil), cryptobyte.String(nil), cryptobyte.String(nil)
	if !s.ReadASN1(&inner, casn1.SEQUENCE) || !s.Empty() || !inner.ReadASN1(&algorithm, casn1.SEQUENCE) || !algorithm.ReadASN1Element(&id, casn1.OBJECT_IDENTIFIER) {
		return nil, errMalformed
	}
	if string(id) != oidKey2001 {
		return nil, errOtherLegacy
	}
	curve, digest, err := readParameters(algorithm)
	switch {
	case err != nil:
		return nil, err
	case curve.Size() != gost94.Size:
		return nil, errMalformed
	case digest != nil && !digest.Equal(asn1.ObjectIdentifier{1, 2, 643, 2, 2, 30, 1}):
		return nil, errSbox
	}
	return readPoint(inner, curve)
}
