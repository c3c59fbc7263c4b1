//go:build unix && !signet_static

package pkcs11_test

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

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
			// Config.Sessions, one during a recovery, and one that was called invalid and is not.
			require.LessOrEqual(t, s.mostSessions(), int64(6))
			leakFree(t, s.shim, before, p)
		})
	}
}

func TestTokenInitialisedAgain(t *testing.T) {
	s := softStage(t)
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

// TestOpenAndClose opens and closes the token many times; some modules take it ill when two sessions are closed at once.
func TestOpenAndClose(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStage(t)
	for range 50 {
		p, key := s.open(t, func(c *pkcs11.Config) { c.Sessions = 8 })
		require.Empty(t, s.many(t.Context(), key, 16, 1))
		require.NoError(t, p.Close())
	}
	leakFree(t, s.shim, before)
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
	p, err := pkcs11.Open(t.Context(), s.config())
	require.NoError(t, err)
	require.NoError(t, p.Close())
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
		wrong, logins := s.wrongPIN(t), s.count(fnLogin)
		var wait sync.WaitGroup
		var asked atomic.Int64 // by the token, whose code is in the error
		for range 64 {
			wait.Go(func() {
				config := s.config()
				config.PIN = pin(wrong)
				_, err := pkcs11.Open(t.Context(), config)
				code, ok := errors.AsType[pkcs11.Code](err)
				if !errors.Is(err, sign.ErrPIN) && (s.given == nil || code != 0xb1) { // YubiKeys have 16 sessions
					t.Errorf("not ErrPIN: %v", err)
				}
				if ok && code == 0xa0 {
					asked.Add(1)
				}
			})
		}
		wait.Wait()
		require.EqualValues(t, 1, s.count(fnLogin)-logins)
		require.EqualValues(t, 1, asked.Load())
		p, err := pkcs11.Open(t.Context(), s.config())
		require.NoError(t, err, "the right PIN is taken")
		leakFree(t, s.shim, runtime.NumGoroutine(), p)
	})
	t.Run("64 callers after the PIN was changed", func(t *testing.T) {
		before := runtime.NumGoroutine()
		s := newStage(t)
		var now atomic.Value
		now.Store(s.goodPIN(t))
		p, key := s.open(t, func(c *pkcs11.Config) {
			c.PIN = func(context.Context, pkcs11.PINRequest) (sign.Secret, error) {
				return sign.NewSecret([]byte(now.Load().(string))), nil
			}
		})
		require.Empty(t, s.many(t.Context(), key, 8, 2))
		logins := s.count(fnLogin)
		now.Store(s.wrongPIN(t))
		if s.given == nil {
			s.do(fnSignInit, 0, doLogout)
		} else {
			s.do(fnSignInit, 0, doFinalize) // OpenSC keeps the PIN over a logout, and gives it to the card by itself
		}
		failures := s.many(t.Context(), key, 64, 3)
		require.Len(t, failures, 64*3)
		for _, err := range failures {
			require.ErrorIs(t, err, sign.ErrPIN)
			require.True(t, sign.IsKeyError(err))
		}
		if s.given == nil { // others may have no flags for it
			require.Contains(t, failures[0].Error(), "wrong try")
		}
		require.NotContains(t, failures[0].Error(), s.wrongPIN(t))
		if s.given == nil {
			require.EqualValues(t, logins+1, s.count(fnLogin), "one try")
		} else { // by the same token, the PIN was refused above already
			require.LessOrEqual(t, s.count(fnLogin), logins+1, "one try")
		}
		leakFree(t, s.shim, before, p)
	})
}

func TestTwoProvidersOnOneModule(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStage(t)
	logins, inits := s.count(fnLogin), s.count(fnInitialize)
	a, keyA := s.open(t)
	b, keyB := s.open(t)
	require.EqualValues(t, 1, s.count(fnLogin)-logins)
	require.EqualValues(t, 1, s.count(fnInitialize)-inits)
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
		code, ok := errors.AsType[pkcs11.Code](err)
		require.True(t, ok && (code == 0x32 || code == 0xe0), "%v", err)
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

// TestHungClose has a module that does not come back from C_CloseSession of sessions that have failed. They are left behind, and neither
// their callers nor other sessions wait for them.
func TestHungClose(t *testing.T) {
	before := runtime.NumGoroutine()
	s := softStage(t)
	p, key := s.open(t, func(c *pkcs11.Config) { c.Sessions = 3 })
	require.Empty(t, s.many(t.Context(), key, 8, 5))
	atomic.StoreInt64(s.fn(fnCloseSession).hang, 1)
	s.fail(fnSign, 0, 3, 0x30)
	ctx, cancel := context.WithTimeout(t.Context(), waitLong)
	defer cancel()
	done := make(chan []error, 1)
	go func() { done <- s.many(ctx, key, 8, 5) }()
	select {
	case failures := <-done:
		require.Empty(t, failures)
	case <-ctx.Done():
		t.Error("callers wait for a session that is closed")
	}
	require.Positive(t, atomic.LoadInt64(s.fn(fnCloseSession).hanging))
	atomic.StoreInt64(s.fn(fnCloseSession).hang, 0)
	leakFree(t, s.shim, before, p)
}
