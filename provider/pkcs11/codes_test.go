//go:build unix && !signet_static

package pkcs11_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// TestBrokenUntilInitialisedAgain has signatures fail with a code that says nothing while all other calls go well, as modules
// do whose daemon was restarted. What goes well must not hide that only a new initialisation helps, not for ever.
func TestBrokenUntilInitialisedAgain(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStage(t)
	p, key := s.open(t)
	require.Empty(t, s.many(t.Context(), key, 8, 5))
	ctx, cancel := context.WithCancel(t.Context())
	var monitor sync.WaitGroup
	for range 4 {
		monitor.Go(func() {
			for ctx.Err() == nil {
				_ = p.Ping(ctx)
			}
		})
	}
	for range 5 {
		s.breakDevice(5)
		require.Empty(t, s.many(t.Context(), key, 8, 10))
	}
	cancel()
	monitor.Wait()
	leakFree(t, s.shim, before, p)
}

// TestSessionsThatDoNotTellTheLogin has a token whose sessions, but for the one that logged in, say that nobody is.
func TestSessionsThatDoNotTellTheLogin(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStage(t)
	atomic.StoreInt64(s.at(10), 1)
	p, key := s.open(t)
	other, again := s.open(t)
	require.Empty(t, s.many(t.Context(), key, 8, 10))
	require.Empty(t, s.many(t.Context(), again, 8, 10))
	require.LessOrEqual(t, s.count(fnLogin), int64(3))
	require.EqualValues(t, 1, s.count(fnInitialize))
	s.do(fnSignInit, 5, doLogout)
	require.Empty(t, s.many(t.Context(), key, 8, 10))
	leakFree(t, s.shim, before, p, other)
}

// TestMechanismRefused has a token that lists a mechanism and refuses it when it has to sign. Nothing is wrong with the token,
// so nothing is opened again, and the error says which mechanism it is and what the key can do instead.
func TestMechanismRefused(t *testing.T) {
	s := newStage(t)
	importKey(t, softhsmModule(t), s.label, testpki.New(t).Leaf(testpki.RSA2048), "02", "rsa")
	p, key := s.open(t)
	rsaKey, err := p.Key(t.Context(), sign.Ref{Label: "rsa"})
	require.NoError(t, err)
	require.Empty(t, s.many(t.Context(), key, 8, 5))
	for _, fn := range []int{fnSign, fnSignInit} {
		for _, code := range []int64{0x70, 0x71} {
			logins, inits, signs := s.count(fnLogin), s.count(fnInitialize), s.count(fn)
			s.fail(fn, 0, 1<<40, code)
			_, err = rsaKey.SignContext(t.Context(), make([]byte, 32), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
			require.ErrorIs(t, err, sign.ErrUnsupported)
			found, ok := errors.AsType[pkcs11.Code](err)
			require.True(t, ok)
			require.EqualValues(t, code, found)
			require.ErrorContains(t, err, found.Error())
			for _, part := range []string{"CKM_RSA_PKCS_PSS", map[int]string{fnSign: "C_Sign:", fnSignInit: "C_SignInit:"}[fn], "rsa-pkcs1-sha256"} {
				require.ErrorContains(t, err, part)
			}
			require.NotContains(t, err.Error(), "rsa-pss-")
			require.EqualValues(t, signs+1, s.count(fn), "once")
			s.fail(fn, 0, 0, 0)
			require.Empty(t, s.many(t.Context(), key, 8, 5))
			require.Equal(t, logins, s.count(fnLogin))
			require.Equal(t, inits, s.count(fnInitialize))
		}
	}
	leakFree(t, s.shim, runtime.NumGoroutine(), p)
}

// TestLockedPIN has a token that is locked for a while. The right PIN is not remembered as a wrong one.
func TestLockedPIN(t *testing.T) {
	s := newStage(t)
	for range 2 {
		s.fail(fnLogin, 0, 1, 0xa4)
		_, err := pkcs11.Open(t.Context(), s.config())
		require.ErrorIs(t, err, sign.ErrPIN)
		require.ErrorContains(t, err, "C_Login: CKR_PIN_LOCKED")
		require.ErrorContains(t, err, "security officer")
	}
	p, key := s.open(t)
	require.Empty(t, s.many(t.Context(), key, 4, 2))
	s.fail(fnLogin, 0, 1, 0xa0)
	require.NoError(t, p.Close())
	for _, says := range []string{"does not say how many tries are left", "refused this PIN before"} {
		_, err := pkcs11.Open(t.Context(), s.config())
		require.ErrorIs(t, err, sign.ErrPIN)
		require.ErrorContains(t, err, says)
	}
}

// TestGenerateOnTokensThatRefuse makes keys on tokens that do not take the limits on the use of a key, that lose it all
// meanwhile, and that do not make keys of the kind.
func TestGenerateOnTokensThatRefuse(t *testing.T) {
	s := newStage(t)
	p, _ := s.open(t)
	for _, code := range []int64{0x10, 0x12, 0x13, 0xd1, 0x05, 0x06} {
		made := s.count(fnGenerate)
		s.fail(fnGenerate, 0, 1, code)
		_, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.RSA2048})
		require.NoError(t, err)
		require.EqualValues(t, made+2, s.count(fnGenerate))
	}
	for _, code := range []int64{0x30, 0x101, 0xb3} {
		inits := s.count(fnInitialize)
		s.fail(fnGenerate, 0, 1, code)
		_, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.P256})
		require.NoError(t, err)
		require.LessOrEqual(t, s.count(fnInitialize), inits+1, "once, when the login has gone with the session")
	}
	made := s.count(fnGenerate)
	s.fail(fnGenerate, 0, 1, 0x130) // not the name of the curve; SoftHSM2 takes its object identifier, too
	_, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.Ed25519})
	require.NoError(t, err)
	require.EqualValues(t, made+2, s.count(fnGenerate))
	inits := s.count(fnInitialize)
	s.fail(fnGenerate, 0, 4, 5) // until the module is initialised again
	e, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.P256, Label: "new"})
	require.NoError(t, err)
	require.Equal(t, "new", e.Label)
	require.Equal(t, inits+1, s.count(fnInitialize))

	logins := s.count(fnLogin)
	for _, code := range []int64{0x70, 0x62, 0x13, 0xd1, 0x140, 0x130} {
		s.fail(fnGenerate, 0, 1<<40, code)
		_, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.RSA4096, Label: "no"})
		require.ErrorIs(t, err, sign.ErrUnsupported)
		require.ErrorContains(t, err, "rsa-4096")
	}
	require.Equal(t, logins, s.count(fnLogin))
	s.fail(fnGenerate, 0, 0, 0)
	n := 0
	for _, err := range p.Keys(t.Context()) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 1+6+3+1+1, n, "no key was made twice")
	leakFree(t, s.shim, runtime.NumGoroutine(), p)
}

func errorCode(err error) (pkcs11.Code, bool) { return errors.AsType[pkcs11.Code](err) }
