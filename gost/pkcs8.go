package gost

import (
	"crypto"
	"crypto/subtle"
	"encoding/asn1"
	"errors"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/sign"
)

// Parse is [ParsePKCS8] in the form that soft.Config.Parsers takes.
func Parse(pkcs8 []byte) (crypto.Signer, error) {
	key, err := ParsePKCS8(pkcs8)
	if err != nil {
		return nil, err // a nil *Key in an interface would not be nil
	}
	return key, nil
}

// ParsePKCS8 reads a private key in PKCS#8 (RFC 5958). Its octets stand lowest first, as RFC 9548 and OpenSSL's engine have them, or in an
// OCTET STRING of their own, or as an INTEGER. A key that is masked, and one that does not belong to the public key beside it, are
// refused with [sign.ErrInput]; a key of another algorithm, or on a curve that is not known, with [sign.ErrUnsupported].
func ParsePKCS8(der []byte) (*Key, error) {
	key, err := parsePKCS8(der)
	switch {
	case errors.Is(err, errOther), errors.Is(err, errCurve):
		return nil, &sign.Error{Op: "gost: private key", Class: sign.ErrUnsupported, Err: err}
	case err != nil:
		return nil, &sign.Error{Op: "gost: private key", Class: sign.ErrInput, Err: err}
	}
	return key, nil
}

var (
	errMasked = errors.New("the GOST private key is masked, which is not read; write it again without a mask where it came from")
	errParts  = errors.New("the public key beside the GOST private key is not its own")
)

func parsePKCS8(der []byte) (*Key, error) {
	s, inner := cryptobyte.String(der), cryptobyte.String(nil)
	var version int
	var algorithm, private cryptobyte.String
	if !s.ReadASN1(&inner, casn1.SEQUENCE) || !s.Empty() || !inner.ReadASN1Integer(&version) || !inner.ReadASN1Element(&algorithm, casn1.SEQUENCE) {
		return nil, errMalformed
	}
	curve, err := readAlgorithm(algorithm)
	if err != nil {
		return nil, err
	}
	// RFC 5958 section 2: attributes may follow, and in version 1 a public key.
	public, hasPublic := cryptobyte.String(nil), false
	if version < 0 || version > 1 || !inner.ReadASN1(&private, casn1.OCTET_STRING) ||
		!inner.SkipOptionalASN1(casn1.Tag(0).ContextSpecific().Constructed()) ||
		!inner.ReadOptionalASN1(&public, &hasPublic, casn1.Tag(1).ContextSpecific()) || !inner.Empty() {
		return nil, errMalformed
	}
	d, err := readPrivate(private, curve.Size())
	if err != nil {
		return nil, err
	}
	defer clear(d)
	secret, err := gost3410.NewPrivateKey(curve, d)
	if err != nil {
		return nil, errMalformed
	}
	if hasPublic && !isPublic(public, secret.PublicKey().Bytes()) {
		return nil, errParts
	}
	return &Key{secret, marshalWith(algorithm, secret.PublicKey())}, nil
}

// readPrivate returns the octets of a private key, lowest first. One that is as long as the key is it: what begins there like an OCTET
// STRING or an INTEGER begins so by chance.
func readPrivate(s cryptobyte.String, size int) ([]byte, error) {
	if len(s) == size {
		return slices.Clone(s), nil
	}
	var octets cryptobyte.String
	switch whole := s; {
	case whole.PeekASN1Tag(casn1.OCTET_STRING) && whole.ReadASN1(&octets, casn1.OCTET_STRING) && whole.Empty():
		if len(octets) == size {
			return slices.Clone(octets), nil
		}
	case whole.PeekASN1Tag(casn1.INTEGER) && whole.ReadASN1(&octets, casn1.INTEGER) && whole.Empty():
		if len(octets) == size+1 && octets[0] == 0 {
			octets = octets[1:]
		}
		if len(octets) == 0 || len(octets) > size || len(octets) < size && octets[0]&0x80 != 0 {
			return nil, errMalformed
		}
		d := make([]byte, size)
		copy(d[size-len(octets):], octets)
		slices.Reverse(d)
		return d, nil
	default:
		octets = s
	}
	if len(octets) > size && len(octets)%size == 0 { // the masked key, and its masks after it (R 50.1.112-2016 annex)
		return nil, errMasked
	}
	return nil, errMalformed
}

// isPublic compares the content of a BIT STRING with a public key, which stands there as it is, or in an OCTET STRING. The examples of RFC
// 9548 say that a bit of it is not used, which is not so.
func isPublic(bits cryptobyte.String, xy []byte) bool {
	if len(bits) == 0 || bits[0] > 7 {
		return false
	}
	octets := bits[1:]
	if len(octets) != len(xy) && (!octets.ReadASN1(&octets, casn1.OCTET_STRING) || len(octets) != len(xy)) {
		return false
	}
	return subtle.ConstantTimeCompare(octets, xy) == 1
}

// MarshalPKCS8 encodes the key in PKCS#8 (RFC 5958) with its octets lowest first. The parameters are those that it was read with.
func (k *Key) MarshalPKCS8() ([]byte, error) {
	if k.empty() {
		return nil, &sign.Error{Op: "gost: encode key", Class: sign.ErrInput, Hint: "the key is nil or the zero value; make one with ParsePKCS8, GenerateKey or NewKey"}
	}
	spki, algorithm := cryptobyte.String(k.spki), cryptobyte.String(nil)
	if !spki.ReadASN1(&spki, casn1.SEQUENCE) || !spki.ReadASN1Element(&algorithm, casn1.SEQUENCE) {
		return nil, &sign.Error{Op: "gost: encode key", Class: sign.ErrInput, Err: errMalformed}
	}
	d := k.private.Bytes()
	defer clear(d)
	b := cryptobyte.NewBuilder(make([]byte, 0, 256)) // one that grows would leave copies of the key behind
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Uint64(0)
		b.AddBytes(algorithm)
		b.AddASN1OctetString(d)
	})
	return b.Bytes()
}

// GenerateNamed makes a key on the curve of an object identifier in dotted form, which its public key then has: several of them name the
// same curve, and CryptoPro's programs choose by them what a key is for. One that is not known is an error of class [sign.ErrUnsupported].
func GenerateNamed(dotted string) (*Key, error) {
	const op = "gost: generate key"
	curve, ok := gost3410.CurveByOID(dotted)
	if !ok {
		return nil, &sign.Error{Op: op, Class: sign.ErrUnsupported, Err: errCurve}
	}
	var id asn1.ObjectIdentifier
	for _, known := range curveOIDs() {
		if known.String() == dotted {
			id = known
		}
	}
	if id == nil {
		return nil, &sign.Error{Op: op, Class: sign.ErrUnsupported, Err: errCurve}
	}
	private, err := gost3410.GenerateKey(curve)
	if err != nil {
		return nil, &sign.Error{Op: op, Class: sign.ErrUnavailable, Err: err}
	}
	return &Key{private, marshalWith(keyAlgorithm(id, curve.Size()), private.PublicKey())}, nil
}
