package mldsa

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha3"
	"io"

	"filippo.io/mldsa/mldsacrypto"

	"github.com/seed-116355fd/signet/sign"
)

// NewDigestKey makes a key of a crypto.Signer that lives elsewhere and takes a digest only: the representative µ of FIPS 204 algorithm 7
// step 6, which is 64 octets and made here, with the options crypto.MLDSAMu (Go 1.27; mldsacrypto.MLDSAMu of filippo.io/mldsa has the
// same value). Its Public is an *mldsa.PublicKey, or it is a [sign.SPKIKey]. A method SignContext is called where it has one. Its
// signatures are verified by the [sign.Signer].
//
// A signer that takes the message itself needs no such key when it is a [sign.Schemer] and a [sign.SPKIKey]: soft.New takes it.
func NewDigestKey(signer crypto.Signer) (key *DigestKey, err error) {
	defer sign.Recover(&err) // the signer is code of others, and may be a nil pointer
	if signer == nil {
		return nil, &sign.Error{Op: "mldsa: digest key", Class: sign.ErrInput, Hint: "the signer is nil"}
	}
	var spki []byte
	if k, ok := signer.(sign.SPKIKey); ok {
		spki = k.SubjectPublicKeyInfo()
	} else if public, ok := signer.Public().(interface{ Bytes() []byte }); ok {
		for _, set := range Sets() {
			if octets := public.Bytes(); len(octets) == set.parameters().PublicKeySize() {
				spki = marshalPublic(set, octets)
			}
		}
	}
	set, _, err := ParsePublicKey(spki)
	if err != nil {
		return nil, err
	}
	return &DigestKey{signer: signer, set: set, spki: spki, tr: sha3.SumSHAKE256(spki[len(spki)-set.parameters().PublicKeySize():], 64)}, nil
}

// DigestKey is a key of [NewDigestKey].
type DigestKey struct {
	signer crypto.Signer
	set    Set
	spki   []byte
	tr     []byte // the digest of the public key
}

var (
	_ sign.Key     = (*DigestKey)(nil)
	_ sign.Schemer = (*DigestKey)(nil)
	_ sign.SPKIKey = (*DigestKey)(nil)
)

// Public returns that of the signer.
func (k *DigestKey) Public() crypto.PublicKey {
	if k == nil || k.signer == nil {
		return nil
	}
	return k.signer.Public()
}

// SubjectPublicKeyInfo returns the public key as in RFC 9881 section 4.
func (k *DigestKey) SubjectPublicKeyInfo() []byte {
	if k == nil {
		return nil
	}
	return k.spki
}

// Schemes returns the one of the set.
func (k *DigestKey) Schemes() []sign.Scheme {
	if k == nil || !k.set.known() {
		return nil
	}
	return []sign.Scheme{k.set.Scheme()}
}

// Sign is SignContext without a context.
func (k *DigestKey) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), message, opts)
}

// SignContext makes the representative of a message and has it signed. The options are crypto.Hash(0).
func (k *DigestKey) SignContext(ctx context.Context, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k == nil || k.signer == nil {
		return nil, &sign.Error{Op: "mldsa: sign", Class: sign.ErrInput, Hint: "the key is nil or the zero value; make one with NewDigestKey"}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := checkOptions(opts); err != nil {
		return nil, err
	}
	// FIPS 204 algorithm 2 step 10 puts two zero octets in front: pure, and a context of no octets.
	h := sha3.NewSHAKE256()
	_, _ = h.Write(k.tr)
	_, _ = h.Write([]byte{0, 0})
	_, _ = h.Write(message)
	mu := make([]byte, 64)
	_, _ = h.Read(mu)
	if s, ok := k.signer.(interface {
		SignContext(context.Context, []byte, crypto.SignerOpts) ([]byte, error)
	}); ok {
		return s.SignContext(ctx, mu, mldsacrypto.MLDSAMu)
	}
	return k.signer.Sign(rand.Reader, mu, mldsacrypto.MLDSAMu)
}
