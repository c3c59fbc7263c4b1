// Package mldsa has the signatures of FIPS 204, which no computer that can be thought of forges, as [sign.Scheme] values and
// [sign.Key]s: ML-DSA in CMS as RFC 9882 has it, in certificates and key files as RFC 9881.
//
//	keys, err := soft.Open(ctx, "archive.pem", soft.Config{Parsers: []soft.Parser{mldsa.Parse}})
//	signer, err := sign.Open(ctx, keys, sign.Ref{})
//
// Who verifies says that the schemes count:
//
//	algorithms := trust.Algorithms{Schemes: mldsa.Schemes()}
//
// Only programs that import this package have its code in them. The mathematics is that of filippo.io/mldsa, which from Go 1.27 on is
// crypto/mldsa of the standard library.
package mldsa

import (
	"crypto"
	"crypto/sha512"
	"errors"
	"fmt"

	"filippo.io/mldsa"
	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-116355fd/signet/sign"
)

// Set is one of the parameter sets of FIPS 204 table 1. The zero value is none of them.
type Set int

// The parameter sets. MLDSA65 is the one to take when nothing else asks for another.
const (
	MLDSA44 Set = 44 // category 2, as strong as SHA-256 against collisions
	MLDSA65 Set = 65 // category 3, as strong as AES-192
	MLDSA87 Set = 87 // category 5, as strong as AES-256
)

// Sets returns all parameter sets.
func Sets() []Set { return []Set{MLDSA44, MLDSA65, MLDSA87} }

// String is the name of the set: "ML-DSA-65".
func (s Set) String() string {
	if !s.known() {
		return fmt.Sprintf("Set(%d)", int(s))
	}
	return fmt.Sprintf("ML-DSA-%d", int(s))
}

func (s Set) known() bool { return s == MLDSA44 || s == MLDSA65 || s == MLDSA87 }

// parameters are those of the module below. The set is one that is known.
func (s Set) parameters() mldsa.Parameters {
	switch s {
	case MLDSA44:
		return mldsa.MLDSA44()
	case MLDSA65:
		return mldsa.MLDSA65()
	}
	return mldsa.MLDSA87()
}

// oid is the object identifier of the set as a TLV: id-ml-dsa-44, -65 and -87 of RFC 9881 section 2, which stand for the key and for
// the signature alike.
func (s Set) oid() string {
	const arc = "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03"
	switch s {
	case MLDSA44:
		return arc + "\x11"
	case MLDSA65:
		return arc + "\x12"
	}
	return arc + "\x13"
}

// algorithm is the AlgorithmIdentifier, whose parameters are absent (RFC 9881 section 2).
func (s Set) algorithm() []byte { return append([]byte{0x30, byte(len(s.oid()))}, s.oid()...) }

// Scheme is the pure form with an empty context, as RFC 9882 section 3.3 has it in CMS: the key signs the whole attributes, and the
// content is digested with SHA-512, which that section asks for. Of a set that is not known it is the zero Scheme.
func (s Set) Scheme() sign.Scheme {
	if !s.known() {
		return sign.Scheme{}
	}
	digest, err := sign.DigestAlgorithm(crypto.SHA512)
	if err != nil {
		return sign.Scheme{}
	}
	return sign.Scheme{
		Name: fmt.Sprintf("ml-dsa-%d", int(s)), NewHash: sha512.New, Opts: crypto.Hash(0), Whole: true,
		DigestAlg: digest, SignatureAlg: s.algorithm(), Verify: s.verify,
	}
}

// Schemes returns those of all sets: what verifiers are given to know ML-DSA.
func Schemes() []sign.Scheme {
	var all []sign.Scheme
	for _, s := range Sets() {
		all = append(all, s.Scheme())
	}
	return all
}

var errSignature = errors.New("mldsa: the signature does not fit")

// verify checks a signature over a message. A key of another set is refused: its signatures are not those that the algorithm says.
func (s Set) verify(spki, message, signature []byte) error {
	set, public, err := parsePublic(spki)
	switch {
	case errors.Is(err, errOther):
		return &sign.Error{Op: "mldsa: verify", Class: sign.ErrKeyMismatch, Err: err}
	case err != nil:
		return &sign.Error{Op: "mldsa: verify", Class: sign.ErrInput, Err: err}
	case set != s:
		return &sign.Error{Op: "mldsa: verify", Class: sign.ErrKeyMismatch, Err: fmt.Errorf("the key is of %s and the signature of %s", set, s)}
	}
	if mldsa.Verify(public, message, signature, nil) != nil {
		return errSignature
	}
	return nil
}

// ParsePublicKey reads a SubjectPublicKeyInfo (RFC 9881 section 4). A key of another algorithm is an error of class
// [sign.ErrUnsupported], a malformed one of [sign.ErrInput].
func ParsePublicKey(spki []byte) (Set, *mldsa.PublicKey, error) {
	set, public, err := parsePublic(spki)
	switch {
	case errors.Is(err, errOther):
		return 0, nil, &sign.Error{Op: "mldsa: public key", Class: sign.ErrUnsupported, Err: err}
	case err != nil:
		return 0, nil, &sign.Error{Op: "mldsa: public key", Class: sign.ErrInput, Err: err}
	}
	return set, public, nil
}

var (
	errOther     = errors.New("the key is not of ML-DSA")
	errMalformed = errors.New("the ML-DSA key is malformed")
)

func parsePublic(spki []byte) (Set, *mldsa.PublicKey, error) {
	s, inner, algorithm := cryptobyte.String(spki), cryptobyte.String(nil), cryptobyte.String(nil)
	var octets []byte
	if !s.ReadASN1(&inner, casn1.SEQUENCE) || !s.Empty() || !inner.ReadASN1Element(&algorithm, casn1.SEQUENCE) {
		return 0, nil, errMalformed
	}
	set, err := setOf(algorithm)
	if err != nil {
		return 0, nil, err
	}
	if !inner.ReadASN1BitStringAsBytes(&octets) || !inner.Empty() {
		return 0, nil, errMalformed
	}
	public, err := mldsa.NewPublicKey(set.parameters(), octets)
	if err != nil {
		return 0, nil, errMalformed
	}
	return set, public, nil
}

// setOf finds the set of an AlgorithmIdentifier. Parameters must be absent (RFC 9881 section 2).
func setOf(algorithm []byte) (Set, error) {
	s, id := cryptobyte.String(algorithm), cryptobyte.String(nil)
	if !s.ReadASN1(&s, casn1.SEQUENCE) || !s.ReadASN1Element(&id, casn1.OBJECT_IDENTIFIER) {
		return 0, errMalformed
	}
	for _, set := range Sets() {
		if string(id) == set.oid() {
			if !s.Empty() {
				return 0, errMalformed
			}
			return set, nil
		}
	}
	return 0, errOther
}

// marshalPublic encodes a SubjectPublicKeyInfo.
func marshalPublic(set Set, public []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(set.algorithm())
		b.AddASN1BitString(public)
	})
	return b.BytesOrPanic() // nothing here can be too long
}
