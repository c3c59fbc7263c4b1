package gost

import (
	"errors"

	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/sign"
)

// Schemes returns what verifiers are given to know GOST: GOST R 34.10-2012 with keys of 256 and of 512 bits, and GOST R 34.10-2001 with GOST R
// 34.11-94 of old files, which only checks signatures.
func Schemes() []sign.Scheme {
	return []sign.Scheme{Scheme(Streebog256), Scheme(Streebog512), legacy()}
}

// Scheme is GOST R 34.10-2012 with a hash, which has the size of the key: both are parts of one algorithm. In CMS the signature
// algorithm is the object identifier of the key (R 1323565.1.025-2019), elsewhere that of signature and hash (RFC 9215 section 3). Of a
// hash that is not known it is the zero Scheme.
func Scheme(h Hash) sign.Scheme {
	if !h.known() {
		return sign.Scheme{}
	}
	s := sign.Scheme{Name: "gost3410-2012-256", NewHash: h.New, Opts: h, DigestAlg: h.Algorithm(), SignatureAlg: algorithm(oidKey256), CertificateAlg: algorithm(oidSignature256)}
	if h == Streebog512 {
		s.Name, s.SignatureAlg, s.CertificateAlg = "gost3410-2012-512", algorithm(oidKey512), algorithm(oidSignature512)
	}
	again := new(gost3410.Verifiers) // who verifies much keeps the scheme
	s.Verify = func(spki, digest, signature []byte) error { return verify(h, again, spki, digest, signature) }
	return s
}

var errSignature = errors.New("gost: the signature does not fit")

// verify checks a signature over a digest. A key of the other size is refused: its signatures are not those that the algorithm says.
func verify(h Hash, again *gost3410.Verifiers, spki, digest, signature []byte) error {
	key, err := parsePublic(spki)
	switch {
	case errors.Is(err, errOther):
		return &sign.Error{Op: "gost: verify", Class: sign.ErrKeyMismatch, Err: err}
	case errors.Is(err, errCurve):
		return &sign.Error{Op: "gost: verify", Class: sign.ErrUnsupported, Err: err}
	case err != nil:
		return &sign.Error{Op: "gost: verify", Class: sign.ErrInput, Err: err}
	case key.Curve().Size() != h.Size():
		return &sign.Error{Op: "gost: verify", Class: sign.ErrKeyMismatch, Err: errOther}
	case len(digest) != h.Size():
		return &sign.Error{Op: "gost: verify", Class: sign.ErrInput, Err: errors.New("the digest has not the length of the hash")}
	}
	if !again.Verify(key, digest, signature) {
		return errSignature
	}
	return nil
}

// ParsePublicKey reads a SubjectPublicKeyInfo (RFC 9215 section 4). A key of another algorithm, or on a curve that is not known, is an
// error of class [sign.ErrUnsupported], a malformed one of [sign.ErrInput].
func ParsePublicKey(spki []byte) (*gost3410.PublicKey, error) {
	key, err := parsePublic(spki)
	switch {
	case errors.Is(err, errOther), errors.Is(err, errCurve):
		return nil, &sign.Error{Op: "gost: public key", Class: sign.ErrUnsupported, Err: err}
	case err != nil:
		return nil, &sign.Error{Op: "gost: public key", Class: sign.ErrInput, Err: err}
	}
	return key, nil
}
