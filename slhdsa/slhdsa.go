// Package slhdsa checks the signatures of FIPS 205, which rest on hash functions alone, as [sign.Scheme] values: SLH-DSA in CMS as
// RFC 9814 has it, with keys as in RFC 9909.
//
//	algorithms := trust.Algorithms{Schemes: append(mldsa.Schemes(), slhdsa.Schemes()...)}
//
// It signs nothing: [sign.New] refuses these schemes. Only programs that import this package have its code in them. The mathematics is
// that of github.com/cloudflare/circl.
package slhdsa

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cloudflare/circl/sign/slhdsa"
	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	algorithms "github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// Set is one of the parameter sets of FIPS 205 table 2. The zero value is none of them.
type Set int

// The parameter sets: the hash, the category, and whether signatures are small or fast to make. The values are the last arcs of their
// object identifiers.
const (
	SHA2_128s Set = 20 + iota
	SHA2_128f
	SHA2_192s
	SHA2_192f
	SHA2_256s
	SHA2_256f
	SHAKE_128s
	SHAKE_128f
	SHAKE_192s
	SHAKE_192f
	SHAKE_256s
	SHAKE_256f
)

// Sets returns all parameter sets.
func Sets() []Set {
	var all []Set
	for s := SHA2_128s; s <= SHAKE_256f; s++ {
		all = append(all, s)
	}
	return all
}

func (s Set) known() bool { return s >= SHA2_128s && s <= SHAKE_256f }

// id is the set in the module below. The set is one that is known.
func (s Set) id() slhdsa.ID {
	return [...]slhdsa.ID{
		slhdsa.SHA2_128s, slhdsa.SHA2_128f, slhdsa.SHA2_192s, slhdsa.SHA2_192f, slhdsa.SHA2_256s, slhdsa.SHA2_256f,
		slhdsa.SHAKE_128s, slhdsa.SHAKE_128f, slhdsa.SHAKE_192s, slhdsa.SHAKE_192f, slhdsa.SHAKE_256s, slhdsa.SHAKE_256f,
	}[s-SHA2_128s]
}

// String is the name of the set: "SLH-DSA-SHA2-128s".
func (s Set) String() string {
	if !s.known() {
		return fmt.Sprintf("Set(%d)", int(s))
	}
	return s.id().String()
}

// oid is the object identifier of the set as a TLV, which stands for the key and for the signature alike (RFC 9909 section 3).
func (s Set) oid() string { return "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03" + string(rune(s)) }

// algorithm is an AlgorithmIdentifier without parameters.
func algorithm(oid string) []byte { return append([]byte{0x30, byte(len(oid))}, oid...) }

// digest is the hash of the content that RFC 9814 section 4 asks for: one of the family and the strength of the set.
func (s Set) digest() cms.OID {
	switch s {
	case SHA2_128s, SHA2_128f:
		return cms.OIDSHA256
	case SHA2_192s, SHA2_192f, SHA2_256s, SHA2_256f:
		return cms.OIDSHA512
	case SHAKE_128s, SHAKE_128f:
		return cms.OIDSHAKE128
	}
	return cms.OIDSHAKE256
}

// Scheme is the pure form with an empty context (RFC 9814 section 3): the signature is over the whole attributes. It only checks:
// the options, which a key would be given, are nil. Of a set that is not known it is the zero Scheme.
func (s Set) Scheme() sign.Scheme {
	if !s.known() {
		return sign.Scheme{}
	}
	digest, ok := algorithms.StandardHash(s.digest())
	if !ok {
		return sign.Scheme{}
	}
	return sign.Scheme{
		Name: strings.ToLower(s.String()), NewHash: digest.New, Whole: true,
		DigestAlg: algorithm("\x06\x09" + string(digest.ID)), SignatureAlg: algorithm(s.oid()), Verify: s.verify,
	}
}

// Schemes returns those of all sets: what verifiers are given to know SLH-DSA.
func Schemes() []sign.Scheme {
	var all []sign.Scheme
	for _, s := range Sets() {
		all = append(all, s.Scheme())
	}
	return all
}

var (
	errOther     = errors.New("the key is not of the parameter set of the signature")
	errMalformed = errors.New("the SLH-DSA key is malformed")
	errSignature = errors.New("slhdsa: the signature does not fit")
)

// verify checks a signature over a message.
func (s Set) verify(spki, message, signature []byte) error {
	public, err := s.parse(spki)
	switch {
	case errors.Is(err, errOther):
		return &sign.Error{Op: "slhdsa: verify", Class: sign.ErrKeyMismatch, Err: err}
	case err != nil:
		return &sign.Error{Op: "slhdsa: verify", Class: sign.ErrInput, Err: err}
	}
	if !slhdsa.Verify(public, slhdsa.NewMessage(message), signature, nil) {
		return errSignature
	}
	return nil
}

// parse reads a SubjectPublicKeyInfo of the set. Parameters must be absent, and the bits are the two halves of the public key without
// more structure (RFC 9909 sections 3 and 4).
func (s Set) parse(spki []byte) (*slhdsa.PublicKey, error) {
	in, inner, id := cryptobyte.String(spki), cryptobyte.String(nil), cryptobyte.String(nil)
	var octets []byte
	if !in.ReadASN1(&inner, casn1.SEQUENCE) || !in.Empty() || !inner.ReadASN1Element(&id, casn1.SEQUENCE) ||
		!inner.ReadASN1BitStringAsBytes(&octets) || !inner.Empty() {
		return nil, errMalformed
	}
	if string(id) != string(algorithm(s.oid())) {
		return nil, errOther
	}
	public := &slhdsa.PublicKey{ID: s.id()}
	if public.UnmarshalBinary(octets) != nil {
		return nil, errMalformed
	}
	return public, nil
}
