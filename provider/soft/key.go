package soft

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/sign"
)

// standardKey is a private key of the standard library.
type standardKey struct {
	signer  crypto.Signer
	public  crypto.PublicKey
	pssOnly bool // schemes are all that may be done
	schemes []sign.Scheme
	closed  *atomic.Bool
	chain   []*x509.Certificate // makes keys with different certificates different
}

var (
	_ sign.Key        = (*standardKey)(nil)
	_ sign.TrustedKey = (*standardKey)(nil)
	_ sign.Schemer    = (*standardKey)(nil)
)

// newStandardKey makes a key. The schemes are those of a key that is for RSASSA-PSS only, else nil.
func newStandardKey(signer crypto.Signer, pss []sign.Scheme, closed *atomic.Bool) sign.Key {
	k := &standardKey{signer: signer, public: signer.Public(), pssOnly: pss != nil, schemes: pss, closed: closed}
	if !k.pssOnly {
		k.schemes = sign.Schemes(k.public)
	}
	return inLanes(k)
}

func (k *standardKey) Public() crypto.PublicKey { return k.public }

// Trusted is true: the standard library computes the signature in this process.
func (k *standardKey) Trusted() bool { return true }

// Schemes leaves out what the key is not for when the file says that it is for RSASSA-PSS, perhaps with one hash only.
func (k *standardKey) Schemes() []sign.Scheme { return k.schemes }

func (k *standardKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext does not wait for anything, so the context is looked at once. It adds no allocation to those of the key.
func (k *standardKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if k.closed.Load() {
		return nil, errClosed("soft: sign")
	}
	if err := keyring.CheckDigest("soft: sign", k.public, digest, opts); err != nil {
		return nil, err
	}
	if k.pssOnly && !k.allows(opts) {
		return nil, &sign.Error{Op: "soft: sign", Class: sign.ErrUnsupported, Hint: "the key is for RSASSA-PSS only, with the hash that its file may name"}
	}
	signature, err := k.signer.Sign(rand.Reader, digest, opts)
	if err != nil {
		return nil, &sign.Error{Op: "soft: sign", Class: sign.ErrUnsupported, Err: err}
	}
	return signature, nil
}

// allows reports whether one of the schemes is meant. That the salt is as long as the hash has been checked.
func (k *standardKey) allows(opts crypto.SignerOpts) bool {
	_, isPSS := opts.(*rsa.PSSOptions)
	return isPSS && slices.ContainsFunc(k.schemes, func(s sign.Scheme) bool { return s.Opts.HashFunc() == opts.HashFunc() })
}

// withChain returns a key of its own for each certificate.
func withChain(key sign.Key, chain []*x509.Certificate) sign.Key {
	switch k := key.(type) {
	case *standardKey:
		own := *k
		own.chain = chain
		return &own
	case *lanesKey:
		own := *k.standardKey
		own.chain = chain
		return &lanesKey{&own, k.shared}
	case gated:
		return k.withChain(chain)
	}
	own := *foreign(key)
	own.chain = chain
	return own.key()
}

func schemesOf(key sign.Key) []sign.Scheme {
	if s, ok := sign.As[sign.Schemer](key); ok {
		return s.Schemes()
	}
	return sign.Schemes(key.Public())
}

func spkiOf(key sign.Key) ([]byte, error) {
	if k, ok := key.(gated); ok {
		return k.SubjectPublicKeyInfo(), nil
	}
	if k := foreign(key); k != nil {
		if s, ok := sign.As[sign.SPKIKey](k.signer); ok {
			return s.SubjectPublicKeyInfo(), nil
		}
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("its public key: %w", err)
	}
	return spki, nil
}

// checkStandard refuses private keys that would panic when they are used.
func checkStandard(signer crypto.Signer) error {
	switch key := signer.(type) {
	case *rsa.PrivateKey:
		if key == nil || key.N == nil || key.D == nil {
			return errors.New("the RSA key is empty")
		}
		return key.Validate()
	case *ecdsa.PrivateKey:
		if key == nil {
			return errors.New("the ECDSA key is empty")
		}
		_, err := key.Bytes()
		return err
	case ed25519.PrivateKey:
		if len(key) != ed25519.PrivateKeySize {
			return errors.New("the Ed25519 key has a wrong length")
		}
	}
	return nil
}
