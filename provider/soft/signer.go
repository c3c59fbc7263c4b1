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
	"sync/atomic"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/sign"
)

// DefaultLimit is how many signatures at once a foreign crypto.Signer makes when Config.Limit is 0.
const DefaultLimit = 32

// FromSigner makes a provider of one key, whose certificates are Config.Certificates in any order. Private keys of the
// standard library are used as if they came from a file. Any other crypto.Signer, such as one of a cloud key service, is
// foreign: its signatures are checked by [sign.Signer], and each call of its Sign runs in a goroutine, at most
// Config.Limit of them, so that a service that hangs does not hold the caller beyond its context. A hanging call keeps
// its place among those until it returns. A signer that has SignContext itself, as [sign.Key] does, is called directly.
//
// Closing the provider does not close the signer.
func FromSigner(signer crypto.Signer, config Config) (*Provider, error) {
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
	if f, ok := key.(*foreignKey); ok {
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
	if limit <= 0 {
		limit = DefaultLimit
	}
	public := signer.Public()
	if public == nil {
		return nil, &sign.Error{Op: "soft: from signer", Class: sign.ErrUnavailable, Err: errors.New("the signer has no public key")}
	}
	return &foreignKey{signer: signer, public: public, slots: make(chan struct{}, limit), closed: closed}, nil
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
)

func (k *foreignKey) Public() crypto.PublicKey { return k.public }

// Limit is the most calls that run at once.
func (k *foreignKey) Limit() int { return cap(k.slots) }

func (k *foreignKey) Schemes() []sign.Scheme {
	if s, ok := k.signer.(sign.Schemer); ok {
		return s.Schemes()
	}
	return sign.Schemes(k.public)
}

func (k *foreignKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

func (k *foreignKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if k.closed.Load() {
		return nil, errClosed("soft: sign")
	}
	if err := keyring.CheckDigest("soft: sign", k.public, digest, opts); err != nil {
		return nil, err
	}
	select {
	case k.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s, ok := k.signer.(interface {
		SignContext(context.Context, []byte, crypto.SignerOpts) ([]byte, error)
	}); ok {
		defer func() { <-k.slots }()
		signature, err := s.SignContext(ctx, digest, opts)
		return signature, foreignError(ctx, err)
	}
	return k.detached(ctx, digest, opts)
}

// detached calls Sign so that the caller can leave.
func (k *foreignKey) detached(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	digest = bytes.Clone(digest) // the caller may use its own again after it has left
	done := make(chan sign.Outcome, 1)
	go func() {
		defer func() { <-k.slots }()
		var o sign.Outcome
		defer func() {
			if p := recover(); p != nil { // nobody above could catch it, and it would end the process
				o = sign.Outcome{Err: fmt.Errorf("panic: %v", p)}
			}
			done <- o
		}()
		o.Signature, o.Err = k.signer.Sign(rand.Reader, digest, opts)
	}()
	select {
	case o := <-done:
		return o.Signature, foreignError(ctx, o.Err)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// foreignError gives an error of a signer a class when it has none. What a service says when it fails may be over in a
// moment, and stays with the item that met it.
func foreignError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*sign.Error](err); ok || ctx.Err() != nil {
		return err
	}
	return &sign.Error{Op: "soft: sign", Class: sign.ErrUnavailable, Err: err, Temporary: true}
}
