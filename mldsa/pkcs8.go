package mldsa

import (
	"crypto"
	"crypto/subtle"
	"errors"

	"filippo.io/mldsa"
	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

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

// ParsePKCS8 reads a private key in PKCS#8 (RFC 5958) in the three forms of RFC 9881 section 6: the seed, the expanded key, or both. An
// expanded key that is not the one of its seed, or whose parts do not belong together, is refused with [sign.ErrInput]; a key of
// another algorithm with [sign.ErrUnsupported].
func ParsePKCS8(der []byte) (*Key, error) {
	key, err := parsePKCS8(der)
	switch {
	case errors.Is(err, errOther):
		return nil, &sign.Error{Op: "mldsa: private key", Class: sign.ErrUnsupported, Err: err}
	case err != nil:
		return nil, &sign.Error{Op: "mldsa: private key", Class: sign.ErrInput, Err: err}
	}
	return key, nil
}

var errSeed = errors.New("the expanded ML-DSA key is not the one of its seed")

func parsePKCS8(der []byte) (*Key, error) {
	s, inner := cryptobyte.String(der), cryptobyte.String(nil)
	var version int
	var algorithm, private cryptobyte.String
	if !s.ReadASN1(&inner, casn1.SEQUENCE) || !s.Empty() || !inner.ReadASN1Integer(&version) || !inner.ReadASN1Element(&algorithm, casn1.SEQUENCE) {
		return nil, errMalformed
	}
	set, err := setOf(algorithm)
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
	key, err := set.parsePrivate(private)
	if err != nil {
		return nil, err
	}
	// The public key beside it is a BIT STRING without unused bits.
	if hasPublic && (len(public) == 0 || public[0] != 0 || string(public[1:]) != string(key.public.Bytes())) {
		return nil, errParts
	}
	return key, nil
}

// parsePrivate reads the CHOICE of RFC 9881 section 6.
func (s Set) parsePrivate(der cryptobyte.String) (*Key, error) {
	var seed, expanded cryptobyte.String
	hasSeed, hasExpanded, ok := true, true, false
	switch {
	case der.PeekASN1Tag(casn1.Tag(0).ContextSpecific()):
		hasExpanded, ok = false, der.ReadASN1(&seed, casn1.Tag(0).ContextSpecific())
	case der.PeekASN1Tag(casn1.OCTET_STRING):
		hasSeed, ok = false, der.ReadASN1(&expanded, casn1.OCTET_STRING)
	default:
		var both cryptobyte.String
		ok = der.ReadASN1(&both, casn1.SEQUENCE) && both.ReadASN1(&seed, casn1.OCTET_STRING) && both.ReadASN1(&expanded, casn1.OCTET_STRING) && both.Empty()
	}
	if !ok || !der.Empty() {
		return nil, errMalformed
	}
	if !hasSeed {
		return fromExpanded(s, expanded)
	}
	if len(seed) != mldsa.PrivateKeySize {
		return nil, errMalformed
	}
	private, err := mldsa.NewPrivateKey(s.parameters(), seed)
	if err != nil {
		return nil, errMalformed
	}
	if hasExpanded {
		own, err := s.expand((*[mldsa.PrivateKeySize]byte)(seed))
		if err != nil {
			return nil, errMalformed
		}
		defer clear(own)
		if subtle.ConstantTimeCompare(own, expanded) != 1 {
			return nil, errSeed
		}
	}
	return fromSeed(s, private), nil
}

// MarshalPKCS8 encodes the key in PKCS#8 by its seed, which RFC 9881 section 6 recommends. A key of which only the expanded form is
// known is an error of class [sign.ErrUnsupported]: keep the file that it came from.
func (k *Key) MarshalPKCS8() ([]byte, error) {
	if k.empty() {
		return nil, errEmpty("mldsa: encode key")
	}
	if k.seed == nil {
		return nil, &sign.Error{Op: "mldsa: encode key", Class: sign.ErrUnsupported, Hint: "its seed is not known; keep the file that it came from"}
	}
	seed := k.seed.Bytes()
	defer clear(seed)
	b := cryptobyte.NewBuilder(make([]byte, 0, 128)) // one that grows would leave copies of the seed behind
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(k.set.algorithm())
		b.AddASN1(casn1.OCTET_STRING, func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(seed) })
		})
	})
	return b.Bytes()
}
