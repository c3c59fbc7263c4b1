package mldsa_test

import (
	"context"
	"crypto"
	"errors"
	"io"
	"sync"
	"testing"

	filippo "filippo.io/mldsa"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testfips"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/sign"
)

// TestZero: what is nil, or zero, is no key, says so and does not panic.
func TestZero(t *testing.T) {
	for name, key := range map[string]interface {
		sign.Key
		sign.Schemer
		sign.SPKIKey
	}{
		"nil": (*mldsa.Key)(nil), "zero": &mldsa.Key{}, "nil digest key": (*mldsa.DigestKey)(nil), "zero digest key": &mldsa.DigestKey{},
	} {
		_, err := key.Sign(nil, []byte("message"), crypto.Hash(0))
		require.ErrorIs(t, err, sign.ErrInput, name)
		require.Nil(t, key.Public(), name)
		require.Empty(t, key.Schemes(), name)
		require.Empty(t, key.SubjectPublicKeyInfo(), name)
	}
	require.False(t, (&mldsa.Key{}).Trusted())
	require.False(t, (*mldsa.Key)(nil).Trusted())
	require.Zero(t, (*mldsa.Key)(nil).Set())
	_, err := (*mldsa.Key)(nil).MarshalPKCS8()
	require.ErrorIs(t, err, sign.ErrInput)
	for _, private := range []*filippo.PrivateKey{nil, {}} {
		_, err := mldsa.NewKey(private)
		require.ErrorIs(t, err, sign.ErrInput)
	}
	for _, set := range []mldsa.Set{0, 1, -44, 66} {
		_, err := mldsa.GenerateKey(set)
		require.ErrorIs(t, err, sign.ErrInput)
		require.Equal(t, sign.Scheme{}.Name, set.Scheme().Name)
		require.Nil(t, set.Scheme().Verify)
		require.NotContains(t, set.String(), "ML-DSA")
	}
	_, err = mldsa.NewDigestKey(nil)
	require.ErrorIs(t, err, sign.ErrInput)
	_, err = mldsa.NewDigestKey((*elsewhere)(nil))
	require.Error(t, err)
	_, err = mldsa.NewDigestKey(&elsewhere{public: "no key"})
	require.ErrorIs(t, err, sign.ErrInput)
}

func TestOptions(t *testing.T) {
	key, err := mldsa.GenerateKey(mldsa.MLDSA44)
	require.NoError(t, err)
	for _, opts := range []crypto.SignerOpts{crypto.Hash(0), &filippo.Options{}, (*filippo.Options)(nil)} {
		_, err := key.Sign(nil, []byte("message"), opts)
		require.NoError(t, err, "%T", opts)
	}
	_, err = key.Sign(nil, []byte("message"), nil)
	require.ErrorIs(t, err, sign.ErrInput)
	for _, opts := range []crypto.SignerOpts{crypto.SHA512, &filippo.Options{Context: "other"}, crypto.Hash(20)} {
		_, err := key.Sign(nil, make([]byte, 64), opts)
		require.ErrorIs(t, err, sign.ErrUnsupported, "%v", opts)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = key.SignContext(ctx, []byte("message"), crypto.Hash(0))
	require.ErrorIs(t, err, context.Canceled)
}

// TestConcurrent: a key and a scheme are used from many goroutines. The race detector judges.
func TestConcurrent(t *testing.T) {
	for name, private := range map[string][]byte{"seed": choice(seedOfRFC(), nil), "expanded": choice(nil, mldsa.Expand(mldsa.MLDSA44, seedOfRFC()))} {
		key, err := mldsa.ParsePKCS8(container(mldsa.MLDSA44, 0, private))
		require.NoError(t, err)
		scheme := key.Schemes()[0]
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				message := []byte{byte(i)}
				signature, err := key.Sign(nil, message, crypto.Hash(0))
				if err != nil || scheme.Verify(key.SubjectPublicKeyInfo(), message, signature) != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		all.Wait()
	}
}

// elsewhere is a signer that takes the representative only, and is not a key of this module.
type elsewhere struct {
	private *filippo.PrivateKey
	public  crypto.PublicKey
	fail    error
	random  bool // the random source was given
}

func (e *elsewhere) Public() crypto.PublicKey { return e.public }

func (e *elsewhere) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if e.fail != nil {
		return nil, e.fail
	}
	e.random = random != nil
	if opts.HashFunc() != mu || len(digest) != 64 {
		return nil, errors.New("no representative")
	}
	return e.private.Sign(random, digest, opts)
}

// withContext is one that takes a context as well.
type withContext struct{ elsewhere }

type contextKey struct{}

func (w *withContext) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if ctx.Value(contextKey{}) == nil {
		return nil, errors.New("another context")
	}
	return w.private.Sign(nil, digest, opts)
}

func TestDigestKey(t *testing.T) {
	for _, set := range mldsa.Sets() {
		parameters := map[mldsa.Set]filippo.Parameters{mldsa.MLDSA44: filippo.MLDSA44(), mldsa.MLDSA65: filippo.MLDSA65(), mldsa.MLDSA87: filippo.MLDSA87()}[set]
		private, err := filippo.GenerateKey(parameters)
		require.NoError(t, err)
		signer := &elsewhere{private: private, public: private.PublicKey()}
		key, err := mldsa.NewDigestKey(signer)
		require.NoError(t, err)
		message := make([]byte, 3000)
		signature, err := key.Sign(nil, message, crypto.Hash(0))
		require.NoError(t, err)
		require.True(t, signer.random)
		require.Equal(t, set.Scheme().Name, key.Schemes()[0].Name)
		require.NoError(t, set.Scheme().Verify(key.SubjectPublicKeyInfo(), message, signature))
		require.Error(t, set.Scheme().Verify(key.SubjectPublicKeyInfo(), message[1:], signature))
		_, trusted := any(key).(sign.TrustedKey)
		require.False(t, trusted, "what comes from elsewhere is verified")
		_, err = key.Sign(nil, message[:64], mu)
		require.ErrorIs(t, err, sign.ErrUnsupported, "it is given messages")
		signer.fail = io.ErrUnexpectedEOF
		_, err = key.Sign(nil, message, crypto.Hash(0))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)

		aware, err := mldsa.NewDigestKey(&withContext{elsewhere{private: private, public: private.PublicKey()}})
		require.NoError(t, err)
		signature, err = aware.SignContext(context.WithValue(t.Context(), contextKey{}, 1), message, crypto.Hash(0))
		require.NoError(t, err)
		require.NoError(t, set.Scheme().Verify(key.SubjectPublicKeyInfo(), message, signature))
	}
}

// TestFIPS: where only what FIPS 140-3 approves may be used, nothing here ends the process.
func TestFIPS(t *testing.T) {
	if !testfips.Only(t) {
		return
	}
	for name, private := range map[string][]byte{"seed": choice(seedOfRFC(), nil), "expanded": choice(nil, mldsa.Expand(mldsa.MLDSA65, seedOfRFC()))} {
		key, err := mldsa.ParsePKCS8(container(mldsa.MLDSA65, 0, private))
		require.NoError(t, err, name)
		signature, err := key.Sign(nil, []byte("message"), crypto.Hash(0))
		require.NoError(t, err, name)
		require.NoError(t, mldsa.MLDSA65.Scheme().Verify(key.SubjectPublicKeyInfo(), []byte("message"), signature), name)
	}
}
