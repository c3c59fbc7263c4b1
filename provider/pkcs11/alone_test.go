//go:build unix && !signet_static

package pkcs11_test

import (
	"crypto"
	"crypto/sha256"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// carefulStage is a stage whose token has a key "careful" as well, that wants the PIN for each signature.
func carefulStage(t *testing.T) *stage {
	t.Helper()
	s := softStage(t)
	tool(t, softhsmModule(t), s.label, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "09", "--label", "careful", "--always-auth")
	return s
}

// TestAlwaysAuthenticateBesideOthers signs with a key that wants its PIN each time, on a card where the PIN counts for the
// next command only, while other keys, pings and questions about the token come from two providers.
func TestAlwaysAuthenticateBesideOthers(t *testing.T) {
	before := runtime.NumGoroutine()
	s := carefulStage(t)
	slot := slotOf(t, s.label).ID
	s.put(&slot) // or questions about the tokens of other tests would count, too
	atomic.StoreInt64(s.at(13), 1)
	p, key := s.open(t, func(c *pkcs11.Config) { c.Sessions = 8 })
	second, _ := s.open(t)
	careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	again, err := second.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	var stop atomic.Bool
	var others, wait sync.WaitGroup
	for _, ask := range []func() error{
		func() error { return s.one(t.Context(), key, "other") },
		func() error { return s.one(t.Context(), key, "another") },
		func() error { return p.Ping(t.Context()) },
		func() error { _, err := second.Diagnose(t.Context()); return err },
		func() error { _, err := pkcs11.Slots(t.Context(), s.path, ""); return err },
		func() error { _, err := second.Key(t.Context(), sign.Ref{Label: s.name}); return err },
	} {
		others.Go(func() {
			for !stop.Load() {
				if err := ask(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	logins, signs := s.count(fnLogin), atomic.Int64{}
	digest := sha256.Sum256(nil)
	for _, k := range []sign.Key{careful, careful, again} {
		wait.Go(func() {
			for range 20 {
				if _, err := k.SignContext(t.Context(), digest[:], crypto.SHA256); err != nil {
					t.Error(err)
					return
				}
				signs.Add(1)
			}
		})
	}
	wait.Wait()
	stop.Store(true)
	others.Wait()
	require.EqualValues(t, 60, signs.Load())
	require.Zero(t, atomic.LoadInt64(s.at(14)), "a call came between a login and its signature")
	require.EqualValues(t, logins+60, s.count(fnLogin), "each PIN once")
	leakFree(t, s.shim, before, p, second)
}

// TestNothingReachesTheTokenMeanwhile stops the sequence in its login and in its signature. No call of the module is made
// for anybody else then; before and after it, as many at once as there are sessions.
func TestNothingReachesTheTokenMeanwhile(t *testing.T) {
	before := runtime.NumGoroutine()
	s := carefulStage(t)
	p, key := s.open(t)
	careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	require.Empty(t, s.many(t.Context(), key, 8, 5))
	all := func() (n int64) {
		for fn := range shimFunctions {
			n += s.count(fn)
		}
		return n
	}
	for _, fn := range []int{fnLogin, fnSign} {
		atomic.StoreInt64(s.fn(fn).hang, 2)
		done, others := make(chan error), make(chan []error)
		digest := sha256.Sum256(nil)
		go func() {
			_, err := careful.SignContext(t.Context(), digest[:], crypto.SHA256)
			done <- err
		}()
		require.Eventually(t, func() bool { return atomic.LoadInt64(s.fn(fn).hanging) == 1 }, waitLong, time.Millisecond)
		calls := all()
		go func() { others <- s.many(t.Context(), key, 3, 2) }()
		pinged := make(chan error)
		go func() { pinged <- p.Ping(t.Context()) }()
		require.Eventually(t, func() bool { _, _, waiting := p.Load(); return waiting >= 1 }, waitLong, time.Millisecond)
		require.Never(t, func() bool { return all() != calls }, 100*time.Millisecond, tick)
		atomic.StoreInt64(s.fn(fn).hang, 0)
		require.NoError(t, <-done)
		require.NoError(t, <-pinged)
		require.Empty(t, <-others)
	}

	// Without such a key nobody waits for anybody.
	atomic.StoreInt64(s.fn(fnSign).hang, 1)
	others := make(chan []error)
	go func() { others <- s.many(t.Context(), key, 8, 1) }()
	require.Eventually(t, func() bool { return atomic.LoadInt64(s.fn(fnSign).hanging) == 4 }, waitLong, time.Millisecond, "one call for each session")
	atomic.StoreInt64(s.fn(fnSign).hang, 0)
	require.Empty(t, <-others)
	leakFree(t, s.shim, before, p)
}

// TestAnotherTokenGoesOn: the sequence has one token to itself, not the module.
func TestAnotherTokenGoesOn(t *testing.T) {
	s := carefulStage(t)
	_, label := newToken(t)
	tool(t, softhsmModule(t), label, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "01", "--label", "free")
	p, _ := s.open(t)
	careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	other := open(t, pkcs11.Config{Module: s.path, TokenLabel: label})
	free, err := other.Key(t.Context(), sign.Ref{Label: "free"})
	require.NoError(t, err)
	digest := sha256.Sum256(nil)
	atomic.StoreInt64(s.fn(fnSign).hang, 2)
	done := make(chan error)
	go func() {
		_, err := careful.SignContext(t.Context(), digest[:], crypto.SHA256)
		done <- err
	}()
	require.Eventually(t, func() bool { return atomic.LoadInt64(s.fn(fnSign).hanging) == 1 }, waitLong, time.Millisecond)
	_, err = free.SignContext(t.Context(), digest[:], crypto.SHA256)
	require.NoError(t, err)
	require.EqualValues(t, 1, atomic.LoadInt64(s.fn(fnSign).hanging))
	atomic.StoreInt64(s.fn(fnSign).hang, 0)
	require.NoError(t, <-done)
	require.NoError(t, p.Close())
}

// TestHungCallBesideAKeyThatWantsThePIN: a call of another session that does not come back keeps the callers of such a key no
// longer than their contexts, and others not at all for long.
func TestHungCallBesideAKeyThatWantsThePIN(t *testing.T) {
	before := runtime.NumGoroutine()
	s := carefulStage(t)
	p, key := s.open(t)
	careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	atomic.StoreInt64(s.fn(fnSign).hang, 2)
	hung := make(chan error)
	go func() { hung <- s.one(t.Context(), key, "hung") }()
	require.Eventually(t, func() bool { return atomic.LoadInt64(s.fn(fnSign).hanging) == 1 }, waitLong, time.Millisecond)
	digest := sha256.Sum256(nil)
	done := make(chan error)
	go func() {
		_, err := careful.SignContext(t.Context(), digest[:], crypto.SHA256)
		done <- err
	}()
	require.Eventually(t, func() bool { busy, _, _ := p.Load(); return busy == 2 }, waitLong, time.Millisecond)
	require.Empty(t, s.many(t.Context(), key, 3, 5), "others go on")
	atomic.StoreInt64(s.fn(fnSign).hang, 0)
	require.NoError(t, <-hung)
	require.NoError(t, <-done, "and it, when the call has come back")
	leakFree(t, s.shim, before, p)
}
