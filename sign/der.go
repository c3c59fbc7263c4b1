package sign

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
)

// This package imports the standard library only, so the few structures it needs are put together here.

// tlv encodes a value of less than 256 octets.
func tlv(tag byte, value []byte) []byte {
	if len(value) < 0x80 {
		return append([]byte{tag, byte(len(value))}, value...)
	}
	return append([]byte{tag, 0x81, byte(len(value))}, value...)
}

func sequence(parts ...string) []byte {
	var value []byte
	for _, p := range parts {
		value = append(value, p...)
	}
	return tlv(0x30, value)
}

// sameAlgorithm compares the object identifiers of two AlgorithmIdentifiers: parameters that are absent and parameters
// that are NULL mean the same for a hash (RFC 5754 section 2).
func sameAlgorithm(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(a, &x); err != nil {
		return false
	}
	if _, err := asn1.Unmarshal(b, &y); err != nil {
		return false
	}
	return x.Algorithm.Equal(y.Algorithm)
}

type spkiFields struct {
	Algorithm pkix.AlgorithmIdentifier
	PublicKey asn1.BitString
}

// sameSPKI compares two SubjectPublicKeyInfo. The same RSA key may stand under rsaEncryption, with or without NULL, and
// under id-RSASSA-PSS (RFC 4055 section 1.2).
func sameSPKI(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y spkiFields
	if rest, err := asn1.Unmarshal(a, &x); err != nil || len(rest) != 0 {
		return false
	}
	if rest, err := asn1.Unmarshal(b, &y); err != nil || len(rest) != 0 {
		return false
	}
	return isRSA(x.Algorithm.Algorithm) && isRSA(y.Algorithm.Algorithm) && bytes.Equal(x.PublicKey.Bytes, y.PublicKey.Bytes)
}

func isRSA(oid asn1.ObjectIdentifier) bool {
	return oid.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}) || isPSS(oid)
}

func isPSS(oid asn1.ObjectIdentifier) bool {
	return oid.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10})
}

// pssKey is an RSA key whose certificate says id-RSASSA-PSS: it may be used with that only and, where the parameters are
// present, with one hash and a salt of so many octets at least (RFC 4055 section 3.1).
type pssKey struct {
	public *rsa.PublicKey
	hash   asn1.ObjectIdentifier // nil: any
	salt   int
}

type pssFields struct {
	Hash    pkix.AlgorithmIdentifier `asn1:"optional,explicit,tag:0"`
	MGF     pkix.AlgorithmIdentifier `asn1:"optional,explicit,tag:1"`
	Salt    int                      `asn1:"optional,explicit,tag:2,default:20"`
	Trailer int                      `asn1:"optional,explicit,tag:3,default:1"`
}

// pssOnly reads such a key, which the standard library leaves out of the certificate; nil for every other certificate.
func pssOnly(c *x509.Certificate) *pssKey {
	var info spkiFields
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &info); err != nil || !isPSS(info.Algorithm.Algorithm) {
		return nil
	}
	pub, err := x509.ParsePKCS1PublicKey(info.PublicKey.Bytes)
	if err != nil {
		return nil
	}
	key := &pssKey{public: pub}
	if params := info.Algorithm.Parameters.FullBytes; len(params) != 0 && params[0] == 0x30 {
		var fields pssFields
		if _, err := asn1.Unmarshal(params, &fields); err != nil {
			return nil
		}
		key.hash, key.salt = fields.Hash.Algorithm, fields.Salt
		if key.hash == nil {
			key.hash = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26} // DEFAULT sha1
		}
	}
	return key
}

// allows reports whether a scheme is one that the certificate allows.
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
	return k.hash == nil || k.hash.Equal(digest.Algorithm) && k.salt <= s.NewHash().Size()
}
