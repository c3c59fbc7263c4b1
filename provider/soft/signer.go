package soft

import (
	"bytes"
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
	"net"
	"sync/atomic"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/sign"
)

// DefaultLimit is how many signatures at once a foreign crypto.Signer makes when Config.Limit is 0.
const DefaultLimit = 32

// New makes a provider of one key, whose certificates are Config.Certificates in any order. Private keys of the
// standard library are used as if they came from a file. Any other crypto.Signer, such as one of a cloud key service, is
// foreign: its signatures are checked by [sign.Signer], and each call of its Sign runs in a goroutine, at most
// Config.Limit of them, so that a service that hangs does not hold the caller beyond its context. A hanging call keeps
// its place among those until it returns. A signer that has SignContext itself, as [sign.Key] does, is called directly. One that is a
// [sign.Key], a [sign.Schemer] and a [sign.SPKIKey] and says by [sign.TrustedKey] that its signatures need no check, such as an
// *mldsa.Key, is used as one from a file.
//
// Its errors are of class [sign.ErrUnavailable] unless they are a [*sign.Error], and stop a batch: "access denied" would be said to
// every content. What is over in a moment, such as "throttled", says so by a method Temporary() bool, as a [*sign.Error] with
// Temporary set, or through [sign.Quota] of [sign.Limited], which also keeps to a quota and tries again. Errors of the network
// (*net.OpError) are temporary.
//
// Closing the provider does not close the signer.
func New(signer crypto.Signer, config Config) (*Provider, error) {
	closed := new(atomic.Bool)
	key, err := newKey(signer, config.Limit, closed)
	if err != nil {
		return nil, err
	}
	var certs []keyring.Cert
	for _, c := range config.Certificates {
		if c != nil {
			certs = append(certs, keyring.Cert{Cert: c})
		}
	}
	p := &Provider{closed: closed}
	if f := foreign(key); f != nil {
		p.limit = f.Limit()
	}
	if err := p.add(key, foundKey{label: config.Label, file: "signer"}, keyring.NewPool(certs, config.Root)); err != nil {
		return nil, err
	}
	return p, nil
}

// NewKey makes a key alone, for [sign.New]. The limit is that of Config.Limit.
func NewKey(signer crypto.Signer, limit int) (sign.Key, error) {
	return newKey(signer, limit, new(atomic.Bool))
}

func newKey(signer crypto.Signer, limit int, closed *atomic.Bool) (sign.Key, error) {
	if signer == nil {
		return nil, &sign.Error{Op: "soft: from signer", Class: sign.ErrInput, Err: errors.New("the signer is nil")}
	}
	if err := checkStandard(signer); err != nil {
		return nil, &sign.Error{Op: "soft: from signer", Class: sign.ErrInput, Err: err}
	}
	switch k := signer.(type) {
	case *rsa.PrivateKey:
		own := *k // Precompute writes into the key, which may be in use elsewhere
		own.Precompute()
		return newStandardKey(&own, nil, closed), nil
	case *ecdsa.PrivateKey, ed25519.PrivateKey:
		return newStandardKey(signer, nil, closed), nil
	}
	if key := ownKey(signer, closed); key != nil {
		return key, nil
	}
	if limit <= 0 {
		limit = DefaultLimit
	}
	public := signer.Public()
	if public == nil {
		return nil, &sign.Error{Op: "soft: from signer", Class: sign.ErrUnavailable, Err: errors.New("the signer has no public key")}
	}
	if _, ok := sign.As[sign.Schemer](signer); !ok && fmt.Sprintf("%T", public) == "*mldsa.PublicKey" {
		return nil, &sign.Error{Op: "soft: from signer", Class: sign.ErrUnsupported, Hint: "the key is of ML-DSA; give what mldsa.NewKey makes of a private key, or mldsa.NewDigestKey of a signer elsewhere"}
	}
	f := &foreignKey{signer: signer, public: public, slots: make(chan struct{}, limit), closed: closed}
	return f.key(), nil
}

// foreignKey is a key of which only crypto.Signer is known.
type foreignKey struct {
	signer crypto.Signer
	public crypto.PublicKey
	slots  chan struct{} // holds one element for each call that runs
	closed *atomic.Bool
	chain  []*x509.Certificate // makes keys with different certificates different
}

var (
	_ sign.Key     = (*foreignKey)(nil)
	_ sign.Limiter = (*foreignKey)(nil)
	_ sign.SPKIKey = (*foreignKey)(nil)
)

func (k *foreignKey) Public() crypto.PublicKey { return k.public }

// Limit is the most calls that run at once.
func (k *foreignKey) Limit() int { return cap(k.slots) }

func (k *foreignKey) Schemes() []sign.Scheme {
	if s, ok := sign.As[sign.Schemer](k.signer); ok {
		return s.Schemes()
	}
	return sign.Schemes(k.public)
}

// SubjectPublicKeyInfo is what the signer says, or what the standard library makes of its public key; nil when there is neither.
func (k *foreignKey) SubjectPublicKeyInfo() []byte {
	if s, ok := sign.As[sign.SPKIKey](k.signer); ok {
		return s.SubjectPublicKeyInfo()
	}
	spki, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return nil
	}
	return spki
}

func (k *foreignKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

func (k *foreignKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := k.usable(ctx); err != nil {
		return nil, err
	}
	if err := keyring.CheckDigest("soft: sign", k.public, digest, opts); err != nil {
		return nil, err
	}
	s, aware := k.signer.(interface {
		SignContext(context.Context, []byte, crypto.SignerOpts) ([]byte, error)
	})
	if !aware {
		return k.detached(ctx, k.signer.Sign, digest, opts)
	}
	return k.direct(ctx, s.SignContext, digest, opts)
}

func (k *foreignKey) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if k.closed.Load() {
		return errClosed("soft: sign")
	}
	return nil
}

// foreignMessageKey is a foreign key that takes messages.
type foreignMessageKey struct {
	*foreignKey
	signer crypto.MessageSigner
}

var _ sign.MessageKey = (*foreignMessageKey)(nil)

// key is the key with the methods that its signer has.
func (k *foreignKey) key() sign.Key {
	if s, ok := k.signer.(crypto.MessageSigner); ok {
		return &foreignMessageKey{k, s}
	}
	return k
}

// foreign returns the foreign key that a key is, or nil.
func foreign(key sign.Key) *foreignKey {
	switch k := key.(type) {
	case *foreignKey:
		return k
	case *foreignMessageKey:
		return k.foreignKey
	}
	return nil
}

func (k *foreignMessageKey) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignMessageContext(context.Background(), message, opts)
}

func (k *foreignMessageKey) SignMessageContext(ctx context.Context, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := k.usable(ctx); err != nil {
		return nil, err
	}
	if err := keyring.CheckMessage("soft: sign", k.public, opts); err != nil {
		return nil, err
	}
	if s, ok := k.signer.(sign.MessageKey); ok {
		return k.direct(ctx, s.SignMessageContext, message, opts)
	}
	return k.detached(ctx, k.signer.SignMessage, message, opts)
}

// place takes a place among the calls that run.
func (k *foreignKey) place(ctx context.Context) error {
	select {
	case k.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// direct calls a function that looks at the context itself.
func (k *foreignKey) direct(ctx context.Context, f func(context.Context, []byte, crypto.SignerOpts) ([]byte, error), data []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := k.place(ctx); err != nil {
		return nil, err
	}
	defer func() { <-k.slots }()
	signature, err := f(ctx, data, opts)
	return signature, foreignError(ctx, err)
}

// detached calls a function so that the caller can leave.
func (k *foreignKey) detached(ctx context.Context, f func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error), data []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := k.place(ctx); err != nil {
		return nil, err
	}
	data = bytes.Clone(data) // the caller may use its own again after it has left
	done := make(chan sign.Outcome, 1)
	var signature []byte
	sign.Go(func() (err error) {
		signature, err = f(rand.Reader, data, opts)
		return err
	}, func(err error) {
		done <- sign.Outcome{Signature: signature, Err: err}
		<-k.slots
	})
	select {
	case o := <-done:
		return o.Signature, foreignError(ctx, o.Err)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// foreignError gives an error of a signer a class when it has none. It is temporary when it says so, see [sign.IsTemporary], and when
// the network failed on the way: then it stays with the item that met it. "Access denied" would be said to all the others, too.
func foreignError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*sign.Error](err); ok || ctx.Err() != nil {
		return err
	}
	if _, ok := errors.AsType[*sign.PanicError](err); ok { // says nothing of the next call
		return &sign.Error{Op: "soft: sign", Err: err, Hint: "the code of the signer failed; its stack is in the PanicError"}
	}
	return &sign.Error{Op: "soft: sign", Class: sign.ErrUnavailable, Err: err, Temporary: temporary(err)}
}

func temporary(err error) bool {
	_, network := errors.AsType[*net.OpError](err)
	return network || sign.IsTemporary(err)
}
