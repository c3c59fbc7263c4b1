package cms

import (
	"bytes"
	"crypto"
	"crypto/md5"  // old messages are read, and their weakness reported
	"crypto/sha1" // as above
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"hash"
)

// Algorithm is an AlgorithmIdentifier (RFC 5280 section 4.1.1.2).
type Algorithm struct {
	Value
	ID         OID
	Parameters Value // zero when absent
}

// ParseAlgorithm reads an AlgorithmIdentifier.
func ParseAlgorithm(v Value) (Algorithm, error) {
	if v.tag != TagSequence {
		return Algorithm{}, syntaxError(v.start, "an AlgorithmIdentifier is expected, not %s", v.tag)
	}
	return ParseImplicitAlgorithm(v)
}

// ParseImplicitAlgorithm reads an AlgorithmIdentifier under an IMPLICIT tag, which the caller has checked.
func ParseImplicitAlgorithm(v Value) (Algorithm, error) {
	r := v.Reader()
	id, err := r.Want(TagOID, "the object identifier of an algorithm")
	if err != nil {
		return Algorithm{}, err
	}
	a := Algorithm{Value: v}
	if a.ID, err = id.OID(); err != nil {
		return Algorithm{}, err
	}
	if !r.Empty() {
		if a.Parameters, err = r.Next(); err != nil {
			return Algorithm{}, err
		}
		if a.Parameters.tag == TagNull && len(a.Parameters.Body()) != 0 { // X.690 section 8.8.2
			return Algorithm{}, syntaxError(a.Parameters.start, "the NULL of an algorithm has contents")
		}
	}
	if !r.Empty() { // what is skipped here is what another reader takes for the parameters
		return Algorithm{}, syntaxError(r.Offset(), "something follows the parameters of an algorithm")
	}
	return a, nil
}

// NoParameters reports whether the parameters are absent or NULL, which mean the same for hashes (RFC 5754 section 2)
// and are mixed up in practice for everything else.
func (a Algorithm) NoParameters() bool { return a.Parameters.IsZero() || a.Parameters.tag == TagNull }

// Equal compares the object identifiers and the parameters: those of RSASSA-PSS by what they mean, others as octets,
// absent and NULL ones being the same.
func (a Algorithm) Equal(b Algorithm) bool {
	if a.ID != b.ID {
		return false
	}
	if a.ID == OIDRSASSAPSS {
		x, err := pssParameters(a)
		y, err2 := pssParameters(b)
		return err == nil && err2 == nil && x == y
	}
	if a.NoParameters() || b.NoParameters() {
		return a.NoParameters() == b.NoParameters()
	}
	return bytes.Equal(a.Parameters.Raw(), b.Parameters.Raw())
}

// Hash is a hash function that is known here.
type Hash struct {
	ID     OID
	Crypto crypto.Hash
	New    func() hash.Hash
	Weak   bool // collisions are known, or as good as known
}

// HashByOID finds a hash function.
func HashByOID(id OID) (Hash, bool) {
	switch id {
	case OIDMD5:
		return Hash{id, crypto.MD5, md5.New, true}, true
	case OIDSHA1:
		return Hash{id, crypto.SHA1, sha1.New, true}, true
	case OIDSHA224:
		return Hash{id, crypto.SHA224, sha256.New224, false}, true
	case OIDSHA256:
		return Hash{id, crypto.SHA256, sha256.New, false}, true
	case OIDSHA384:
		return Hash{id, crypto.SHA384, sha512.New384, false}, true
	case OIDSHA512:
		return Hash{id, crypto.SHA512, sha512.New, false}, true
	case OIDSHA512_224:
		return Hash{id, crypto.SHA512_224, sha512.New512_224, false}, true
	case OIDSHA512_256:
		return Hash{id, crypto.SHA512_256, sha512.New512_256, false}, true
	case OIDSHA3_224:
		return Hash{id, crypto.SHA3_224, func() hash.Hash { return sha3.New224() }, false}, true
	case OIDSHA3_256:
		return Hash{id, crypto.SHA3_256, func() hash.Hash { return sha3.New256() }, false}, true
	case OIDSHA3_384:
		return Hash{id, crypto.SHA3_384, func() hash.Hash { return sha3.New384() }, false}, true
	case OIDSHA3_512:
		return Hash{id, crypto.SHA3_512, func() hash.Hash { return sha3.New512() }, false}, true
	}
	return Hash{}, false
}

// Sum returns the digest of octets.
func (h Hash) Sum(octets []byte) []byte {
	f := h.New()
	f.Write(octets)
	return f.Sum(nil)
}

// Kind is the mathematics of a signature algorithm.
type Kind int

// Kinds of signature algorithms.
const (
	KindUnknown Kind = iota
	KindPKCS1
	KindPSS
	KindECDSA
	KindPlainECDSA // r and s side by side (BSI TR-03111 section 5.2.1)
	KindEd25519
	KindDSA
)

// SignatureAlgorithm is what a signatureAlgorithm says about itself.
type SignatureAlgorithm struct {
	Kind Kind
	Hash OID // empty when the digestAlgorithm decides: rsaEncryption, ecPublicKey, dsa
	MGF1 OID // PSS: the hash of the mask
	Salt int // PSS: octets
}

// ResolveSignature reads a signatureAlgorithm. An unknown one is of [KindUnknown]; an error means parameters that cannot
// be understood.
func ResolveSignature(a Algorithm) (SignatureAlgorithm, error) {
	if kind, hash := signatureKind(a.ID); kind != KindPSS {
		return SignatureAlgorithm{Kind: kind, Hash: hash}, nil
	}
	return pssParameters(a)
}

func signatureKind(id OID) (Kind, OID) {
	switch id {
	case OIDRSAEncryption:
		return KindPKCS1, ""
	case OIDMD5WithRSA:
		return KindPKCS1, OIDMD5
	case OIDSHA1WithRSA, OIDSHA1WithRSAOIW:
		return KindPKCS1, OIDSHA1
	case OIDSHA224WithRSA:
		return KindPKCS1, OIDSHA224
	case OIDSHA256WithRSA:
		return KindPKCS1, OIDSHA256
	case OIDSHA384WithRSA:
		return KindPKCS1, OIDSHA384
	case OIDSHA512WithRSA:
		return KindPKCS1, OIDSHA512
	case OIDSHA3_224WithRSA:
		return KindPKCS1, OIDSHA3_224
	case OIDSHA3_256WithRSA:
		return KindPKCS1, OIDSHA3_256
	case OIDSHA3_384WithRSA:
		return KindPKCS1, OIDSHA3_384
	case OIDSHA3_512WithRSA:
		return KindPKCS1, OIDSHA3_512
	case OIDRSASSAPSS:
		return KindPSS, ""
	case OIDECPublicKey:
		return KindECDSA, ""
	case OIDECDSAWithSHA1:
		return KindECDSA, OIDSHA1
	case OIDECDSAWithSHA224:
		return KindECDSA, OIDSHA224
	case OIDECDSAWithSHA256:
		return KindECDSA, OIDSHA256
	case OIDECDSAWithSHA384:
		return KindECDSA, OIDSHA384
	case OIDECDSAWithSHA512:
		return KindECDSA, OIDSHA512
	case OIDECDSAWithSHA3_224:
		return KindECDSA, OIDSHA3_224
	case OIDECDSAWithSHA3_256:
		return KindECDSA, OIDSHA3_256
	case OIDECDSAWithSHA3_384:
		return KindECDSA, OIDSHA3_384
	case OIDECDSAWithSHA3_512:
		return KindECDSA, OIDSHA3_512
	case OIDPlainECDSAWithSHA1:
		return KindPlainECDSA, OIDSHA1
	case OIDPlainECDSAWithSHA224:
		return KindPlainECDSA, OIDSHA224
	case OIDPlainECDSAWithSHA256:
		return KindPlainECDSA, OIDSHA256
	case OIDPlainECDSAWithSHA384:
		return KindPlainECDSA, OIDSHA384
	case OIDPlainECDSAWithSHA512:
		return KindPlainECDSA, OIDSHA512
	case OIDEd25519:
		return KindEd25519, OIDSHA512
	case OIDDSA:
		return KindDSA, ""
	case OIDDSAWithSHA1:
		return KindDSA, OIDSHA1
	case OIDDSAWithSHA224:
		return KindDSA, OIDSHA224
	case OIDDSAWithSHA256:
		return KindDSA, OIDSHA256
	}
	return KindUnknown, ""
}

// pssParameters reads RSASSA-PSS-params (RFC 4055 section 3.1), whose defaults are SHA-1, MGF1 with SHA-1, 20 octets of
// salt and trailer field 1.
func pssParameters(a Algorithm) (SignatureAlgorithm, error) {
	s := SignatureAlgorithm{Kind: KindPSS, Hash: OIDSHA1, MGF1: OIDSHA1, Salt: 20}
	if a.NoParameters() {
		return s, nil
	}
	if a.Parameters.tag != TagSequence {
		return s, syntaxError(a.Parameters.start, "RSASSA-PSS-params should be a SEQUENCE")
	}
	for r := a.Parameters.Reader(); !r.Empty(); {
		field, err := r.Next()
		if err != nil {
			return s, err
		}
		inner := field.Reader()
		switch field.tag {
		case ContextConstructed(0), ContextConstructed(1):
			v, err := inner.Next()
			if err != nil {
				return s, err
			}
			alg, err := ParseAlgorithm(v)
			if err != nil {
				return s, err
			}
			if field.tag == ContextConstructed(0) {
				s.Hash = alg.ID
				continue
			}
			if alg.ID != OIDMGF1 || alg.Parameters.IsZero() {
				return s, syntaxError(v.start, "the mask generation function of RSASSA-PSS is not MGF1")
			}
			if alg, err = ParseAlgorithm(alg.Parameters); err != nil {
				return s, err
			}
			s.MGF1 = alg.ID
		case ContextConstructed(2), ContextConstructed(3):
			v, err := inner.Next()
			if err != nil {
				return s, err
			}
			n, err := v.Int()
			if err != nil {
				return s, err
			}
			if field.tag == ContextConstructed(2) {
				s.Salt = n
			} else if n != 1 {
				return s, syntaxError(v.start, "the trailer field of RSASSA-PSS is not 1")
			}
		default:
			return s, syntaxError(field.start, "RSASSA-PSS-params has an unknown field %s", field.tag)
		}
	}
	if s.Salt < 0 {
		return s, syntaxError(a.Parameters.start, "the salt length of RSASSA-PSS is negative")
	}
	return s, nil
}
