//go:build cgo && unix

package pkcs11_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// stage is a token behind a shim, with one P-256 key.
type stage struct {
	*shim
	label string
	id    testpki.Identity

	slowest atomic.Int64 // call, nanoseconds
}

func newStage(t testing.TB) *stage {
	t.Helper()
	module, label := newToken(t)
	id := testpki.New(t).Leaf(testpki.P256)
	importKey(t, module, label, id, "01", "seal")
	return &stage{shim: newShim(t, module), label: label, id: id}
}

func (s *stage) config() pkcs11.Config {
	return pkcs11.Config{Module: s.path, TokenLabel: s.label, PIN: pin(goodPIN), Sessions: 4, Recover: 20 * time.Second}
}

func (s *stage) open(t testing.TB, bend ...func(*pkcs11.Config)) (*pkcs11.Provider, sign.Key) {
	t.Helper()
	config := s.config()
	for _, b := range bend {
		b(&config)
	}
	p, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	key, err := p.Key(t.Context(), sign.Ref{Label: "seal"})
	require.NoError(t, err)
	return p, key
}

// one makes a signature and verifies it with the standard library.
func (s *stage) one(ctx context.Context, key sign.Key, message string) error {
	digest := sha256.Sum256([]byte(message))
	start := time.Now()
	signature, err := key.SignContext(ctx, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	for took := int64(time.Since(start)); ; {
		slowest := s.slowest.Load()
		if took <= slowest || s.slowest.CompareAndSwap(slowest, took) {
			break
		}
	}
	if !ecdsa.VerifyASN1(s.id.Certificate().PublicKey.(*ecdsa.PublicKey), digest[:], signature) {
		return errors.New("the signature is not good")
	}
	return nil
}

// many makes signatures from several goroutines and returns the errors. Every second caller has a context that cannot end,
// and signs on its own goroutine if it can.
func (s *stage) many(ctx context.Context, key sign.Key, callers, each int) []error {
	return s.manyUnder([2]context.Context{ctx, context.WithoutCancel(ctx)}, key, callers, each)
}

func (s *stage) manyUnder(ctx [2]context.Context, key sign.Key, callers, each int) []error {
	var mu sync.Mutex
	var failures []error
	var wait sync.WaitGroup
	for caller := range callers {
		wait.Go(func() {
			for i := range each {
				if err := s.one(ctx[caller%2], key, fmt.Sprintf("%d/%d", caller, i)); err != nil {
					mu.Lock()
					failures = append(failures, err)
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	return failures
}

// leakFree closes the provider and checks that neither goroutines nor sessions are left.
func leakFree(t testing.TB, s *shim, goroutines int, closers ...interface{ Close() error }) {
	t.Helper()
	for _, c := range closers {
		err := c.Close()
		if s == nil && err != nil && strings.Contains(err.Error(), "has not returned") {
			t.Log(err) // see below
			continue
		}
		require.NoError(t, err)
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines; runtime.Gosched() {
		if time.Now().After(end) {
			buffer := make([]byte, 1<<20)
			stacks := string(buffer[:runtime.Stack(buffer, true)])
			if hung := strings.Count(stacks, "._Cfunc_sg_sign("); s == nil && hung > 0 && runtime.NumGoroutine()-hung <= goroutines {
				t.Logf("%d calls never came back from the module", hung) // and a goroutine cannot leave C
				return
			}
			t.Fatalf("%d goroutines are left, there were %d\n%s", runtime.NumGoroutine(), goroutines, stacks)
		}
	}
	if s != nil {
		require.Zero(t, s.sessions(), "sessions are left")
	}
}

func TestFaults(t *testing.T) {
	for _, f := range []struct {
		name string
		bend func(s *stage)
	}{
		{"all sessions closed by another part of the process", func(s *stage) { s.do(fnSignInit, 50, doCloseAll) }},
		{"logged out by another part of the process", func(s *stage) { s.do(fnSignInit, 50, doLogout) }},
		{"finalized by another part of the process", func(s *stage) { s.do(fnSignInit, 50, doFinalize) }},
		{"fork of another process", func(s *stage) { s.do(fnSignInit, 50, doFork) }},
		{"device error in C_Sign", func(s *stage) { s.fail(fnSign, 50, 2, 0x30) }},
		{"device error everywhere for a while", func(s *stage) {
			s.fail(fnSign, 50, 2, 0x30)
			s.fail(fnOpenSession, 0, 5, 0x30)
			s.fail(fnInitialize, 0, 2, 0x30)
		}},
		{"token removed and put in again", func(s *stage) { s.fail(fnSignInit, 50, 2, 0x32); s.fail(fnOpenSession, 0, 3, 0xe0) }},
		{"session handle invalid", func(s *stage) { s.fail(fnSignInit, 50, 1, 0xb3) }},
		{"user not logged in", func(s *stage) { s.fail(fnSignInit, 50, 2, 0x101) }},
		{"general error once", func(s *stage) { s.fail(fnSign, 50, 1, 5) }},
		{"general error until it is initialised again", func(s *stage) { s.breakDevice(5) }},
		{"host memory once", func(s *stage) { s.fail(fnSignInit, 50, 1, 2) }},
		{"operation active", func(s *stage) { s.fail(fnSignInit, 50, 2, 0x90) }},
		{"cryptoki not initialized", func(s *stage) { s.fail(fnSignInit, 50, 1, 0x190) }},
	} {
		t.Run(f.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			s := newStage(t)
			p, key := s.open(t)
			require.Empty(t, s.many(t.Context(), key, 8, 5))
			logins, inits := s.count(fnLogin), s.count(fnInitialize)
			f.bend(s)
			s.slowest.Store(0)
			require.Empty(t, s.many(t.Context(), key, 8, 25))
			t.Logf("200 of 200 signed; the longest call took %v; %d logins, %d C_Initialize",
				time.Duration(s.slowest.Load()).Round(100*time.Microsecond), s.count(fnLogin)-logins, s.count(fnInitialize)-inits)
			require.LessOrEqual(t, s.mostSessions(), int64(5)) // Config.Sessions, and one during a recovery
			leakFree(t, s.shim, before, p)
		})
	}
}

func TestSignatureOfAnotherKeyIsNotHandedOut(t *testing.T) {
	s := newStage(t)
	importKey(t, softhsmModule(t), s.label, testpki.New(t).Leaf(testpki.P256), "02", "other")
	p, key := s.open(t)
	_, err := p.Key(t.Context(), sign.Ref{Label: "other"})
	require.NoError(t, err)
	// SoftHSM numbers objects as they are found. Whatever the numbers are: each stands for every other for a while.
	swapped := false
	for from := int64(1); from < 12 && !swapped; from++ {
		for to := int64(1); to < 12 && !swapped; to++ {
			if from == to {
				continue
			}
			s.swap(from, to, 1)
			inits := s.count(fnSignInit)
			require.NoError(t, s.one(t.Context(), key, "message"))
			swapped = s.count(fnSignInit) > inits+1
		}
	}
	require.True(t, swapped, "no signature was made by another key")
	s.swap(0, 0, 0)
	require.NoError(t, p.Close())
}

func TestTokenInitialisedAgain(t *testing.T) {
	s := newStage(t)
	p, key := s.open(t, func(c *pkcs11.Config) { c.Recover = 2 * time.Second })
	require.Empty(t, s.many(t.Context(), key, 4, 5))
	run(t, "softhsm2-util", "--init-token", "--token", s.label, "--label", s.label, "--so-pin", soPIN, "--pin", goodPIN)
	err := s.one(t.Context(), key, "message")
	require.ErrorIs(t, err, sign.ErrKeyNotFound)
	require.True(t, sign.IsKeyError(err))
	importKey(t, softhsmModule(t), s.label, s.id, "01", "seal")
	require.NoError(t, s.one(t.Context(), key, "message"), "the same key is there again")
	leakFree(t, s.shim, runtime.NumGoroutine(), p)
}

func TestHungCallKeepsNoCaller(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStage(t)
	p, key := s.open(t)
	sign := s.fn(fnSign)
	atomic.StoreInt64(sign.hang, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	failures := s.manyUnder([2]context.Context{ctx, ctx}, key, 100, 1)
	require.Len(t, failures, 100)
	for _, err := range failures {
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.EqualValues(t, 4, atomic.LoadInt64(sign.hanging), "no more calls hang than there are sessions")
	atomic.StoreInt64(sign.hang, 0)
	require.Empty(t, s.many(t.Context(), key, 8, 10), "it works again")
	leakFree(t, s.shim, before, p)
}

// TestHungCallWhenTheTokenIsLost has one call hang while all others say that the token is gone. The module is initialised
// again in spite of it, and the signature of the call is made by another session.
func TestHungCallWhenTheTokenIsLost(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStage(t)
	p, key := s.open(t)
	hung := s.hangAndLose(t, t.Context(), key)
	require.NoError(t, <-hung)
	require.EqualValues(t, 1, atomic.LoadInt64(s.fn(fnSign).hanging), "it still hangs in the module")
	require.Empty(t, s.many(t.Context(), key, 8, 10))
	require.ErrorIs(t, p.Close(), sign.ErrUnavailable, "the module is not finalised under the call")
	atomic.StoreInt64(s.fn(fnSign).hang, 0)
	leakFree(t, s.shim, before)
}

// TestHungCallOnTheCallersGoroutine hangs a call whose caller cannot leave. When it comes back, its module was initialised
// again, and the call is made again.
func TestHungCallOnTheCallersGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStage(t)
	p, key := s.open(t)
	hung := s.hangAndLose(t, context.Background(), key)
	require.EqualValues(t, 1, atomic.LoadInt64(s.fn(fnSign).hanging), "it still hangs in the module")
	atomic.StoreInt64(s.fn(fnSign).hang, 0)
	require.NoError(t, <-hung)
	leakFree(t, s.shim, before, p)
}

// hangAndLose has one call hang, and takes the token away until the module is initialised again. Other callers sign before
// and after that. It returns what becomes of the call.
func (s *stage) hangAndLose(t *testing.T, ctx context.Context, key sign.Key) <-chan error {
	t.Helper()
	require.Empty(t, s.many(t.Context(), key, 4, 5))
	atomic.StoreInt64(s.fn(fnSign).hang, 2)
	hung := make(chan error)
	go func() { hung <- s.one(ctx, key, "hung") }()
	for atomic.LoadInt64(s.fn(fnSign).hanging) == 0 {
		runtime.Gosched()
	}
	inits := s.count(fnInitialize)
	s.fail(fnSignInit, 0, 1, 0x30)
	s.fail(fnOpenSession, 0, 1<<40, 0x30)
	go func() {
		for s.count(fnInitialize) == inits {
			runtime.Gosched()
		}
		s.fail(fnOpenSession, 0, 0, 0)
	}()
	require.Empty(t, s.many(t.Context(), key, 8, 10))
	return hung
}

func TestCloseDoesNotWaitForAHungCall(t *testing.T) {
	s := newStage(t)
	p, key := s.open(t)
	atomic.StoreInt64(s.fn(fnSign).hang, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, s.one(ctx, key, "message"))
	require.ErrorIs(t, p.Close(), sign.ErrUnavailable)
	atomic.StoreInt64(s.fn(fnSign).hang, 0)
	require.Eventually(t, func() bool { return s.sessions() == 0 }, 5*time.Second, time.Millisecond)
	_, err := pkcs11.Open(t.Context(), s.config())
	require.NoError(t, err)
}

func TestMoreCallersThanSessions(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStage(t)
	atomic.StoreInt64(s.maxSessions(), 2) // the token says nothing of it
	p, key := s.open(t, func(c *pkcs11.Config) { c.Sessions = 16 })
	require.Empty(t, s.many(t.Context(), key, 64, 10))
	require.EqualValues(t, 2, s.mostSessions())
	leakFree(t, s.shim, before, p)
}

func TestNoReadOnlySessions(t *testing.T) {
	s := newStage(t)
	atomic.StoreInt64(s.at(8), 6) // CKR_FUNCTION_FAILED
	p, key := s.open(t)
	require.Empty(t, s.many(t.Context(), key, 8, 5))
	s.do(fnSignInit, 5, doCloseAll)
	require.Empty(t, s.many(t.Context(), key, 8, 5))
	leakFree(t, s.shim, runtime.NumGoroutine(), p)
}

func TestTenThousandCallers(t *testing.T) {
	s := newStage(t)
	p, key := s.open(t)
	require.Empty(t, s.many(t.Context(), key, 8, 5))
	atomic.StoreInt64(s.fn(fnSign).hang, 1)
	var m0, m1 runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan []error)
	go func() { done <- s.manyUnder([2]context.Context{ctx, ctx}, key, 10_000, 1) }()
	require.Eventually(t, func() bool { return runtime.NumGoroutine() >= 10_000 }, 20*time.Second, time.Millisecond)
	time.Sleep(50 * time.Millisecond) // until they have come as far as they come
	runtime.ReadMemStats(&m1)
	used := int64(m1.HeapAlloc+m1.StackInuse) - int64(m0.HeapAlloc+m0.StackInuse)
	t.Logf("10,000 callers that wait: %.1f MB", float64(used)/1e6)
	require.Less(t, used, int64(100e6))
	cancel()
	<-done
	atomic.StoreInt64(s.fn(fnSign).hang, 0)
	require.NoError(t, p.Close())
}

func TestWrongPIN(t *testing.T) {
	t.Run("64 providers at once", func(t *testing.T) {
		s := newStage(t)
		var wait sync.WaitGroup
		for range 64 {
			wait.Go(func() {
				config := s.config()
				config.PIN = pin(wrongPIN)
				_, err := pkcs11.Open(t.Context(), config)
				if !errors.Is(err, sign.ErrPIN) {
					t.Errorf("not ErrPIN: %v", err)
				}
			})
		}
		wait.Wait()
		require.EqualValues(t, 1, s.count(fnLogin))
		p, err := pkcs11.Open(t.Context(), s.config())
		require.NoError(t, err, "the right PIN is taken")
		leakFree(t, s.shim, runtime.NumGoroutine(), p)
	})
	t.Run("64 callers after the PIN was changed", func(t *testing.T) {
		before := runtime.NumGoroutine()
		s := newStage(t)
		var now atomic.Value
		now.Store(goodPIN)
		p, key := s.open(t, func(c *pkcs11.Config) {
			c.PIN = func(context.Context, string) (sign.Secret, error) {
				return sign.NewSecret([]byte(now.Load().(string))), nil
			}
		})
		require.Empty(t, s.many(t.Context(), key, 8, 2))
		logins := s.count(fnLogin)
		now.Store(wrongPIN)
		s.do(fnSignInit, 0, doLogout)
		failures := s.many(t.Context(), key, 64, 3)
		require.Len(t, failures, 64*3)
		for _, err := range failures {
			require.ErrorIs(t, err, sign.ErrPIN)
			require.True(t, sign.IsKeyError(err))
		}
		require.Contains(t, failures[0].Error(), "wrong try")
		require.NotContains(t, failures[0].Error(), wrongPIN)
		require.EqualValues(t, logins+1, s.count(fnLogin), "one try")
		leakFree(t, s.shim, before, p)
	})
}

func TestTwoProvidersOnOneModule(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStage(t)
	a, keyA := s.open(t)
	b, keyB := s.open(t)
	require.EqualValues(t, 1, s.count(fnLogin))
	require.EqualValues(t, 1, s.count(fnInitialize))
	done := make(chan []error)
	go func() { done <- s.many(t.Context(), keyB, 4, 100) }()
	require.Empty(t, s.many(t.Context(), keyA, 4, 20))
	require.NoError(t, a.Close())
	require.Empty(t, <-done)
	require.ErrorIs(t, s.one(t.Context(), keyA, "message"), sign.ErrUnavailable)
	require.NoError(t, s.one(t.Context(), keyB, "message"))

	// When one of them initialises the module again, the other one notices.
	c, keyC := s.open(t)
	s.do(fnSignInit, 0, doFinalize)
	require.Empty(t, s.many(t.Context(), keyB, 4, 20))
	require.Empty(t, s.many(t.Context(), keyC, 4, 20))
	leakFree(t, s.shim, before, b, c)
}

func TestProcessesStartedMeanwhile(t *testing.T) {
	s := newStage(t)
	p, key := s.open(t)
	done := make(chan []error)
	go func() { done <- s.many(t.Context(), key, 4, 200) }()
	for range 20 {
		require.NoError(t, exec.Command("true").Run())
	}
	require.Empty(t, <-done)
	leakFree(t, s.shim, runtime.NumGoroutine(), p)
}

func TestTokenThatDoesNotComeBack(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStage(t)
	p, key := s.open(t, func(c *pkcs11.Config) { c.Recover = 300 * time.Millisecond })
	require.NoError(t, s.one(t.Context(), key, "message"))
	s.fail(fnSignInit, 0, 1<<40, 0x32)
	s.fail(fnOpenSession, 0, 1<<40, 0xe0)
	start := time.Now()
	failures := s.many(t.Context(), key, 16, 1)
	require.Less(t, time.Since(start), 5*time.Second)
	require.Len(t, failures, 16)
	for _, err := range failures {
		require.ErrorIs(t, err, sign.ErrUnavailable)
		require.True(t, sign.IsKeyError(err), "a batch stops when the time is over: %v", err)
	}
	require.ErrorIs(t, p.Ping(t.Context()), sign.ErrUnavailable)
	s.fail(fnSignInit, 0, 0, 0)
	s.fail(fnOpenSession, 0, 0, 0)
	require.Eventually(t, func() bool { return s.one(t.Context(), key, "message") == nil }, 5*time.Second, 20*time.Millisecond,
		"it works again by itself when the token is back")
	require.NoError(t, p.Ping(t.Context()))
	leakFree(t, s.shim, before, p)
}

const (
	waitLong = 10 * time.Second
	tick     = 20 * time.Millisecond
)
