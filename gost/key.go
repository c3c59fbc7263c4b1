package gost

import (
	"context"
	"crypto"
	"fmt"
	"io"

	"github.com/seed-116355fd/signet/gost/gost3410"
	"github.com/seed-116355fd/signet/sign"
)

// Key is a private key in memory. It is safe for concurrent use. The zero value is no key: it signs nothing.
type Key struct {
	private *gost3410.PrivateKey
	spki    []byte
}

var (
	_ sign.Key        = (*Key)(nil)
	_ sign.TrustedKey = (*Key)(nil)
	_ sign.Schemer    = (*Key)(nil)
	_ sign.SPKIKey    = (*Key)(nil)
)

// GenerateKey makes a key on a curve.
func GenerateKey(c *gost3410.Curve) (*Key, error) {
	if c == nil {
		return nil, &sign.Error{Op: "gost: generate key", Class: sign.ErrInput, Hint: "the curve is nil; take one of gost3410.Curves or CurveByOID"}
	}
	private, err := gost3410.GenerateKey(c)
	if err != nil {
		return nil, &sign.Error{Op: "gost: generate key", Class: sign.ErrUnavailable, Err: err}
	}
	return NewKey(private)
}

// NewKey makes a key of a private key.
func NewKey(private *gost3410.PrivateKey) (*Key, error) {
	if private == nil {
		return nil, &sign.Error{Op: "gost: key", Class: sign.ErrInput, Hint: "the private key is nil"}
	}
	return &Key{private, marshalPublic(private.PublicKey())}, nil
}

// empty reports whether it is none that this package made.
func (k *Key) empty() bool { return k == nil || k.private == nil }

// Public returns the *gost3410.PublicKey.
func (k *Key) Public() crypto.PublicKey {
	if k.empty() {
		return nil
	}
	return k.private.Public()
}

// SubjectPublicKeyInfo returns the public key as in RFC 9215 section 4. The caller does not modify it.
func (k *Key) SubjectPublicKeyInfo() []byte {
	if k.empty() {
		return nil
	}
	return k.spki
}

// hash is that which goes with the key.
func (k *Key) hash() Hash { return Hash(8 * k.private.PublicKey().Curve().Size()) }

// Schemes returns the one of the size of the key.
func (k *Key) Schemes() []sign.Scheme {
	if k.empty() {
		return nil
	}
	return []sign.Scheme{Scheme(k.hash())}
}

// Trusted is true: the key is in memory, and signs by itself.
func (k *Key) Trusted() bool { return !k.empty() }

// Sign signs a digest by the hash that is the options. The random source is not used.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext is Sign that looks at the context once.
func (k *Key) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if k.empty() {
		return nil, &sign.Error{Op: "gost: sign", Class: sign.ErrInput, Hint: "the key is nil or the zero value; make one with GenerateKey or NewKey"}
	}
	if h, ok := opts.(Hash); !ok || h != k.hash() {
		return nil, &sign.Error{Op: "gost: sign", Class: sign.ErrUnsupported, Hint: fmt.Sprintf("the key signs digests by %s; give gost.Hash(%d) as options", k.hash(), int(k.hash()))}
	}
	if len(digest) != k.hash().Size() {
		return nil, &sign.Error{Op: "gost: sign", Class: sign.ErrInput, Hint: fmt.Sprintf("the digest has %d octets instead of %d", len(digest), k.hash().Size())}
	}
	signature, err := k.private.Sign(nil, digest, opts)
	if err != nil {
		return nil, &sign.Error{Op: "gost: sign", Class: sign.ErrUnavailable, Err: err}
	}
	return signature, nil
}
