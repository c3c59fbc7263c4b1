package sign_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// traced is a wrapper that has no optional interface of its own.
type traced struct {
	sign.Key
	calls int
	spoil bool
}

func (k *traced) Unwrap() sign.Key { return k.Key }

func (k *traced) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.calls++
	signature, err := k.Key.SignContext(ctx, digest, opts)
	if k.spoil {
		signature[len(signature)-1] ^= 1
	}
	return signature, err
}

// bounded is a wrapper with a limit of its own, and no queue.
type bounded struct{ traced }

func (k *bounded) Limit() int { return 1 }

// TestAs finds behind wrappers what tells something, and nothing that signs or is trusted.
func TestAs(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	full := &fullKey{kms: kms{Signer: id.Key}, trusted: true}
	key := sign.Key(&traced{Key: &traced{Key: full}})

	limiter, ok := sign.As[sign.Limiter](key)
	require.True(t, ok)
	require.Equal(t, 3, limiter.Limit())
	for name, ok := range map[string]bool{
		"Queuer": found[sign.Queuer](key), "Schemer": found[sign.Schemer](key), "SchemeExplainer": found[sign.SchemeExplainer](key),
		"BulkWaiter": found[sign.BulkWaiter](key), "SPKIKey": found[sign.SPKIKey](key),
	} {
		require.True(t, ok, name)
	}
	for name, ok := range map[string]bool{
		"MessageKey": found[sign.MessageKey](key), "BulkKey": found[sign.BulkKey](key), "TrustedKey": found[sign.TrustedKey](key),
		"crypto.MessageSigner": found[crypto.MessageSigner](key), "the type": found[*fullKey](key),
		"two in one": found[interface {
			sign.Limiter
			sign.BulkKey
		}](key),
		"another with the methods of one": found[interface{ Limit() int }](key),
	} {
		require.False(t, ok, name)
	}
	require.True(t, found[sign.TrustedKey](full), "its own")
	require.False(t, found[sign.Limiter](nil))

	loop := &traced{}
	loop.Key = loop
	require.False(t, found[sign.Limiter](loop), "a wrapper of itself comes to an end")
}

func found[T any](v any) bool {
	_, ok := sign.As[T](v)
	return ok
}

// TestWrappersAreNotBypassed signs through the wrapper in every way that a signer has, and checks what the wrapper gives back.
func TestWrappersAreNotBypassed(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	full := &fullKey{kms: kms{Signer: id.Key}, trusted: true}
	wrapper := &traced{Key: full}
	signer, err := sign.New(wrapper, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	require.Zero(t, signer.BulkSize())
	require.Equal(t, 3, signer.Limit())
	_, err = signer.Sign(t.Context(), []byte("message"))
	require.NoError(t, err)
	require.Equal(t, 1, wrapper.calls)
	for _, o := range signer.SignBulk(t.Context(), messages(3)) {
		require.NoError(t, o.Err)
	}
	require.Equal(t, 4, wrapper.calls)
	require.Empty(t, full.groups)
	_, err = sign.SignMessage(t.Context(), wrapper, []byte("message"), crypto.SHA256)
	require.NoError(t, err)
	require.Equal(t, 5, wrapper.calls)

	wrapper.spoil = true
	_, err = signer.Sign(t.Context(), []byte("message"))
	require.ErrorIs(t, err, sign.ErrKeyMismatch, "what it wraps is trusted, and the wrapper is not")

	queues := &queueing{traced{Key: full}}
	signer, err = sign.New(&bounded{traced{Key: queues}}, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	require.Equal(t, 1, signer.Limit())
	require.False(t, signer.Queues(), "the queue is behind the limit")
	signer, err = sign.New(queues, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	require.True(t, signer.Queues())
}

type queueing struct{ traced }

func (*queueing) Queues() bool { return true }

// shop is a provider with every optional interface, which knows its own keys only.
type shop struct {
	key   sign.Key
	chain []*x509.Certificate
}

func (p *shop) Key(context.Context, sign.Ref) (sign.Key, error) { return p.key, nil }
func (p *shop) Close() error                                    { return nil }
func (p *shop) Ping(context.Context) error                      { return nil }
func (p *shop) Limit() int                                      { return 7 }
func (p *shop) Keys(context.Context) iter.Seq2[sign.Entry, error] {
	return func(func(sign.Entry, error) bool) {}
}

func (p *shop) Chain(_ context.Context, key sign.Key) ([]*x509.Certificate, error) {
	if key.(*kms) != p.key { // panics for another type
		return nil, errDenied
	}
	return p.chain, nil
}

// counting wraps a provider, and its keys as often as it is told.
type counting struct {
	sign.Provider
	wraps int
}

func (p *counting) Unwrap() sign.Provider { return p.Provider }

func (p *counting) Key(ctx context.Context, ref sign.Ref) (sign.Key, error) {
	key, err := p.Provider.Key(ctx, ref)
	for range p.wraps {
		key = &traced{Key: key}
	}
	return key, err
}

// TestOpenThroughWrappers finds chain and limit behind wrappers of providers, however often they wrap the key.
func TestOpenThroughWrappers(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	p := &shop{&kms{Signer: id.Key}, id.Chain}
	for _, wraps := range []int{0, 1, 3} {
		outer := sign.LimitedProvider(&counting{&counting{p, wraps}, 1}, sign.Quota{Concurrency: 5})
		signer, err := sign.Open(t.Context(), outer, sign.Ref{})
		require.NoError(t, err)
		require.Equal(t, id.Chain, signer.Chain())
		require.Equal(t, 5, signer.Limit())
		require.True(t, found[sign.Pinger](outer) && found[sign.Lister](outer) && found[sign.ChainSource](outer))

		signer, err = sign.Open(t.Context(), &counting{p, wraps}, sign.Ref{})
		require.NoError(t, err)
		require.Equal(t, 7, signer.Limit())
	}
	// An error of the source is told.
	other := &shop{&kms{Signer: id.Key}, id.Chain}
	_, err := sign.Chain(t.Context(), &counting{p, 1}, &traced{Key: other.key})
	require.ErrorIs(t, err, errDenied)
	none, err := sign.Chain(t.Context(), &bare{}, other.key)
	require.NoError(t, err)
	require.Empty(t, none)
}

type bare struct{ sign.Provider }
