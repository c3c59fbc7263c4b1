package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// Scheme is a signature scheme as a value, so that a package outside the standard library (GOST) can make its own. The
// schemes of this package are made by [PKCS1], [PSS], [ECDSA], [Ed25519] and found by name with [SchemeByName].
type Scheme struct {
	// Name is how people choose the scheme: "rsa-pss-sha256".
	Name string
	// NewHash makes the hash of the content and of the signed attributes.
	NewHash func() hash.Hash
	// Opts is what the key is given with each digest; nil in a scheme that only checks signatures.
	Opts crypto.SignerOpts
	// Whole says that the scheme is over the message, not its digest: Ed25519. That a key makes the digest itself is its own
	// affair ([MessageKey]).
	Whole bool
	// DigestAlg and SignatureAlg are the AlgorithmIdentifiers of a SignerInfo, DER.
	DigestAlg, SignatureAlg []byte
	// CertificateAlg is the AlgorithmIdentifier on certificates, requests, CRLs and OCSP responses, DER; nil where it is SignatureAlg.
	// Who verifies takes either of them in each place.
	CertificateAlg []byte
	// Verify checks a signature over a digest, or over the message when Whole is set, with the public key of a
	// SubjectPublicKeyInfo. Nil means the standard library. Errors of class [ErrKeyMismatch] say that the key is of another kind,
	// of [ErrInput] that it is malformed, and of [ErrUnsupported] that the signature cannot be checked; any other, that it is wrong.
	Verify func(spki, digest, signature []byte) error
}

// The object identifiers of this file as complete TLVs. RFC 8017 appendix C, RFC 5758, RFC 8410, NIST CSOR.
const (
	oidSHA256 = "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
	oidSHA384 = "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02"
	oidSHA512 = "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03"

	oidRSAEncryption = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
	oidMGF1          = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
	oidRSASSAPSS     = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
	oidSHA256WithRSA = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"
	oidSHA384WithRSA = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"
	oidSHA512WithRSA = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"

	oidECDSAWithSHA256 = "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
	oidECDSAWithSHA384 = "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"
	oidECDSAWithSHA512 = "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04"

	oidEd25519 = "\x06\x03\x2b\x65\x70"

	derNull = "\x05\x00"
)

// PKCS1 is RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2) with SHA-256, SHA-384 or SHA-512; any other hash is an error of class
// [ErrUnsupported].
func PKCS1(h crypto.Hash) (Scheme, error) { return known("rsa-pkcs1", h, pkcs1) }

// PSS is RSASSA-PSS (RFC 8017 section 8.1) with SHA-256, SHA-384 or SHA-512, the same hash in MGF1, and a salt as long
// as the hash; any other hash is an error of class [ErrUnsupported].
func PSS(h crypto.Hash) (Scheme, error) { return known("rsa-pss", h, pss) }

// ECDSA is ECDSA (FIPS 186-5) with SHA-256, SHA-384 or SHA-512 on P-256, P-384 or P-521; any other hash is an error of class
// [ErrUnsupported].
func ECDSA(h crypto.Hash) (Scheme, error) { return known("ecdsa", h, ecdsaWith) }

// known makes a scheme with one of the hashes that are known.
func known(family string, h crypto.Hash, of func(crypto.Hash) Scheme) (Scheme, error) {
	if _, ok := hashOID(h); !ok {
		return Scheme{}, unknownHash("scheme "+family, h)
	}
	return of(h), nil
}

func unknownHash(op string, h Hash) error {
	return &Error{Op: "sign: " + op, Place: "with " + h.String(), Class: ErrUnsupported, Hint: "choose SHA-256, SHA-384 or SHA-512"}
}

// The hash is one of those that are known; any other gives the zero Scheme.
func pkcs1(h crypto.Hash) Scheme {
	oid := map[crypto.Hash]string{crypto.SHA256: oidSHA256WithRSA, crypto.SHA384: oidSHA384WithRSA, crypto.SHA512: oidSHA512WithRSA}[h]
	// RFC 4055 section 5: the parameters MUST be NULL.
	return scheme("rsa-pkcs1", h, h, sequence(oid, derNull), oid)
}

func pss(h crypto.Hash) Scheme {
	oid, _ := hashOID(h)
	// RFC 4055 section 3.1 and EN 319 122-1: all parameters explicit; the hashes carry NULL as in RFC 4055 section 2.1.
	hashAlg := sequence(oid, derNull)
	params := sequence(
		string(tlv(0xa0, hashAlg)),
		string(tlv(0xa1, sequence(oidMGF1, string(hashAlg)))),
		string(tlv(0xa2, []byte{0x02, 0x01, byte(sizeOf(h))})),
	)
	opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	return scheme("rsa-pss", h, opts, sequence(oidRSASSAPSS, string(params)), oid)
}

func ecdsaWith(h crypto.Hash) Scheme {
	oid := map[crypto.Hash]string{crypto.SHA256: oidECDSAWithSHA256, crypto.SHA384: oidECDSAWithSHA384, crypto.SHA512: oidECDSAWithSHA512}[h]
	// RFC 5758 section 3.2: the parameters MUST be absent.
	return scheme("ecdsa", h, h, sequence(oid), oid)
}

// Ed25519 is PureEdDSA on Curve25519 as RFC 8419 has it in CMS: the key signs the whole attributes, the content is
// digested with SHA-512.
func Ed25519() Scheme {
	s := scheme("ed25519", crypto.SHA512, crypto.Hash(0), sequence(oidEd25519), oidEd25519)
	s.Name, s.Whole = "ed25519", true
	return s
}

func scheme(family string, h crypto.Hash, opts crypto.SignerOpts, signatureAlg []byte, oid string) Scheme {
	newHash := newHashOf(h)
	if oid == "" || newHash == nil {
		return Scheme{}
	}
	name := family + "-" + strings.ToLower(strings.ReplaceAll(h.String(), "-", ""))
	return Scheme{Name: name, NewHash: newHash, Opts: opts, DigestAlg: digestAlgorithm(h), SignatureAlg: signatureAlg}
}

// Schemes returns what can be done with a public key, best first, or nothing when the standard library does not know
// the kind of key. An RSA key prefers PKCS #1 v1.5 with SHA-256, which every verifier reads; an elliptic curve goes with
// the hash of its size.
func Schemes(pub crypto.PublicKey) []Scheme {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		all := []Scheme{pkcs1(crypto.SHA256), pkcs1(crypto.SHA384), pkcs1(crypto.SHA512), pss(crypto.SHA256), pss(crypto.SHA384), pss(crypto.SHA512)}
		if pub.Size() < 2*64+2 { // RFC 8017 section 9.1.1: emLen >= hLen + sLen + 2
			all = all[:5]
		}
		return all
	case *ecdsa.PublicKey:
		switch pub.Curve {
		case elliptic.P256():
			return []Scheme{ecdsaWith(crypto.SHA256), ecdsaWith(crypto.SHA384), ecdsaWith(crypto.SHA512)}
		case elliptic.P384():
			return []Scheme{ecdsaWith(crypto.SHA384), ecdsaWith(crypto.SHA512), ecdsaWith(crypto.SHA256)}
		case elliptic.P521():
			return []Scheme{ecdsaWith(crypto.SHA512), ecdsaWith(crypto.SHA384), ecdsaWith(crypto.SHA256)}
		}
	case ed25519.PublicKey:
		return []Scheme{Ed25519()}
	}
	return nil
}

// SchemeByName finds one of the schemes of this package: rsa-pkcs1-sha256, rsa-pss-sha256, ecdsa-sha256 (each also with
// sha384 and sha512) and ed25519.
func SchemeByName(name string) (Scheme, error) {
	var names []string
	for _, s := range allSchemes() {
		if strings.EqualFold(s.Name, name) {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scheme{}, &Error{Op: "sign: scheme", Place: fmt.Sprintf("%.40q", name), Class: ErrUnsupported, Hint: "choose one of " + strings.Join(names, ", ")}
}

func allSchemes() []Scheme {
	var all []Scheme
	for _, family := range []func(crypto.Hash) Scheme{pkcs1, pss, ecdsaWith} {
		for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			all = append(all, family(h))
		}
	}
	return append(all, Ed25519())
}

// isZero reports whether a scheme lacks what signing needs.
func (s *Scheme) isZero() bool {
	return s.NewHash == nil || s.Opts == nil || len(s.DigestAlg) == 0 || len(s.SignatureAlg) == 0
}

// check verifies a signature over a digest, or over the message when the scheme is Whole.
func (s *Scheme) check(pub crypto.PublicKey, spki, digest, signature []byte) error {
	if s.Verify != nil {
		return s.Verify(spki, digest, signature)
	}
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		if opts, ok := s.Opts.(*rsa.PSSOptions); ok {
			return rsa.VerifyPSS(pub, opts.Hash, digest, signature, opts)
		}
		return rsa.VerifyPKCS1v15(pub, s.Opts.HashFunc(), digest, signature)
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(pub, digest, signature) {
			return errors.New("ecdsa: verification error")
		}
		return nil
	case ed25519.PublicKey:
		if !ed25519.Verify(pub, digest, signature) {
			return errors.New("ed25519: verification error")
		}
		return nil
	}
	return fmt.Errorf("no way to verify with a public key of type %T", pub)
}

// fits reports whether the scheme is for this kind of public key. A scheme with its own Verify is trusted to know.
func (s *Scheme) fits(pub crypto.PublicKey) bool {
	if s.Verify != nil {
		return true
	}
	for _, other := range Schemes(pub) {
		if bytes.Equal(other.SignatureAlg, s.SignatureAlg) {
			return true
		}
	}
	return false
}

// hashIsThatOfOpts reports whether the digest of the scheme is what Opts.HashFunc makes, so that a key which is given the message
// and hashes by the options signs what the container says. A scheme of a package of its own may have another hash.
func (s *Scheme) hashIsThatOfOpts() bool {
	h := s.Opts.HashFunc()
	return h != 0 && h.Available() && bytes.Equal(h.New().Sum(nil), s.NewHash().Sum(nil))
}

func hashOID(h crypto.Hash) (string, bool) {
	switch h {
	case crypto.SHA256:
		return oidSHA256, true
	case crypto.SHA384:
		return oidSHA384, true
	case crypto.SHA512:
		return oidSHA512, true
	}
	return "", false
}

func newHashOf(h crypto.Hash) func() hash.Hash {
	switch h {
	case crypto.SHA256:
		return sha256.New
	case crypto.SHA384:
		return sha512.New384
	case crypto.SHA512:
		return sha512.New
	}
	return nil
}

func sizeOf(h crypto.Hash) int {
	if _, ok := hashOID(h); !ok {
		return 0
	}
	return h.Size()
}

// digestAlgorithm encodes a hash with absent parameters (RFC 5754 section 2).
func digestAlgorithm(h crypto.Hash) []byte {
	oid, ok := hashOID(h)
	if !ok {
		return nil
	}
	return sequence(oid)
}
