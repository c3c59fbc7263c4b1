package providertest

import (
	"context"
	"crypto"
	"errors"
	"io"
	"sync/atomic"

	"github.com/seed-116355fd/signet/sign"
)

// A team puts tracing, metrics or a quota around a provider. It has to work behind that as it does without.

// plainProvider wraps a provider and its keys, and has no optional interface of its own.
type plainProvider struct {
	sign.Provider
	signed atomic.Int64 // calls of keys
	spoil  bool         // changes signatures
}

func (p *plainProvider) Unwrap() sign.Provider { return p.Provider }

func (p *plainProvider) Key(ctx context.Context, ref sign.Ref) (sign.Key, error) {
	key, err := p.Provider.Key(ctx, ref)
	if err != nil {
		return nil, err
	}
	return &plainKey{key, p}, nil
}

type plainKey struct {
	sign.Key
	by *plainProvider
}

func (k *plainKey) Unwrap() sign.Key { return k.Key }

func (k *plainKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

func (k *plainKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.by.signed.Add(1)
	signature, err := k.Key.SignContext(ctx, digest, opts)
	if k.by.spoil && len(signature) != 0 {
		signature[len(signature)-1] ^= 1
	}
	return signature, err
}

// wrapped signs through wrappers: what the provider tells is found behind them, what signs is not.
func (s *suite) wrapped() {
	p := &plainProvider{Provider: s.provider}
	for _, k := range s.config.Keys {
		if k.Certificate == nil {
			continue
		}
		bare, err := sign.Open(s.Context(), s.provider, k.ref())
		if !s.fine(k.name()+": sign.Open", err) {
			continue
		}
		signer, err := sign.Open(s.Context(), p, k.ref())
		if !s.fine(k.name()+": sign.Open of a wrapped provider", err) {
			continue
		}
		if signer.Scheme().Name != bare.Scheme().Name {
			s.Errorf("%s: the scheme is %s, and %s behind a wrapper", k.name(), bare.Scheme().Name, signer.Scheme().Name)
		}
		if signer.Limit() != bare.Limit() {
			s.Errorf("%s: the limit is %d, and %d behind a wrapper", k.name(), bare.Limit(), signer.Limit())
		}
		if !sameChain(signer.Chain(), bare.Chain()) {
			s.Errorf("%s: another chain behind a wrapper", k.name())
		}
		s.through(p, k, signer, bare)
	}
	wrapsLister, wrapsPinger := found[sign.Lister](p), found[sign.Pinger](p)
	if wrapsLister != found[sign.Lister](s.provider) || wrapsPinger != found[sign.Pinger](s.provider) {
		s.Error("a listing or a ping is not found behind a wrapper")
	}
}

func found[T any](v any) bool {
	_, ok := sign.As[T](v)
	return ok
}

// through signs with a wrapped key, alone and in a group: each signature goes through the wrapper.
func (s *suite) through(p *plainProvider, k Key, signer, bare *sign.Signer) {
	message := []byte("message")
	if _, err := bare.Sign(s.Context(), message); errors.Is(err, sign.ErrUnsupported) {
		return // it signs no messages of this suite
	}
	p.signed.Store(0)
	signature, err := signer.Sign(s.Context(), message)
	if _, whole := bare.Key().(sign.MessageKey); whole && errors.Is(err, sign.ErrUnsupported) {
		return // it signs no digests, and a wrapper has to pass messages on by itself
	}
	if s.fine(k.name()+": Sign behind a wrapper", err) {
		s.fine(k.name()+": Sign behind a wrapper", k.verify(*signer.Scheme(), message, signature))
	}
	for _, o := range signer.SignBulk(s.Context(), [][]byte{message, message}) {
		s.fine(k.name()+": SignBulk behind a wrapper", o.Err)
	}
	if n := p.signed.Load(); n != 3 {
		s.Errorf("%s: of 3 signatures, %d went through the wrapper", k.name(), n)
	}
	p.spoil = true
	if _, err := signer.Sign(s.Context(), message); !errors.Is(err, sign.ErrKeyMismatch) {
		s.Errorf("%s: a signature that the wrapper spoiled was not noticed: %v", k.name(), err)
	}
	p.spoil = false
}

// unwrap checks providers and keys that are wrappers themselves.
func (s *suite) unwrap() {
	wraps := false
	if w, ok := s.provider.(sign.WrappedProvider); ok {
		wraps = true
		if inner := w.Unwrap(); inner == nil || inner == s.provider {
			s.Error("Unwrap of the provider returns nothing, or itself")
		}
	}
	for _, k := range s.config.Keys {
		key := s.must(k)
		w, ok := key.(sign.WrappedKey)
		if !ok {
			continue
		}
		wraps = true
		inner := w.Unwrap()
		if inner == nil || inner == key {
			s.Errorf("%s: Unwrap returns nothing, or itself", k.name())
			continue
		}
		if key.Public() != nil && !samePublic(inner.Public(), key.Public()) {
			s.Errorf("%s: the key that is wrapped is another one", k.name())
		}
		_, outer := key.(sign.MessageKey)
		if _, whole := inner.(sign.MessageKey); whole && !outer {
			scheme := k.schemes(key)[0]
			if _, err := key.SignContext(s.Context(), input(scheme, []byte("message")), scheme.Opts); errors.Is(err, sign.ErrUnsupported) {
				s.Errorf("%s: what it wraps signs messages only; it has to be a sign.MessageKey, too", k.name())
			}
		}
	}
	if !wraps {
		s.Skip("neither the provider nor a key is a wrapper")
	}
}
