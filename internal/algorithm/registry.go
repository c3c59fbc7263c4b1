package algorithm

import (
	"errors"
	"fmt"
	"sync"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// Registry is what a judge needs to know about algorithms. It is a plain value: the zero value and a nil one know what this
// package knows, and judge by [Default]. It is not modified, and safe for concurrent use if the schemes are.
type Registry struct {
	// Schemes of the caller come before those that are known here; only those with Verify count. The policy judges them
	// and their hashes like others.
	Schemes []sign.Scheme
	// Policy is nil for [Default].
	Policy *Policy

	keys     *keyCache // nil: each key is read whenever it is needed
	checkers *Checkers // nil: nothing is kept
}

// Caching returns a registry that reads each key once: for the judgement of one message.
func (r Registry) Caching() *Registry {
	r.keys = &keyCache{}
	return &r
}

// keyCache is keys that were read, by their SubjectPublicKeyInfo.
type keyCache struct {
	mu   sync.Mutex
	read map[string]keyRead
}

type keyRead struct {
	key *Key
	err error
}

// ParseKey is [ParseKey].
func (r *Registry) ParseKey(spki []byte) (*Key, error) {
	if r == nil || r.keys == nil {
		return ParseKey(spki)
	}
	r.keys.mu.Lock()
	defer r.keys.mu.Unlock()
	known, ok := r.keys.read[string(spki)]
	if !ok {
		known.key, known.err = ParseKey(spki)
		if r.keys.read == nil {
			r.keys.read = map[string]keyRead{}
		}
		r.keys.read[string(spki)] = known
	}
	return known.key, known.err
}

// kindOfKey reads a key without the point of an elliptic curve, unless it was read before.
func (r *Registry) kindOfKey(spki []byte) (*Key, error) {
	if r != nil && r.keys != nil {
		r.keys.mu.Lock()
		known, ok := r.keys.read[string(spki)]
		r.keys.mu.Unlock()
		if ok && known.err == nil {
			return known.key, nil
		}
	}
	return parseKey(spki, false)
}

// Scheme finds the scheme of the caller for a signature algorithm.
func (r *Registry) Scheme(id cms.OID) (*sign.Scheme, bool) {
	if r == nil || id == "" {
		return nil, false
	}
	for i := range r.Schemes {
		if s := &r.Schemes[i]; s.Verify != nil && (names(s.SignatureAlg, id) || names(s.CertificateAlg, id)) {
			return s, true
		}
	}
	return nil, false
}

// HashOf is the hash that a signature algorithm has in itself, so that digestAlgorithm has no say in it; empty where that decides, and
// where nothing is digested.
func (r *Registry) HashOf(a cms.Algorithm) cms.OID {
	if s, ok := r.Scheme(a.ID); ok {
		id := identifier(s.DigestAlg)
		if _, standard := standardHash(id); s.Whole || standard { // a hash that only the scheme knows is a part of it
			return ""
		}
		return id
	}
	alg, err := ResolveSignature(a)
	if err != nil {
		return ""
	}
	return alg.Hash
}

// Whole reports whether a signature algorithm is over the message itself, so that a digest of it is not enough to check a
// signature: Ed25519, and what schemes of the caller say of themselves.
func (r *Registry) Whole(id cms.OID) bool {
	if s, ok := r.Scheme(id); ok {
		return s.Whole
	}
	return signatureOf(id).Kind == Ed25519
}

// SignatureCheck is a signature value with what it is checked with: of a SignerInfo, a certificate, a CRL or an OCSP
// response.
type SignatureCheck struct {
	Algorithm cms.Algorithm // signatureAlgorithm
	Digest    cms.OID       // digestAlgorithm of a SignerInfo, for algorithms that name no hash; else empty
	Signature []byte        // contents octets
	SPKI      []byte        // SubjectPublicKeyInfo of the signer
	// AllowBareDigestInfo takes RSA signatures whose DigestInfo lacks the NULL of RFC 8017 section 9.2.
	AllowBareDigestInfo bool
}

// Verify checks the signature over a message, or over its digest when that is given. note says what had to be tolerated.
// The error is an [*Error] that is not of [NotAllowed]: what the policy thinks of the algorithm is asked by [Registry.Judge].
func (r *Registry) Verify(check *SignatureCheck, message, digest []byte) (note string, err error) {
	if scheme, ok := r.Scheme(check.Algorithm.ID); ok {
		return "", verifyScheme(scheme, check, message, digest)
	}
	alg, err := ResolveSignature(check.Algorithm)
	if err != nil {
		return "", err
	}
	if alg.Kind == UnknownKind {
		return "", unsupported(check.Algorithm.ID.Name(), "%s", unknownSignature(check.Algorithm.ID))
	}
	if alg.Hash == "" {
		alg.Hash = check.Digest
	}
	key, err := r.ParseKey(check.SPKI)
	if err != nil {
		return "", err
	}
	v := &verification{r: r, key: key, spki: check.SPKI, id: check.Algorithm.ID, signature: check.Signature, bare: check.AllowBareDigestInfo}
	note, err = v.verify(alg, message, digest)
	if !isReason(err, WrongSignature) || digest != nil || check.Digest == "" || alg.Hash == check.Digest || alg.Kind != PKCS1 && alg.Kind != ECDSA {
		return note, err
	}
	// RFC 5652 section 5.3 has the signature's hash in digestAlgorithm, and some who named another one in
	// signatureAlgorithm signed with it all the same.
	named := alg.Hash
	alg.Hash = check.Digest
	if _, err := v.verify(alg, message, nil); err == nil {
		return fmt.Sprintf("made with %s, the digest algorithm, though the signature algorithm says %s", alg.Hash.Name(), named.Name()), nil
	}
	return "", err
}

// verifyScheme asks a scheme of the caller. What it says is kept for programs and not told to people, who could not
// understand it.
func verifyScheme(s *sign.Scheme, check *SignatureCheck, message, digest []byte) error {
	switch {
	case withoutParameters(check.Algorithm.ID) && !check.Algorithm.Parameters.IsZero(),
		gostKind(check.Algorithm.ID) == GOST2012 && !check.Algorithm.NoParameters(): // RFC 9215 section 2: absent; many write NULL
		return malformed(s.Name, "the signature algorithm %s has parameters, which have to be absent", check.Algorithm.ID.Name())
	case s.Whole && message == nil && digest != nil:
		return unsupported(s.Name, "a signature by %s is over the whole content, and only a digest of it is at hand", s.Name)
	case s.Whole:
		digest = message
	case digest == nil:
		h := s.NewHash()
		h.Write(message)
		digest = h.Sum(nil)
	}
	err := s.Verify(check.SPKI, digest, check.Signature)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sign.ErrUnsupported):
		return unsupported(s.Name, "%s cannot check this signature", s.Name)
	case errors.Is(err, sign.ErrKeyMismatch):
		return misused(s.Name, "the signature is of %s and the key is of another kind", check.Algorithm.ID.Name())
	case errors.Is(err, sign.ErrInput):
		return malformed(s.Name, "the key of the signature by %s is malformed", check.Algorithm.ID.Name())
	}
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	return wrong(s.Name)
}

// verification is one signature value and the key.
type verification struct {
	r         *Registry
	key       *Key
	spki      []byte
	id        cms.OID // of the signature algorithm
	signature []byte
	bare      bool
}

// verify does the mathematics of one algorithm.
func (v *verification) verify(alg Signature, message, digest []byte) (note string, err error) {
	if alg.Kind == Ed25519 {
		return "", v.ed25519(message, digest)
	}
	h, ok := v.r.Hash(alg.Hash)
	switch {
	case alg.Hash == "":
		return "", malformed(v.id.Name(), "nothing says which hash the signature is made with")
	case !ok:
		return "", unsupported(alg.Hash.Name(), "hash %s is not known here", alg.Hash.Name())
	case shake(alg.Hash): // RFC 8702 has other signature algorithms with them
		return "", unsupported(alg.Hash.Name(), "signature algorithm %s is not known with %s", v.id.Name(), alg.Hash.Name())
	case digest == nil:
		digest = h.Sum(message)
	case len(digest) != h.Size:
		return "", malformed(alg.Hash.Name(), "the digest has %d octets, and those of %s have %d", len(digest), alg.Hash.Name(), h.Size)
	}
	switch alg.Kind {
	case PKCS1, PSS:
		return v.rsa(alg, h, digest)
	case ECDSA:
		return "", v.ecdsa(alg.Plain, digest)
	case DSA:
		return "", v.dsa(digest)
	}
	return "", unsupported(v.id.Name(), "signature algorithm %s is not known here", v.id.Name())
}

func isReason(err error, r Reason) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Reason == r
}

// otherKey says that the key is of another kind than the signature.
func (v *verification) otherKey() error {
	return misused(v.id.Name(), "the signature is of %s and the key is %s", v.id.Name(), v.key.Name())
}
