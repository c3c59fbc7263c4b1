package inspect

import (
	"crypto"
	"fmt"
	"math/bits"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// PublicKey names the kind and size of a public key; "" when it cannot be encoded.
func PublicKey(pub crypto.PublicKey) string {
	spki, err := sign.MarshalPublicKey(pub)
	if err != nil {
		return ""
	}
	return KeyKind(spki)
}

// KeyKind names the kind and size of a key in a SubjectPublicKeyInfo: RSA-2048, P-256, Ed25519, or the name of an
// algorithm.
func KeyKind(spki []byte) string {
	const unreadable = "unreadable key"
	v, err := cms.ReadValue(spki)
	if err != nil {
		return unreadable
	}
	r := v.Reader()
	first, err := r.Next()
	if err != nil {
		return unreadable
	}
	alg, err := cms.ParseAlgorithm(first)
	if err != nil {
		return unreadable
	}
	switch alg.ID {
	case cms.OIDRSAEncryption, cms.OIDRSASSAPSS:
		kind := "RSA"
		if alg.ID == cms.OIDRSASSAPSS {
			kind = "RSA-PSS"
		}
		if n, ok := modulus(&r); ok {
			return fmt.Sprintf("%s-%d", kind, n)
		}
		return kind
	case cms.OIDEd25519:
		return "Ed25519"
	}
	if !alg.Parameters.IsZero() {
		if curve, err := alg.Parameters.OID(); err == nil {
			if alg.ID == cms.OIDECPublicKey {
				return curve.Name()
			}
			return alg.ID.Name() + " " + curve.Name()
		}
	}
	switch alg.ID {
	case cms.OIDGOST256, cms.OIDGOST512, cms.OIDGOST2001: // the curve, and beside it hash and cipher (RFC 9215 section 4.2)
		if alg.Parameters.Tag() == cms.TagSequence {
			parameters := alg.Parameters.Reader()
			if first, err := parameters.Next(); err == nil {
				if curve, err := first.OID(); err == nil {
					return alg.ID.Name() + " on " + curve.Name()
				}
			}
		}
	}
	return alg.ID.Name()
}

// modulus returns the bits of the modulus in an RSAPublicKey.
func modulus(r *cms.Reader) (int, bool) {
	key, err := r.Want(cms.TagBitString, "the public key")
	if err != nil || len(key.Body()) < 2 {
		return 0, false
	}
	v, err := cms.ReadValue(key.Body()[1:])
	if err != nil || v.Tag() != cms.TagSequence {
		return 0, false
	}
	inner := v.Reader()
	n, err := inner.Want(cms.TagInteger, "the modulus")
	if err != nil {
		return 0, false
	}
	b := n.Body()
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	return 8*(len(b)-1) + bits.Len8(b[0]), true
}
