package soft_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// hanging is a signer that answers when it is told to.
type hanging struct {
	crypto.Signer
	release chan struct{}
	running atomic.Int32
	digest  atomic.Value
}

func (h *hanging) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	h.running.Add(1)
	defer h.running.Add(-1)
	<-h.release
	h.digest.Store(bytes.Clone(digest))
	return h.Signer.Sign(rand.Reader, digest, opts)
}

// TestHanging: a call that hangs holds neither its caller nor more than its place.
func TestHanging(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	synctest.Test(t, func(t *testing.T) {
		h := &hanging{Signer: id.Key, release: make(chan struct{})}
		p, err := soft.New(h, soft.Config{Certificates: id.Chain, Limit: 2})
		require.NoError(t, err)
		key, err := p.Key(t.Context(), sign.Ref{})
		require.NoError(t, err)

		digest := bytes.Repeat([]byte{7}, 32)
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			began := time.Now()
			_, err := key.SignContext(ctx, digest, crypto.SHA256)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Minute, time.Since(began))
			cancel()
		}
		require.EqualValues(t, 2, h.running.Load(), "two places, and three that waited for one")

		clear(digest)
		close(h.release)
		synctest.Wait()
		require.EqualValues(t, 0, h.running.Load())
		require.Equal(t, bytes.Repeat([]byte{7}, 32), h.digest.Load(), "the digest is its own")
		_, err = key.SignContext(t.Context(), make([]byte, 32), crypto.SHA256)
		require.NoError(t, err, "the places are free again")
	})
}

// aware is a signer that knows contexts.
type aware struct{ opaque }

func (a aware) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if ctx.Value(aware{}) == nil {
		return nil, errors.New("not the context of the caller")
	}
	return a.Sign(rand.Reader, digest, opts)
}

func TestForeignContextAndErrors(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	key, err := soft.NewKey(aware{opaque{id.Key}}, 0)
	require.NoError(t, err)
	_, err = key.SignContext(context.WithValue(t.Context(), aware{}, true), make([]byte, 32), crypto.SHA256)
	require.NoError(t, err)
	_, err = key.SignContext(t.Context(), make([]byte, 32), crypto.SHA256)
	require.ErrorIs(t, err, sign.ErrUnavailable)
	require.True(t, sign.IsKeyError(err), "it would be said to every content")

	for name, c := range map[string]struct {
		err       error
		temporary bool
	}{
		"plain":     {errors.New("access denied"), false},
		"throttled": {throttled{}, true},
		"wrapped":   {fmt.Errorf("kms: %w", throttled{}), true},
		"network":   {fmt.Errorf("kms: %w", &net.OpError{Op: "read", Err: syscall.ECONNRESET}), true},
		"says no":   {&sign.Error{Op: "kms: sign", Err: throttled{}}, false},
	} {
		key, err := soft.NewKey(failing{opaque{id.Key}, c.err}, 0)
		require.NoError(t, err)
		_, err = key.SignContext(t.Context(), make([]byte, 32), crypto.SHA256)
		require.ErrorIs(t, err, c.err, name)
		require.Equal(t, c.temporary, sign.IsTemporary(err), name)
	}
}

type throttled struct{}

func (throttled) Error() string { return "throttled" }

func (throttled) Temporary() bool { return true }

// failing is a signer with an error.
type failing struct {
	opaque
	err error
}

func (f failing) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, f.err }

// messages is a signer that makes the digest itself.
type messages struct {
	opaque
	hang chan struct{}
}

func (m messages) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("no digests")
}

func (m messages) SignMessage(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if m.hang != nil {
		<-m.hang
	}
	return crypto.SignMessage(m.opaque, random, message, opts)
}

// TestForeignMessages: a crypto.MessageSigner is given messages, with limits, contexts and refusals as for digests.
func TestForeignMessages(t *testing.T) {
	id := testpki.New(t).Leaf(testpki.P256)
	p, err := soft.New(messages{opaque: opaque{id.Key}}, soft.Config{Certificates: id.Chain, Limit: 3})
	require.NoError(t, err)
	require.Equal(t, 3, p.Limit())
	signer, err := sign.Open(t.Context(), p, sign.Ref{})
	require.NoError(t, err)
	signature, err := signer.Sign(t.Context(), []byte("message"))
	require.NoError(t, err)
	require.NoError(t, signer.Verify([]byte("message"), signature))
	key, err := p.Key(t.Context(), sign.Ref{})
	require.NoError(t, err)
	_, err = key.SignContext(t.Context(), make([]byte, 32), crypto.SHA256)
	require.ErrorContains(t, err, "no digests")
	for _, opts := range []crypto.SignerOpts{nil, crypto.Hash(0), crypto.MD5, (*rsa.PSSOptions)(nil)} {
		_, err = sign.SignMessage(t.Context(), key, []byte("message"), opts)
		require.Error(t, err)
		require.NotErrorIs(t, err, sign.ErrUnavailable)
	}
	require.NoError(t, p.Close())
	_, err = signer.Sign(t.Context(), []byte("message"))
	require.ErrorIs(t, err, sign.ErrUnavailable)

	hanging, err := soft.NewKey(messages{opaque{id.Key}, make(chan struct{})}, 1)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = sign.SignMessage(ctx, hanging, []byte("message"), crypto.SHA256)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	plain, err := soft.NewKey(opaque{id.Key}, 1)
	require.NoError(t, err)
	_, ok := plain.(sign.MessageKey)
	require.False(t, ok, "no such signer, no such key")
}

type panickySigner struct{ crypto.Signer }

func (panickySigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	panic("the driver is broken")
}

type exitingSigner struct{ crypto.Signer }

func (exitingSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	runtime.Goexit()
	return nil, nil
}

// TestForeignSignerEndsGoroutine makes an error of that, too, for whoever waits has a context that may never end.
func TestForeignSignerEndsGoroutine(t *testing.T) {
	key, err := soft.NewKey(exitingSigner{testpki.New(t).Leaf(testpki.P256).Key}, 1)
	require.NoError(t, err)
	for range 3 {
		_, err = key.SignContext(context.Background(), make([]byte, 32), crypto.SHA256)
		require.ErrorIs(t, err, sign.ErrGoexit)
	}
}

// TestForeignSignerPanics makes an error of it: the goroutine of the call is nobody else's to guard.
func TestForeignSignerPanics(t *testing.T) {
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	key, err := soft.NewKey(panickySigner{id.Key}, 1)
	require.NoError(t, err)
	for range 3 { // the place is given back
		_, err = key.SignContext(t.Context(), make([]byte, 32), crypto.SHA256)
		require.ErrorContains(t, err, "panic: the driver is broken")
		require.False(t, sign.IsKeyError(err), "it says nothing of the next call")
	}
}
