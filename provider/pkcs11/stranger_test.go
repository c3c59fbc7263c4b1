//go:build unix && !signet_static

package pkcs11_test

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// strangerPIN is that of the second card, which nobody gives.
const strangerPIN = "5678"

// readerStage is a stage with one reader, a card in it that a config need not name, and another card with a key of the
// same name.
func readerStage(t *testing.T) (s *stage, own, other uint) {
	t.Helper()
	s = softStage(t)
	return s.reader(t, "other of "+s.label)
}

// reader puts the card of a stage into a reader, and makes another one with a label.
func (s *stage) reader(t *testing.T, label string) (_ *stage, own, other uint) {
	t.Helper()
	own = slotOf(t, s.label).ID
	run(t, "softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", soPIN, "--pin", strangerPIN)
	other = slotOf(t, label, own).ID
	s.put(&own)
	return s, own, other
}

// slotOf finds a token, which is not in one of some slots, with a copy of the module that nobody else has open, so that it is
// read anew.
func slotOf(t *testing.T, label string, but ...uint) pkcs11.Slot {
	t.Helper()
	slots, err := pkcs11.Slots(t.Context(), newShim(t, softhsmModule(t)).path, "")
	require.NoError(t, err)
	for _, slot := range slots {
		if slot.Token != nil && slot.Token.Label == label && !slices.Contains(but, slot.ID) {
			return slot
		}
	}
	t.Fatalf("no token %s", label)
	return pkcs11.Slot{}
}

// TestAnotherCard has a card taken out while it is used, and another one put in. The second is not given the PIN of the
// first, and when the first is back, everything goes on.
func TestAnotherCard(t *testing.T) {
	for name, bend := range map[string]func(c *pkcs11.Config){
		"a config that names no token": func(c *pkcs11.Config) { c.TokenLabel = "" },
		"one that both are meant by": func(c *pkcs11.Config) {
			c.TokenLabel, c.TokenModel = "", "SoftHSM v2"
		},
		"one that names the slot": func(c *pkcs11.Config) {
			slot := uint(7)
			c.TokenLabel, c.Slot = "", &slot
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			s, own, other := readerStage(t)
			p, key := s.open(t, bend, func(c *pkcs11.Config) { c.Recover = 300 * time.Millisecond })
			require.Empty(t, s.many(t.Context(), key, 8, 5))
			for range 2 {
				logins := s.count(fnLogin)
				s.put(&other)
				for _, err := range s.many(t.Context(), key, 8, 1) {
					require.ErrorIs(t, err, sign.ErrUnavailable)
					require.NotErrorIs(t, err, sign.ErrPIN)
					require.ErrorContains(t, err, `another token is there: "other of `+s.label)
				}
				require.ErrorIs(t, p.Ping(t.Context()), sign.ErrUnavailable)
				_, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.P256})
				require.ErrorIs(t, err, sign.ErrUnavailable)
				require.Equal(t, logins, s.count(fnLogin), "C_Login")
				require.False(t, slotOf(t, "other of "+s.label).Token.PINCountLow, "a wrong PIN was tried")

				s.put(&own)
				require.Eventually(t, func() bool { return s.one(t.Context(), key, "message") == nil }, waitLong, tick)
				require.Empty(t, s.many(t.Context(), key, 8, 5))
			}
			leakFree(t, s.shim, before, p)
		})
	}
	t.Run("one of the same label", func(t *testing.T) {
		s := softStage(t)
		s, own, other := s.reader(t, s.label)
		p, key := s.open(t, func(c *pkcs11.Config) { c.Recover = 300 * time.Millisecond })
		require.Empty(t, s.many(t.Context(), key, 8, 5))
		logins := s.count(fnLogin)
		s.put(&other)
		err := s.one(t.Context(), key, "message")
		require.ErrorIs(t, err, sign.ErrUnavailable)
		require.ErrorContains(t, err, "another token is there")
		require.ErrorIs(t, p.Ping(t.Context()), sign.ErrUnavailable)
		require.Equal(t, logins, s.count(fnLogin), "C_Login")
		require.False(t, slotOf(t, s.label, own).Token.PINCountLow, "a wrong PIN was tried")
		s.put(&own)
		require.Eventually(t, func() bool { return s.one(t.Context(), key, "message") == nil }, waitLong, tick)
		require.NoError(t, p.Close())
	})
	t.Run("waited out", func(t *testing.T) {
		before := runtime.NumGoroutine()
		s, own, other := readerStage(t)
		p, key := s.open(t, func(c *pkcs11.Config) { c.TokenLabel = "" })
		logins, looks := s.count(fnLogin), s.count(fnTokenInfo)
		s.put(&other)
		done := make(chan []error)
		go func() { done <- s.many(t.Context(), key, 8, 5) }()
		require.Eventually(t, func() bool { return s.count(fnTokenInfo) > looks+5 }, waitLong, time.Millisecond)
		require.Equal(t, logins, s.count(fnLogin))
		s.put(&own)
		require.Empty(t, <-done)
		leakFree(t, s.shim, before, p)
	})
}

// TestModuleThatDoesNotLookAgain changes the card under a module that goes on telling what it has read of the first, as ykcs11
// 2.7.1 does. The second is not given a PIN all the same.
func TestModuleThatDoesNotLookAgain(t *testing.T) {
	before := runtime.NumGoroutine()
	s, own, other := readerStage(t)
	s.remember()
	p, key := s.open(t, func(c *pkcs11.Config) { c.TokenLabel, c.Recover = "", 300*time.Millisecond })
	for range 2 {
		require.Empty(t, s.many(t.Context(), key, 4, 2))
		time.Sleep(300 * time.Millisecond) // a module that was initialised just now is believed
		logins := s.count(fnLogin)
		s.put(&other)
		for _, err := range s.many(t.Context(), key, 4, 1) {
			require.ErrorIs(t, err, sign.ErrUnavailable)
		}
		require.Equal(t, logins, s.count(fnLogin), "C_Login")
		s.put(&own)
		require.Eventually(t, func() bool { return s.one(t.Context(), key, "message") == nil }, waitLong, tick)
	}
	leakFree(t, s.shim, before, p)
}

// TestAnotherCardWhileThePINIsEntered changes the card under a person who enters the PIN: of the card that was opened, when
// it is opened and after it was lost.
func TestAnotherCardWhileThePINIsEntered(t *testing.T) {
	before := runtime.NumGoroutine()
	s, own, other := readerStage(t)
	var change atomic.Bool
	asks := func(c *pkcs11.Config) {
		c.TokenLabel, c.Recover = "", -1
		c.PIN = func(context.Context, pkcs11.PINRequest) (sign.Secret, error) {
			if change.Swap(false) {
				s.put(&other)
			}
			return sign.NewSecret([]byte(goodPIN)), nil
		}
	}
	change.Store(true)
	config := s.config()
	asks(&config)
	_, err := pkcs11.Open(t.Context(), config)
	require.ErrorIs(t, err, sign.ErrUnavailable)
	require.Zero(t, s.count(fnLogin))

	s.put(&own)
	p, key := s.open(t, asks)
	logins := s.count(fnLogin)
	change.Store(true)
	s.do(fnSignInit, 0, doLogout)
	require.ErrorIs(t, s.one(t.Context(), key, "message"), sign.ErrUnavailable)
	require.Equal(t, logins, s.count(fnLogin))
	s.put(&own)
	require.Eventually(t, func() bool { return s.one(t.Context(), key, "message") == nil }, waitLong, tick)
	leakFree(t, s.shim, before, p)
}

// TestNothingIsWrittenToAnotherCard changes the card when no session with the first has noticed, on a token without a login.
func TestNothingIsWrittenToAnotherCard(t *testing.T) {
	s, own, other := readerStage(t)
	p, _ := s.open(t, func(c *pkcs11.Config) { c.TokenLabel, c.Recover = "", -1 })
	id := testpki.New(t).LeafOf(s.id.Key, "renewed")
	s.put(&other)
	require.ErrorIs(t, p.ImportCertificate(t.Context(), id.Certificate(), []*x509.Certificate{}...), sign.ErrUnavailable)
	s.put(&own)
	require.Eventually(t, func() bool { return p.ImportCertificate(t.Context(), id.Certificate()) == nil }, waitLong, tick)
	require.NoError(t, p.Close())
}

// TestTheOnlyOneThatCanBeRead has two tokens, of which one cannot be read just then, and a config that names none. The other one may
// not be the one that is meant, and is not given the PIN. A slot without a token, or one that is not known, is no such thing.
func TestTheOnlyOneThatCanBeRead(t *testing.T) {
	softhsmModule(t)
	if os.Getenv("SIGNET_TEST_MODULE") != "" {
		t.Skip("SKIPPED: not for a module that was given")
	}
	dir, err := os.MkdirTemp(softHSM.dir, "two-")
	require.NoError(t, err)
	conf := filepath.Join(dir, "softhsm2.conf")
	require.NoError(t, os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nobjectstore.backend = file\n"), 0o600))
	t.Setenv("SOFTHSM2_CONF", conf)
	for _, label := range []string{"own", "other"} {
		run(t, "softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", soPIN, "--pin", goodPIN)
	}
	s := newShim(t, softhsmModule(t))
	config := pkcs11.Config{Module: s.path, PIN: pin(goodPIN), Recover: -1}
	for _, code := range []int64{0x05, 0x30, 0xe1} {
		for first := range int64(2) {
			s.fail(fnTokenInfo, first, 1, code)
			p, err := pkcs11.Open(t.Context(), config)
			if code == 0xe1 {
				require.NoError(t, err)
				require.NoError(t, p.Close())
				continue
			}
			require.ErrorIs(t, err, sign.ErrUnavailable)
			require.ErrorContains(t, err, "name the token")
			require.Zero(t, s.count(fnLogin))
		}
	}
	for _, bend := range []func(*pkcs11.Config){func(c *pkcs11.Config) { c.PIN = nil }, func(c *pkcs11.Config) { c.TokenLabel = "own" }} {
		own := config
		bend(&own)
		slots, err := pkcs11.Slots(t.Context(), s.path, "")
		require.NoError(t, err)
		s.fail(fnTokenInfo, int64(slices.IndexFunc(slots, func(s pkcs11.Slot) bool { return s.Token.Label != "own" && s.Token.Initialized })), 1, 0x30)
		p, err := pkcs11.Open(t.Context(), own)
		require.NoError(t, err)
		require.NoError(t, p.Close())
	}
}

// TestExchangedSlots has two cards change places under sessions that go on. It is the card in the slot of the session that may get the
// PIN, wherever the one that was opened is by now.
func TestExchangedSlots(t *testing.T) {
	s := carefulStage(t)
	own := slotOf(t, s.label).ID
	other := "other of " + s.label
	run(t, "softhsm2-util", "--init-token", "--free", "--label", other, "--so-pin", soPIN, "--pin", strangerPIN)
	p, key := s.open(t)
	careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	// A fast key may be done before many sessions are needed.
	open := 0
	for range 100 {
		require.Empty(t, s.many(t.Context(), key, 8, 20))
		if _, open, _ = p.Load(); open > 2 {
			break
		}
	}
	require.Greater(t, open, 2)
	s.exchange(own, slotOf(t, other).ID)
	for range 20 {
		require.NoError(t, signOnce(t, careful))
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 4 {
				if err := signOnce(t, careful); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	require.Zero(t, s.lateLogins())
	require.NoError(t, p.Close())
}
