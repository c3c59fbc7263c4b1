//go:build linux && !signet_static

package pkcs11_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testcard"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

const (
	cardPIN      = "123456"
	wrongCardPIN = "654321"
	// CKA_IDs that opensc-pkcs11 and ykcs11 give the keys of slots 9A and 9C.
	cardAuthentication = "\x01"
	cardSignature      = "\x02"
)

// cardStack is a program's way to a card: module, pcscd, reader.
type cardStack struct {
	*testcard.Daemon
	module string
	rude   bool // the module survives commands that fail in their midst
	pki    *testpki.PKI
}

// cardModules are those for PIV cards.
var cardModules = []struct {
	name, install string
	paths         []string
}{
	{"opensc", "apt-get install opensc-pkcs11", []string{"/usr/lib/*/opensc-pkcs11.so", "/usr/lib*/opensc-pkcs11.so"}},
	{"ykcs11", "apt-get install ykcs11", []string{"/usr/lib/*/libykcs11.so.[0-9]", "/usr/lib*/libykcs11.so.[0-9]"}},
}

// onCards runs a test over each module for PIV cards.
func onCards(t *testing.T, f func(t *testing.T, s *cardStack)) {
	for _, m := range cardModules {
		t.Run(m.name, func(t *testing.T) {
			module := find(t, m.install, m.paths...)
			f(t, &cardStack{Daemon: newPCSCD(t), module: module, rude: isRude(t, module), pki: testpki.New(t)})
		})
	}
}

func isRude(t testing.TB, module string) bool {
	t.Helper()
	m, err := p11.Open(module, "")
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	info, err := m.Info()
	require.NoError(t, err)
	t.Logf("%s %s", info.Library, info.LibraryVersion)
	return !strings.HasPrefix(info.Library, "OpenSC") || !strings.HasPrefix(info.LibraryVersion, "0.") || info.LibraryVersion >= "0.24"
}

// newPCSCD starts a daemon at the one socket that libpcsclite looks for: it reads the environment once.
func newPCSCD(t testing.TB) *testcard.Daemon {
	t.Helper()
	if missing := testcard.Missing(); missing != "" {
		t.Skip("SKIPPED: " + missing)
	}
	d, err := testcard.Start(softHSM.dir, "Yubico Signet")
	if err != nil && os.Geteuid() != 0 {
		t.Skipf("SKIPPED: this user may not start a pcscd: %v", err)
	}
	require.NoError(t, err)
	require.NoError(t, os.Setenv("PCSCLITE_CSOCK_NAME", d.Socket))
	t.Cleanup(d.Close)
	return d
}

// newCard makes a card with keys in 9A and 9C.
func (s *cardStack) newCard(number uint32, pin string) *testcard.Card {
	return newCard(s.pki, number, pin)
}

// change does something to the reader or the daemon while others sign. OpenSC 0.23 waits for itself for ever when a command
// fails in its midst (OpenSC issue 2707), so that it is done between two commands then.
func (s *cardStack) change(t testing.TB, f func() error) {
	t.Helper()
	if s.rude {
		require.NoError(t, f())
		return
	}
	require.NoError(t, s.Between(s.Readers[0], f))
}

// pull takes the card out, and waits until programs can see that.
func (s *cardStack) pull() (err error) {
	card := s.Readers[0].Card()
	for range 3 { // the daemon does not always notice when others are at the card; see Await
		s.Readers[0].Pull()
		if err = s.Await(s.Readers[0]); err == nil || card == nil {
			return err
		}
		s.Readers[0].Insert(card)
	}
	return err
}

// insert puts a card into the first reader, and waits until programs can see it.
func (s *cardStack) insert(t testing.TB, c *testcard.Card) {
	t.Helper()
	require.NoError(t, s.pull()) // another card would be in and out unseen
	s.Readers[0].Insert(c)
	require.NoError(t, s.Await(s.Readers[0]))
}

func newCard(pki *testpki.PKI, number uint32, pin string) *testcard.Card {
	c := testcard.New(fmt.Sprintf("card %d", number), number, pin).YubiKey()
	for _, slot := range []byte{testcard.Authentication, testcard.Signature} {
		id := pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.Subject.CommonName = fmt.Sprintf("card %d", number) })
		c.Put(slot, id.Key, id.Certificate())
	}
	return c
}

// counting is a PIN, and how often it was asked for.
func counting(secret string, asked *atomic.Int64) pkcs11.PINFunc {
	return func(context.Context, pkcs11.PINRequest) (sign.Secret, error) {
		asked.Add(1)
		return sign.NewSecret([]byte(secret)), nil
	}
}

func (s *cardStack) open(t testing.TB, bend ...func(c *pkcs11.Config)) *pkcs11.Provider {
	t.Helper()
	config := pkcs11.Config{Module: s.module, PIN: pin(cardPIN), Sessions: 4, Recover: 20 * time.Second, Certificates: s.pki.Leaf(testpki.P256).Chain[1:]}
	for _, b := range bend {
		b(&config)
	}
	p, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func keyOf(t testing.TB, p *pkcs11.Provider, id string) sign.Key {
	t.Helper()
	key, err := p.Key(t.Context(), sign.Ref{ID: []byte(id)})
	require.NoError(t, err)
	return key
}

// signWith makes a signature; the provider verifies it, and so does this, with the public key that the caller knows.
func signWith(ctx context.Context, key sign.Key, public crypto.PublicKey, message string) error {
	digest := sha256.Sum256([]byte(message))
	signature, err := key.SignContext(ctx, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	return verifyWith(public, digest[:], signature)
}

func TestCardKeys(t *testing.T) {
	onCards(t, func(t *testing.T, s *cardStack) {
		before := runtime.NumGoroutine()
		card := s.newCard(1, cardPIN)
		s.insert(t, card)
		p := s.open(t)
		ids := map[string]bool{}
		for e, err := range p.Keys(t.Context()) {
			require.NoError(t, err)
			ids[string(e.ID)] = true
			require.NotNil(t, e.Certificate())
			signer, err := sign.Open(t.Context(), p, sign.Ref{ID: e.ID})
			require.NoError(t, err)
			signed, err := cades.Sign(t.Context(), signer, sign.Bytes("", []byte("content")), &cades.Options{})
			require.NoError(t, err)
			m, err := cades.Parse(signed)
			require.NoError(t, err)
			report, err := m.Verify(t.Context(), sign.Bytes("", []byte("content")), &cades.VerifyOptions{Roots: s.pki.Roots()})
			require.NoError(t, err)
			require.True(t, report.Valid(), "%v", report)
		}
		require.Equal(t, map[string]bool{cardAuthentication: true, cardSignature: true}, ids)
		diagnosis, err := p.Diagnose(t.Context())
		require.NoError(t, err)
		require.True(t, diagnosis.LoggedIn)
		require.NotEmpty(t, diagnosis.Mechanisms)
		require.NotEmpty(t, diagnosis.Slot.Token.Serial)
		require.Equal(t, testcard.Counts{Signatures: 2}, testcard.Counts{Signatures: card.Counts().Signatures, Wrong: card.Counts().Wrong})
		leakFree(t, nil, before+1, p) // the card's
	})
}

// TestCardPINAlways signs with the key that wants its PIN each time, beside another one.
func TestCardPINAlways(t *testing.T) {
	onCards(t, func(t *testing.T, s *cardStack) {
		card := s.newCard(1, cardPIN)
		s.insert(t, card)
		var asked atomic.Int64
		p := s.open(t, func(c *pkcs11.Config) { c.PIN = counting(cardPIN, &asked) })
		careful, other := keyOf(t, p, cardSignature), keyOf(t, p, cardAuthentication)
		require.EqualValues(t, 1, careful.(sign.Limiter).Limit(), "it wants its PIN for each signature")
		var stop atomic.Bool
		var others, wait sync.WaitGroup
		var beside atomic.Int64
		for range 3 {
			others.Go(func() {
				for !stop.Load() {
					if err := signWith(t.Context(), other, other.Public(), "beside"); err != nil {
						t.Error(err)
						return
					}
					beside.Add(1)
				}
			})
		}
		others.Go(func() {
			for !stop.Load() {
				if err := p.Ping(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
		for caller := range 4 {
			wait.Go(func() {
				for i := range 10 {
					if err := signWith(t.Context(), careful, careful.Public(), fmt.Sprint(caller, i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		stop.Store(true)
		others.Wait()
		counts := card.Counts()
		t.Logf("%d signatures beside; the card: %+v", beside.Load(), counts)
		require.EqualValues(t, 40+beside.Load(), counts.Signatures)
		require.Zero(t, counts.Refused, "something came between a PIN and its signature")
		require.Zero(t, counts.Wrong)
		require.EqualValues(t, 41, asked.Load())
		require.NoError(t, p.Close())
	})
}

func TestCardWrongPIN(t *testing.T) {
	onCards(t, func(t *testing.T, s *cardStack) {
		card := s.newCard(1, cardPIN)
		s.insert(t, card)
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				_, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: s.module, PIN: pin(wrongCardPIN)})
				if !errors.Is(err, sign.ErrPIN) {
					t.Errorf("not ErrPIN: %v", err)
				}
			})
		}
		wait.Wait()
		require.Equal(t, 1, card.Counts().Wrong)
		require.Equal(t, 1, card.Counts().PINs)
		p := s.open(t)
		require.NoError(t, signWith(t.Context(), keyOf(t, p, cardAuthentication), keyOf(t, p, cardAuthentication).Public(), "message"))

		// The owner changes the PIN elsewhere.
		key := keyOf(t, p, cardSignature)
		card.SetPIN("111111")
		pins := card.Counts().PINs
		for range 5 {
			require.ErrorIs(t, signWith(t.Context(), key, key.Public(), "message"), sign.ErrPIN)
		}
		require.Equal(t, pins+1, card.Counts().PINs)
		require.NoError(t, p.Close())
	})
}

// TestCardPulled pulls the card twice in a batch, and puts it back.
func TestCardPulled(t *testing.T) {
	onCards(t, func(t *testing.T, s *cardStack) {
		for name, id := range map[string]string{"once": cardAuthentication, "always": cardSignature} {
			t.Run(name, func(t *testing.T) {
				card := s.newCard(2, cardPIN)
				s.insert(t, card)
				p := s.open(t)
				signer, err := sign.Open(t.Context(), p, sign.Ref{ID: []byte(id)})
				require.NoError(t, err)
				back := make(chan struct{})
				s.batch(t, signer, func(done int) {
					switch done {
					case 20:
						s.change(t, s.pull)
						time.AfterFunc(500*time.Millisecond, func() { s.Readers[0].Insert(card); close(back) })
					case 40:
						<-back
						s.change(t, func() error { s.Readers[0].Insert(card); return nil }) // out and in at once
					}
				})
				require.Zero(t, card.Counts().Wrong)
				require.NoError(t, p.Close())
			})
		}
	})
}

// batch signs 60 contents, each of which must come out well, once.
func (s *cardStack) batch(t *testing.T, signer *sign.Signer, at func(done int)) {
	t.Helper()
	contents := make([]sign.Content, 60)
	for i := range contents {
		contents[i] = sign.Bytes(fmt.Sprint(i), fmt.Appendf(nil, "content %d", i))
	}
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { s.Watch(s.Readers[0], stop) })
	defer func() { close(stop); watch.Wait() }()
	start := time.Now()
	results, err := batch.Sign(t.Context(), signer, &cades.Options{}, contents, &batch.Options{Progress: func(p batch.Progress) { at(p.Done) }})
	require.NoError(t, err)
	t.Logf("%d containers in %v", len(results), time.Since(start).Round(time.Millisecond))
	require.Len(t, results, len(contents))
	for i, result := range results {
		require.NoError(t, result.Err)
		require.Equal(t, i, result.Index)
		m, err := cades.Parse(result.Signature)
		require.NoError(t, err)
		report, err := m.Verify(t.Context(), sign.Bytes("", []byte(fmt.Sprintf("content %d", i))), &cades.VerifyOptions{Roots: s.pki.Roots()})
		require.NoError(t, err)
		require.True(t, report.Valid(), "%v", report)
	}
}

// TestCardSwapped has a stranger's card in the reader for a while: put in under a caller, or when nobody calls. It is not given
// a PIN.
func TestCardSwapped(t *testing.T) {
	onCards(t, func(t *testing.T, s *cardStack) {
		for _, unseen := range []bool{false, true} {
			for _, id := range []string{cardAuthentication, cardSignature} {
				if testing.Short() && !unseen {
					continue
				}
				t.Run(fmt.Sprintf("unseen %v, key %x", unseen, id), func(t *testing.T) {
					number := uint32(10 * nextNumber())
					card, stranger := s.newCard(number, cardPIN), s.newCard(number+1, "777777")
					s.insert(t, card)
					p := s.open(t, func(c *pkcs11.Config) { c.Recover = 300 * time.Millisecond })
					key := keyOf(t, p, id)
					require.NoError(t, signWith(t.Context(), key, key.Public(), "message"))
					if unseen {
						s.insert(t, stranger)
					} else {
						s.change(t, func() error { s.Readers[0].Insert(stranger); return nil })
					}
					for range 3 {
						err := signWith(t.Context(), key, key.Public(), "message")
						require.ErrorIs(t, err, sign.ErrUnavailable)
						require.NotErrorIs(t, err, sign.ErrPIN)
					}
					require.Zero(t, stranger.Counts().PINs)
					s.insert(t, card)
					require.Eventually(t, func() bool { return signWith(t.Context(), key, key.Public(), "message") == nil }, waitLong, tick)
					require.Zero(t, stranger.Counts().PINs)
					require.Zero(t, card.Counts().Wrong)
					require.NoError(t, p.Close())
				})
			}
		}
	})
}

// TestPCSCDKilled kills the daemon in a batch, and starts it anew.
func TestPCSCDKilled(t *testing.T) {
	onCards(t, func(t *testing.T, s *cardStack) {
		card := s.newCard(5, cardPIN)
		s.insert(t, card)
		p := s.open(t)
		for _, id := range []string{cardAuthentication, cardSignature} {
			signer, err := sign.Open(t.Context(), p, sign.Ref{ID: []byte(id)})
			require.NoError(t, err)
			back := make(chan error, 1)
			s.batch(t, signer, func(done int) {
				switch done {
				case 20:
					s.change(t, func() error { s.Kill(); return nil })
					time.AfterFunc(300*time.Millisecond, func() { back <- s.Restart() })
				case 40:
					require.NoError(t, <-back)
					s.change(t, s.Restart)
				}
			})
		}
		require.Zero(t, card.Counts().Wrong)
		require.NoError(t, p.Close())
	})
}

// TestCardHeldByAnotherProgram has another program hold the card, in a transaction and for itself. Callers leave when their
// contexts end, and sign when it has let go.
func TestCardHeldByAnotherProgram(t *testing.T) {
	onCards(t, func(t *testing.T, s *cardStack) {
		card := s.newCard(6, cardPIN)
		s.insert(t, card)
		p := s.open(t)
		for _, id := range []string{cardAuthentication, cardSignature} {
			key := keyOf(t, p, id)
			held, err := s.Hold(s.Readers[0], false)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			require.ErrorIs(t, signWith(ctx, key, key.Public(), "message"), context.DeadlineExceeded)
			cancel()
			done := make(chan error)
			go func() { done <- signWith(t.Context(), key, key.Public(), "message") }()
			require.Eventually(t, func() bool { busy, _, _ := p.Load(); return busy > 0 }, waitLong, tick)
			require.NoError(t, held.Close())
			require.NoError(t, <-done)
		}
		require.Zero(t, card.Counts().Wrong)
		require.NoError(t, p.Close())

		held, err := s.Hold(s.Readers[0], true)
		require.NoError(t, err)
		_, err = pkcs11.Open(t.Context(), pkcs11.Config{Module: s.module, PIN: pin(cardPIN), Recover: 100 * time.Millisecond})
		require.Error(t, err)
		require.NotErrorIs(t, err, sign.ErrPIN)
		t.Log(err)
		require.NoError(t, held.Close())
		require.Zero(t, card.Counts().Wrong)
		p = s.open(t)
		require.NoError(t, p.Close())
	})
}
