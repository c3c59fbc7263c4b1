package sign

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
)

// pssKey is an RSA key whose SubjectPublicKeyInfo says id-RSASSA-PSS: it may be used with that only and, where the
// parameters are present, with one hash, one mask, and a salt of so many octets at least (RFC 4055 sections 1.2 and 3.3).
type pssKey struct {
	public *rsa.PublicKey
	hash   asn1.ObjectIdentifier // nil: any
	mask   asn1.ObjectIdentifier // the hash of MGF1
	salt   int
}

type pssFields struct {
	Hash    pkix.AlgorithmIdentifier `asn1:"optional,explicit,tag:0"`
	MGF     pkix.AlgorithmIdentifier `asn1:"optional,explicit,tag:1"`
	Salt    int                      `asn1:"optional,explicit,tag:2,default:20"`
	Trailer int                      `asn1:"optional,explicit,tag:3,default:1"`
}

var (
	idSHA1 = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	idMGF1 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
)

// pssOnly reads such a key, which the standard library leaves out of the certificate; nil for every other kind. Parameters
// that cannot be read are an error: a restriction that is not understood is not one that may be left out.
func pssOnly(spki []byte) (*pssKey, error) {
	var info spkiFields
	if _, err := asn1.Unmarshal(spki, &info); err != nil || !isPSS(info.Algorithm.Algorithm) {
		return nil, nil
	}
	pub, err := x509.ParsePKCS1PublicKey(info.PublicKey.Bytes)
	if err != nil {
		return nil, errors.New("its RSA key is malformed")
	}
	key := &pssKey{public: pub}
	params := info.Algorithm.Parameters.FullBytes
	if len(params) == 0 || bytes.Equal(params, asn1.NullBytes) {
		return key, nil
	}
	var fields pssFields
	if _, err := asn1.Unmarshal(params, &fields); err != nil || !inOrder(params) || fields.Trailer != 1 || fields.Salt < 0 {
		return nil, errors.New("the parameters of its RSASSA-PSS key are malformed")
	}
	key.hash, key.mask, key.salt = fields.Hash.Algorithm, idSHA1, fields.Salt
	if key.hash == nil {
		key.hash = idSHA1
	}
	if fields.MGF.Algorithm != nil {
		var inner pkix.AlgorithmIdentifier
		if rest, err := asn1.Unmarshal(fields.MGF.Parameters.FullBytes, &inner); err != nil || len(rest) != 0 || !fields.MGF.Algorithm.Equal(idMGF1) {
			return nil, errors.New("the mask generation function of its RSASSA-PSS key is not MGF1")
		}
		key.mask = inner.Algorithm
	}
	return key, nil
}

// inOrder reports whether the fields are those of RSASSA-PSS-params, each once: encoding/asn1 leaves out what it does not
// know, and a restriction that is left out is none.
func inOrder(params []byte) bool {
	var fields []asn1.RawValue
	if _, err := asn1.Unmarshal(params, &fields); err != nil {
		return false
	}
	last := -1
	for _, f := range fields {
		if f.Class != asn1.ClassContextSpecific || f.Tag <= last || f.Tag > 3 {
			return false
		}
		last = f.Tag
	}
	return true
}

// String says what the key is for.
func (k *pssKey) String() string {
	if k.hash == nil {
		return "RSASSA-PSS"
	}
	return fmt.Sprintf("RSASSA-PSS with %s, a mask by %s and a salt of %d octets or more", hashName(k.hash), hashName(k.mask), k.salt)
}

func hashName(id asn1.ObjectIdentifier) string {
	if id.Equal(idSHA1) {
		return "SHA-1"
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		var known pkix.AlgorithmIdentifier
		if _, err := asn1.Unmarshal(digestAlgorithm(h), &known); err == nil && known.Algorithm.Equal(id) {
			return h.String()
		}
	}
	return id.String()
}

// allows reports whether a scheme is one that the key is for. Those of this package make the mask with the hash, and a salt
// as long as it.
func (k *pssKey) allows(s *Scheme) bool {
	if s.Verify != nil {
		return true
	}
	if !schemeIsPSS(s) {
		return false
	}
	var digest pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(s.DigestAlg, &digest); err != nil {
		return false
	}
	return k.hash == nil || k.hash.Equal(digest.Algorithm) && k.mask.Equal(digest.Algorithm) && k.salt <= s.NewHash().Size()
}

// SchemesOf returns what may be done with the key of a SubjectPublicKeyInfo in DER, best first: those of [Schemes], and of
// a key under id-RSASSA-PSS only what it is for. Where nothing is left, the error is of class [ErrUnsupported] and says
// what the key demands.
func SchemesOf(spki []byte) ([]Scheme, error) {
	only, err := pssOnly(spki)
	if err != nil {
		return nil, &Error{Op: "sign: schemes", Class: ErrInput, Err: err}
	}
	if only == nil {
		pub, err := x509.ParsePKIXPublicKey(spki)
		if err != nil {
			return nil, &Error{Op: "sign: schemes", Class: ErrUnsupported, Err: err}
		}
		if all := Schemes(pub); len(all) != 0 {
			return all, nil
		}
		return nil, &Error{Op: "sign: schemes", Class: ErrUnsupported, Hint: "no scheme is known for this kind of key"}
	}
	var fit []Scheme
	for _, s := range Schemes(only.public) {
		if only.allows(&s) {
			fit = append(fit, s)
		}
	}
	if len(fit) == 0 {
		return nil, &Error{Op: "sign: schemes", Class: ErrUnsupported, Hint: fmt.Sprintf("the key is for %s only, which is not known here", only)}
	}
	return fit, nil
}
