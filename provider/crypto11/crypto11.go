// Package crypto11 lets the keys of a context of github.com/ThalesGroup/crypto11 sign, for programs that have such a context
// already:
//
//	import signet "github.com/seed-116355fd/signet/provider/crypto11"
//
//	context, err := crypto11.Configure(&crypto11.Config{Path: module, TokenLabel: "seal", Pin: pin})
//	keys, err := signet.New(context, signet.Config{})
//	signer, err := sign.Open(ctx, keys, sign.Ref{Label: "seal"})
//
// It is a module of its own, so that nobody else gets crypto11 and its C.
//
// # When to move on
//
// Package provider/pkcs11 needs no crypto11 and does what that cannot: tokens that were lost are opened again and keys found
// again; Ed25519; keys that want their PIN for each signature; PINs from files and prompts that are tried once; one call of
// the module for a signature where crypto11 makes three, which halves the time with an HSM in a network. Both may be used in
// one process when provider/pkcs11 is opened after the context: crypto11 does not take a module that is initialised.
//
// # What crypto11 tells
//
// RSA keys and keys on P-256, P-384 and P-521 are found whose public key is on the token, or whose certificate has their
// CKA_ID. Of the certificates one is found for each CKA_ID and label; issuers, and further certificates, are given in
// Config.Certificates. Every signature is verified before it is handed out ([sign.Signer] does so), since handles of crypto11
// may stand for other keys after another part of the process has logged in.
package crypto11

import (
	"context"
	"crypto/x509"
	"errors"
	"iter"
	"sync/atomic"

	"github.com/ThalesGroup/crypto11"

	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/sign"
)

// DefaultLimit is how many signatures at once are asked of a context when Config.Limit is 0.
const DefaultLimit = 8

// Config says more than the context does. Its zero value works.
type Config struct {
	// Name is what errors call the token; empty means "crypto11".
	Name string
	// Limit is how many signatures at once are asked of the context; 0 means DefaultLimit. No more than its MaxSessions less one,
	// which crypto11 keeps for itself.
	Limit int
	// Certificates are added to those of the token, in any order: issuers, for chains, and those of keys.
	Certificates []*x509.Certificate
	// Root lets chains end with the self-signed root when it is known.
	Root bool
}

// Provider holds the keys of a context. It is safe for concurrent use.
type Provider struct {
	context *crypto11.Context
	config  Config
	slots   chan struct{} // holds one element for each signature that is made
	closed  atomic.Bool
}

var (
	_ sign.Provider    = (*Provider)(nil)
	_ sign.Lister      = (*Provider)(nil)
	_ sign.ChainSource = (*Provider)(nil)
	_ sign.Pinger      = (*Provider)(nil)
	_ sign.Limiter     = (*Provider)(nil)
)

// New makes a provider of a context, which stays the caller's: it must be open as long as the provider is used, and Close does
// not close it. The token is not asked yet.
func New(context *crypto11.Context, config Config) (*Provider, error) {
	if context == nil {
		return nil, &sign.Error{Op: "crypto11: new", Class: sign.ErrInput, Hint: "the context is nil; make one with crypto11.Configure"}
	}
	if config.Name == "" {
		config.Name = "crypto11"
	}
	if config.Limit <= 0 {
		config.Limit = DefaultLimit
	}
	return &Provider{context: context, config: config, slots: make(chan struct{}, config.Limit)}, nil
}

// Key finds exactly one key by its CKA_ID, label, certificate or thumbprint. The token is read anew each time.
func (p *Provider) Key(ctx context.Context, ref sign.Ref) (sign.Key, error) {
	if err := ref.Check(); err != nil {
		return nil, err
	}
	all, err := p.read(ctx, "crypto11: key")
	if err != nil {
		return nil, err
	}
	finder := keyring.Finder{Op: "crypto11: key", Place: p.config.Name, Entries: all.entries, Failures: all.failures}
	e, err := finder.Find(ref)
	if err != nil {
		return nil, err
	}
	return e.Key, nil
}

// Keys lists the keys that may sign, then what could not be read, as errors.
func (p *Provider) Keys(ctx context.Context) iter.Seq2[sign.Entry, error] {
	return func(yield func(sign.Entry, error) bool) {
		all, err := p.read(ctx, "crypto11: keys")
		if err != nil {
			yield(sign.Entry{}, err)
			return
		}
		for _, e := range all.entries {
			if !yield(e.Entry, nil) {
				return
			}
		}
		for _, err := range all.failures {
			if !yield(sign.Entry{}, err) {
				return
			}
		}
	}
}

// Chain returns the certificate of a key of this provider, then its issuers, without the root unless Config.Root is set.
func (p *Provider) Chain(ctx context.Context, k sign.Key) ([]*x509.Certificate, error) {
	if err := p.usable(ctx, "crypto11: chain"); err != nil {
		return nil, err
	}
	own, ok := k.(*key)
	if !ok || own.p != p {
		return nil, &sign.Error{Op: "crypto11: chain", Place: p.config.Name, Class: sign.ErrInput, Hint: "the key is not one of this provider"}
	}
	return append([]*x509.Certificate(nil), own.chain...), nil
}

// Ping asks the token for a certificate that is not there, which takes a session and no signature.
func (p *Provider) Ping(ctx context.Context) error {
	if err := p.usable(ctx, "crypto11: ping"); err != nil {
		return err
	}
	_, err := detached(ctx, func() (*x509.Certificate, error) {
		return p.context.FindCertificate(nil, []byte("there is no certificate of this label"), nil)
	})
	return p.explain("crypto11: ping", err)
}

// Limit is how many signatures at once are useful.
func (p *Provider) Limit() int { return p.config.Limit }

// Close makes later calls fail. The context stays open.
func (p *Provider) Close() error {
	p.closed.Store(true)
	return nil
}

func (p *Provider) usable(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.closed.Load() {
		return &sign.Error{Op: op, Place: p.config.Name, Class: sign.ErrUnavailable, Err: errors.New("the provider is closed")}
	}
	return nil
}

// detached runs f so that the caller can leave when ctx ends: a call of a module cannot be interrupted.
func detached[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	var value T
	sign.Go(func() (err error) {
		value, err = f()
		return err
	}, func(err error) { done <- outcome{value, err} })
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
