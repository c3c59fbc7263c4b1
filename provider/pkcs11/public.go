package pkcs11

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// maxRSABits bounds the public keys that are computed with, wherever they come from: a signature by a key of a megabyte is not
// verified in a day, and nobody could leave.
const (
	maxRSABits      = 16384
	maxExponentBits = 31 // what crypto/rsa computes with
)

var errNoPublic = errors.New("its public key is not on the token")

// isEd25519 reads CKA_EC_PARAMS of an Edwards key: the object identifier of RFC 8410, that of GnuPG, or the name
// (PKCS #11 3.0 section 6.3.5). A token that leaves them out is taken to mean Ed25519.
func isEd25519(params []byte) bool {
	var oid asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(params, &oid); err == nil {
		return oid.String() == "1.3.101.112" || oid.String() == "1.3.6.1.4.1.11591.15.1"
	}
	var name string
	if _, err := asn1.Unmarshal(params, &name); err == nil {
		return name == "edwards25519"
	}
	return len(params) == 0
}

// rsaPublic makes a key of CKA_MODULUS and CKA_PUBLIC_EXPONENT.
func rsaPublic(modulus, exponent []byte) (crypto.PublicKey, error) {
	n, e := new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent)
	if n.Sign() == 0 || e.Sign() == 0 {
		return nil, errNoPublic
	}
	switch {
	case n.BitLen() > maxRSABits:
		return nil, fmt.Errorf("an RSA key of %d bits is not supported; %d are the most", n.BitLen(), maxRSABits)
	case e.BitLen() > maxExponentBits:
		return nil, fmt.Errorf("its public exponent has %d bits, and %d are the most; 65537 is usual", e.BitLen(), maxExponentBits)
	case e.Int64() < 3 || e.Bit(0) == 0:
		return nil, fmt.Errorf("its public exponent is %d, which no RSA key has; 65537 is usual", e)
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

// ecPublic makes a key of CKA_EC_PARAMS and CKA_EC_POINT, which is the DER of an OCTET STRING, or the point itself from
// modules that read PKCS #11 2.20 that way. Some write the length of a point of P-521, which takes two octets, in one.
func ecPublic(params, point []byte) (crypto.PublicKey, error) {
	curve := curveOf(params)
	switch {
	case len(params) == 0:
		return nil, errNoPublic
	case curve == nil:
		return nil, unsupportedCurve(params)
	case len(point) == 0:
		return nil, errNoPublic
	}
	size := (curve.Params().BitSize + 7) / 8
	for _, candidate := range [][]byte{point, inner(point), point[max(0, len(point)-1-2*size):]} {
		if len(candidate) == 1+2*size && candidate[0] == 4 {
			return ecdsa.ParseUncompressedPublicKey(curve, candidate)
		}
		if len(candidate) == 1+size && (candidate[0] == 2 || candidate[0] == 3) {
			if x, y := elliptic.UnmarshalCompressed(curve, candidate); x != nil {
				full := append([]byte{4}, x.FillBytes(make([]byte, size))...)
				return ecdsa.ParseUncompressedPublicKey(curve, append(full, y.FillBytes(make([]byte, size))...))
			}
		}
	}
	return nil, errors.New("its point cannot be read")
}

// edPublic reads CKA_EC_POINT of an Ed25519 key: an OCTET STRING, a BIT STRING, or the 32 octets.
func edPublic(params, point []byte) (crypto.PublicKey, error) {
	const ed448Size = 57 // RFC 8032 section 5.2.5
	switch {
	case !isEd25519(params):
		return nil, unsupportedCurve(params)
	case len(point) == 0:
		return nil, errNoPublic
	case len(point) == ed448Size || len(inner(point)) == ed448Size: // a token that leaves the curve out
		return nil, errors.New("Ed448 is not supported")
	}
	for _, candidate := range [][]byte{point, inner(point)} {
		if len(candidate) == ed25519.PublicKeySize {
			return ed25519.PublicKey(bytes.Clone(candidate)), nil
		}
	}
	return nil, errors.New("its point cannot be read")
}

// inner is the content of an OCTET STRING or BIT STRING, or nil.
func inner(der []byte) []byte {
	var octets []byte
	if rest, err := asn1.Unmarshal(der, &octets); err == nil && len(rest) == 0 {
		return octets
	}
	var bits asn1.BitString
	if rest, err := asn1.Unmarshal(der, &bits); err == nil && len(rest) == 0 {
		return bits.Bytes
	}
	return nil
}

// publicOf makes a public key of the attributes of an object.
func publicOf(o *object) (crypto.PublicKey, error) {
	if err := o.agrees(); err != nil {
		return nil, err
	}
	switch o.kind {
	case p11.KeyRSA:
		return rsaPublic(o.modulus, o.exponent)
	case p11.KeyEC:
		return ecPublic(o.params, o.point)
	case p11.KeyECEdwards:
		return edPublic(o.params, o.point)
	}
	if f := familyOf(o.kind); f != nil {
		if public, err := f.told(o); public != nil || err != nil {
			return public, err
		}
		public, err := f.read(f, o)
		if err != nil {
			return nil, err // not a nil key of a type
		}
		return public, nil
	}
	return nil, fmt.Errorf("keys of kind CKK 0x%X are not supported", o.kind)
}

// fits reports whether a public key can belong to a private key object, as far as that tells.
func fits(o *object, public crypto.PublicKey) bool {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return o.kind == p11.KeyRSA && public.N.BitLen() <= maxRSABits && (len(o.modulus) == 0 || new(big.Int).SetBytes(o.modulus).Cmp(public.N) == 0)
	case *ecdsa.PublicKey:
		return o.kind == p11.KeyEC && (len(o.params) == 0 || curveOf(o.params) == public.Curve)
	case ed25519.PublicKey:
		return o.kind == p11.KeyECEdwards
	case sign.PublicKey:
		v := variantOf(public)
		return v != nil && v.keyType == o.kind && v.disagrees(v, o) == nil
	}
	return false
}

// publicIn is the public key of a certificate. One of a kind of its own is taken as it stands there, whether or not crypto/x509 knows
// the kind, which depends on its release.
func publicIn(c *x509.Certificate) crypto.PublicKey {
	if variantOf(c.RawSubjectPublicKeyInfo) != nil {
		return sign.PublicKey(c.RawSubjectPublicKeyInfo)
	}
	return c.PublicKey
}

func spkiOf(public crypto.PublicKey) []byte {
	spki, err := sign.MarshalPublicKey(public)
	if err != nil {
		return nil
	}
	return spki
}
