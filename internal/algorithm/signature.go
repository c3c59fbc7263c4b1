package algorithm

import (
	"github.com/seed-116355fd/signet/internal/cms"
)

// Kind is the mathematics of a signature algorithm.
type Kind int

// Kinds of signature algorithms. Their names are those of the rules of a [Policy].
const (
	UnknownKind Kind = iota
	PKCS1            // RSASSA-PKCS1-v1_5
	PSS              // RSASSA-PSS
	ECDSA            // also in the plain form
	Ed25519
	DSA
	MLDSA // of keys only: the mathematics is a scheme of the caller
	GOST2012
	GOST2001
)

// String is the name of the scheme.
func (k Kind) String() string {
	switch k {
	case PKCS1:
		return "RSASSA-PKCS1-v1_5"
	case PSS:
		return "RSASSA-PSS"
	case ECDSA:
		return "ECDSA"
	case Ed25519:
		return "Ed25519"
	case DSA:
		return "DSA"
	case MLDSA:
		return "ML-DSA"
	case GOST2012:
		return "GOST R 34.10-2012"
	case GOST2001:
		return "GOST R 34.10-2001"
	}
	return "unknown"
}

// Signature is what a signatureAlgorithm says about itself.
type Signature struct {
	Kind  Kind
	Hash  cms.OID // empty when the digestAlgorithm decides: rsaEncryption, ecPublicKey, DSA
	Plain bool    // ECDSA: r and s side by side (BSI TR-03111 section 5.2.1)
	PSS   PSSParameters
}

// PSSParameters are those of RSASSA-PSS (RFC 4055 section 3.1); the trailer field is always 1.
type PSSParameters struct {
	Hash, MGF1 cms.OID
	Salt       int // octets
}

// ResolveSignature reads a signatureAlgorithm. One that is not known is of [UnknownKind]; an error, of [Malformed] or
// [Unsupported], means parameters that cannot be understood.
func ResolveSignature(a cms.Algorithm) (Signature, error) {
	s := signatureOf(a.ID)
	var err error
	switch {
	case s.Kind == PSS:
		s.PSS, err = parsePSS(a)
		s.Hash = s.PSS.Hash
	case a.ID == cms.OIDECDSAWithSpecified:
		// X9.62: the hash is in the parameters.
		var h cms.Algorithm
		if h, err = cms.ParseAlgorithm(a.Parameters); err != nil {
			return s, malformed(a.ID.Name(), "the parameters of %s name no hash", a.ID.Name())
		}
		s.Hash = h.ID
	}
	return s, err
}

func signatureOf(id cms.OID) Signature {
	switch id {
	case cms.OIDRSAEncryption:
		return Signature{Kind: PKCS1}
	case cms.OIDRSASSAPSS:
		return Signature{Kind: PSS}
	case cms.OIDECPublicKey, cms.OIDECDSAWithSpecified:
		return Signature{Kind: ECDSA}
	case cms.OIDEd25519:
		return Signature{Kind: Ed25519, Hash: cms.OIDSHA512}
	case cms.OIDDSA:
		return Signature{Kind: DSA}
	}
	if h := pkcs1Hash(id); h != "" {
		return Signature{Kind: PKCS1, Hash: h}
	}
	if h := ecdsaHash(id); h != "" {
		return Signature{Kind: ECDSA, Hash: h}
	}
	if h := plainHash(id); h != "" {
		return Signature{Kind: ECDSA, Hash: h, Plain: true}
	}
	if h := dsaHash(id); h != "" {
		return Signature{Kind: DSA, Hash: h}
	}
	return Signature{}
}

func pkcs1Hash(id cms.OID) cms.OID {
	switch id {
	case cms.OIDMD2WithRSA:
		return cms.OIDMD2
	case cms.OIDMD5WithRSA:
		return cms.OIDMD5
	case cms.OIDSHA1WithRSA, cms.OIDSHA1WithRSAOIW:
		return cms.OIDSHA1
	case cms.OIDRIPEMD160WithRSA:
		return cms.OIDRIPEMD160
	case cms.OIDSHA224WithRSA:
		return cms.OIDSHA224
	case cms.OIDSHA256WithRSA:
		return cms.OIDSHA256
	case cms.OIDSHA384WithRSA:
		return cms.OIDSHA384
	case cms.OIDSHA512WithRSA:
		return cms.OIDSHA512
	case cms.OIDSHA512_224WithRSA:
		return cms.OIDSHA512_224
	case cms.OIDSHA512_256WithRSA:
		return cms.OIDSHA512_256
	case cms.OIDSHA3_224WithRSA:
		return cms.OIDSHA3_224
	case cms.OIDSHA3_256WithRSA:
		return cms.OIDSHA3_256
	case cms.OIDSHA3_384WithRSA:
		return cms.OIDSHA3_384
	case cms.OIDSHA3_512WithRSA:
		return cms.OIDSHA3_512
	}
	return ""
}

func ecdsaHash(id cms.OID) cms.OID {
	switch id {
	case cms.OIDECDSAWithSHA1:
		return cms.OIDSHA1
	case cms.OIDECDSAWithSHA224:
		return cms.OIDSHA224
	case cms.OIDECDSAWithSHA256:
		return cms.OIDSHA256
	case cms.OIDECDSAWithSHA384:
		return cms.OIDSHA384
	case cms.OIDECDSAWithSHA512:
		return cms.OIDSHA512
	case cms.OIDECDSAWithSHA3_224:
		return cms.OIDSHA3_224
	case cms.OIDECDSAWithSHA3_256:
		return cms.OIDSHA3_256
	case cms.OIDECDSAWithSHA3_384:
		return cms.OIDSHA3_384
	case cms.OIDECDSAWithSHA3_512:
		return cms.OIDSHA3_512
	}
	return ""
}

func plainHash(id cms.OID) cms.OID {
	switch id {
	case cms.OIDPlainECDSAWithSHA1:
		return cms.OIDSHA1
	case cms.OIDPlainECDSAWithSHA224:
		return cms.OIDSHA224
	case cms.OIDPlainECDSAWithSHA256:
		return cms.OIDSHA256
	case cms.OIDPlainECDSAWithSHA384:
		return cms.OIDSHA384
	case cms.OIDPlainECDSAWithSHA512:
		return cms.OIDSHA512
	case cms.OIDPlainECDSAWithRIPEMD160:
		return cms.OIDRIPEMD160
	case cms.OIDPlainECDSAWithSHA3_224:
		return cms.OIDSHA3_224
	case cms.OIDPlainECDSAWithSHA3_256:
		return cms.OIDSHA3_256
	case cms.OIDPlainECDSAWithSHA3_384:
		return cms.OIDSHA3_384
	case cms.OIDPlainECDSAWithSHA3_512:
		return cms.OIDSHA3_512
	}
	return ""
}

func dsaHash(id cms.OID) cms.OID {
	switch id {
	case cms.OIDDSAWithSHA1:
		return cms.OIDSHA1
	case cms.OIDDSAWithSHA224:
		return cms.OIDSHA224
	case cms.OIDDSAWithSHA256:
		return cms.OIDSHA256
	case cms.OIDDSAWithSHA384:
		return cms.OIDSHA384
	case cms.OIDDSAWithSHA512:
		return cms.OIDSHA512
	}
	return ""
}

// SameAlgorithm compares the object identifiers and the parameters: those of RSASSA-PSS by what they mean, others as
// octets, absent and NULL ones being the same.
func SameAlgorithm(a, b cms.Algorithm) bool {
	if a.ID == cms.OIDRSASSAPSS && a.ID == b.ID {
		x, err := parsePSS(a)
		y, err2 := parsePSS(b)
		return err == nil && err2 == nil && x == y
	}
	return a.Equal(b)
}

// parsePSS reads RSASSA-PSS-params, whose defaults are SHA-1, MGF1 with SHA-1, 20 octets of salt and trailer field 1. Each
// field stands in its place, and nothing else does.
func parsePSS(a cms.Algorithm) (PSSParameters, error) {
	p := PSSParameters{Hash: cms.OIDSHA1, MGF1: cms.OIDSHA1, Salt: 20}
	if a.NoParameters() {
		return p, nil
	}
	const name = "RSASSA-PSS"
	bad := malformed(name, "the parameters of RSASSA-PSS are malformed")
	if a.Parameters.Tag() != cms.TagSequence {
		return p, bad
	}
	fields := a.Parameters.Reader()
	h, ok, err := pssField(&fields, 0)
	if err != nil {
		return p, bad
	}
	if ok {
		alg, err := cms.ParseAlgorithm(h)
		if err != nil || !alg.NoParameters() {
			return p, bad
		}
		p.Hash = alg.ID
	}
	mask, ok, err := pssField(&fields, 1)
	if err != nil {
		return p, bad
	}
	if ok {
		alg, err := cms.ParseAlgorithm(mask)
		if err != nil {
			return p, bad
		}
		if alg.ID != cms.OIDMGF1 {
			return p, unsupported(alg.ID.Name(), "RSASSA-PSS with the mask generation function %s is not known here", alg.ID.Name())
		}
		if alg, err = cms.ParseAlgorithm(alg.Parameters); err != nil || !alg.NoParameters() {
			return p, bad
		}
		p.MGF1 = alg.ID
	}
	if p.Salt, err = pssNumber(&fields, 2, p.Salt); err != nil || p.Salt < 0 {
		return p, bad
	}
	trailer, err := pssNumber(&fields, 3, 1)
	switch {
	case err != nil || !fields.Empty():
		return p, bad
	case trailer != 1: // RFC 4055 section 3.1: it MUST be 1
		return p, malformed(name, "the trailer field of RSASSA-PSS is not 1")
	}
	return p, nil
}

func pssNumber(r *cms.Reader, n int, absent int) (int, error) {
	v, ok, err := pssField(r, n)
	if err != nil || !ok {
		return absent, err
	}
	return v.Int()
}

// pssField reads what is in an EXPLICIT field, and nothing beside it.
func pssField(r *cms.Reader, n int) (v cms.Value, ok bool, err error) {
	field, ok, err := r.Optional(cms.ContextConstructed(n))
	if err != nil || !ok {
		return v, false, err
	}
	inner := field.Reader()
	if v, err = inner.Next(); err == nil && !inner.Empty() {
		err = errTrailing
	}
	return v, err == nil, err
}
