package sign_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"sync/atomic"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

// box is a provider of one key: whatever makes its signatures, a token, a service, a daemon.
type box struct {
	label  string
	chain  []*x509.Certificate // the certificate of the key first
	ask    func(ctx context.Context, digest []byte, hash crypto.Hash) ([]byte, error)
	closed atomic.Bool
}

// Key finds the key, or says that it is not there.
func (b *box) Key(ctx context.Context, ref sign.Ref) (sign.Key, error) {
	if err := errors.Join(ctx.Err(), b.open("key"), ref.Check()); err != nil {
		return nil, err
	}
	if !ref.Matches(sign.Entry{Label: b.label, Public: b.chain[0].PublicKey, Chain: b.chain}) {
		return nil, &sign.Error{Op: "box: key", Place: ref.String(), Class: sign.ErrKeyNotFound}
	}
	return &boxKey{b}, nil
}

// Chain makes a box a sign.ChainSource, so that sign.Open needs no certificate from its caller.
func (b *box) Chain(ctx context.Context, key sign.Key) ([]*x509.Certificate, error) {
	if k, ok := key.(*boxKey); !ok || k.box != b {
		return nil, &sign.Error{Op: "box: chain", Class: sign.ErrKeyNotFound}
	}
	return b.chain, errors.Join(ctx.Err(), b.open("chain"))
}

func (b *box) Close() error {
	b.closed.Store(true)
	return nil
}

func (b *box) open(op string) error {
	if b.closed.Load() {
		return &sign.Error{Op: "box: " + op, Class: sign.ErrUnavailable, Hint: "the box is closed"}
	}
	return nil
}

type boxKey struct{ *box }

func (k *boxKey) Public() crypto.PublicKey { return k.chain[0].PublicKey }

func (k *boxKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext refuses what is no digest before anybody is asked.
func (k *boxKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := errors.Join(ctx.Err(), k.open("sign")); err != nil {
		return nil, err
	}
	if opts == nil || !opts.HashFunc().Available() || len(digest) != opts.HashFunc().Size() {
		return nil, &sign.Error{Op: "box: sign", Class: sign.ErrUnsupported, Hint: "give the digest of a message, and its hash"}
	}
	return k.ask(ctx, digest, opts.HashFunc())
}

// A provider of one's own, which providertest.Run checks in the test beside it.
//
// The mistakes to avoid: a PIN that is tried again locks a card, so that only what is over in a moment is Temporary; and a key that signs
// what is not as long as its hash signs anything.
func ExampleProvider() {
	ctx := context.Background()
	keys := newBox()
	defer keys.Close()

	signer, err := sign.Open(ctx, keys, sign.Ref{Label: "seal"})
	if err != nil {
		log.Fatal(err)
	}
	p7s, err := cades.Sign(ctx, signer, sign.Bytes("", []byte("a contract")), nil)
	fmt.Println(len(p7s) > 0, err)
	_, err = sign.Open(ctx, keys, sign.Ref{Label: "the other seal"})
	fmt.Println(err)
	// Output:
	// true <nil>
	// box: key label "the other seal": no such key
}

// newBox makes a box whose signatures are made by a throw-away key.
func newBox() *box {
	s := testsign.New(nil).Signer()
	return &box{label: "seal", chain: s.Chain(), ask: func(_ context.Context, digest []byte, hash crypto.Hash) ([]byte, error) {
		return s.Key().Sign(rand.Reader, digest, hash)
	}}
}
