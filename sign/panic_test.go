package sign_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

var errBroken = errors.New("the driver is broken")

// brokenKey panics where it is told to.
type brokenKey struct {
	crypto.Signer
	at string
}

func (k *brokenKey) fail(at string) {
	if k.at == at {
		panic(errBroken)
	}
}

func (k *brokenKey) Public() crypto.PublicKey { k.fail("Public"); return k.Signer.Public() }
func (k *brokenKey) Trusted() bool            { k.fail("Trusted"); return false }
func (k *brokenKey) Limit() int               { k.fail("Limit"); return 1 }
func (k *brokenKey) Queues() bool             { k.fail("Queues"); return true }
func (k *brokenKey) Schemes() []sign.Scheme {
	k.fail("Schemes")
	return sign.Schemes(k.Signer.Public())
}
func (k *brokenKey) BulkSize() int { k.fail("BulkSize"); return 2 }
func (k *brokenKey) SignContext(context.Context, []byte, crypto.SignerOpts) ([]byte, error) {
	k.fail("SignContext")
	return nil, nil
}
func (k *brokenKey) SignBulk(context.Context, [][]byte, crypto.SignerOpts) []sign.Outcome {
	k.fail("SignBulk")
	return nil
}

// brokenProvider has one key.
type brokenProvider struct {
	*brokenKey
	chain []*x509.Certificate
	none  bool
}

func (p *brokenProvider) Close() error { return nil }
func (p *brokenProvider) Chain(context.Context, sign.Key) ([]*x509.Certificate, error) {
	p.fail("Chain")
	return p.chain, nil
}

func (p *brokenProvider) Key(context.Context, sign.Ref) (sign.Key, error) {
	p.fail("Key")
	if p.none {
		return nil, nil
	}
	return p.brokenKey, nil
}

func requirePanic(t *testing.T, err error) {
	t.Helper()
	p, ok := errors.AsType[*sign.PanicError](err)
	require.True(t, ok, "%v", err)
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "panic: the driver is broken")
	require.Contains(t, string(p.Stack), "panic_test.go")
	require.False(t, sign.IsKeyError(err), "it says nothing of the next content")
}

// TestKeyPanics makes errors of panics in the code of a key.
func TestKeyPanics(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	for _, at := range []string{"Key", "Chain", "Public", "Trusted", "Limit", "Queues", "Schemes", "BulkSize"} {
		t.Run(at, func(t *testing.T) {
			signer, err := sign.Open(t.Context(), &brokenProvider{brokenKey: &brokenKey{id.Key, at}, chain: id.Chain}, sign.Ref{})
			require.Nil(t, signer)
			requirePanic(t, err)
		})
	}
	signer, err := sign.New(&brokenKey{id.Key, "SignContext"}, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	signature, err := signer.Sign(t.Context(), []byte("message"))
	require.Nil(t, signature)
	requirePanic(t, err)

	signer, err = sign.New(&brokenKey{id.Key, "SignBulk"}, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	outcomes := signer.SignBulk(t.Context(), messages(3))
	require.Len(t, outcomes, 3)
	for _, o := range outcomes {
		require.Nil(t, o.Signature)
		requirePanic(t, o.Err)
	}

	scheme := testpki.Must(sign.ECDSA(crypto.SHA256))
	scheme.Verify = func([]byte, []byte, []byte) error { panic(errBroken) }
	signer, err = sign.New(nil, id.Chain, scheme)
	require.NoError(t, err)
	requirePanic(t, signer.Verify([]byte("message"), []byte("signature")))
}

// TestNothingGiven makes errors of answers that are none.
func TestNothingGiven(t *testing.T) {
	_, err := sign.Open(t.Context(), nil, sign.Ref{})
	require.ErrorIs(t, err, sign.ErrInput)
	_, err = sign.Open(t.Context(), &brokenProvider{brokenKey: &brokenKey{}, none: true}, sign.Ref{Label: "seal"})
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
	require.ErrorContains(t, err, "neither a key nor an error")

	nothing := sign.Opener("n", func() (io.ReadCloser, error) { return nil, nil })
	_, err = nothing.Source().Open()
	require.ErrorIs(t, err, sign.ErrInput)
	broken := sign.Opener("b", func() (io.ReadCloser, error) { panic(errBroken) })
	_, err = broken.Source().Open()
	requirePanic(t, err)
	unset := sign.Opener("u", nil)
	_, err = unset.Source().Open()
	require.ErrorIs(t, err, sign.ErrInput)
}

// TestGo tells how a function ended, however it did.
func TestGo(t *testing.T) {
	for name, c := range map[string]struct {
		f    func() error
		want error
	}{
		"returns": {func() error { return nil }, nil},
		"fails":   {func() error { return errBroken }, errBroken},
		"panics":  {func() error { panic(errBroken) }, errBroken},
		"exits":   {func() error { runtime.Goexit(); return nil }, sign.ErrGoexit},
	} {
		done := make(chan error, 1)
		sign.Go(c.f, func(err error) { done <- err })
		err := <-done
		require.ErrorIs(t, err, c.want, name)
		p, ok := errors.AsType[*sign.PanicError](err)
		require.Equal(t, name == "panics" || name == "exits", ok, name)
		if ok {
			require.Contains(t, string(p.Stack), "panic_test.go")
		}
	}
}
