//go:build unix && !signet_static

package pkcs11_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

const keyPIN = "5678"

// asking is a PINFunc that notes what it is asked.
type asking struct {
	mu    sync.Mutex
	asked []pkcs11.PINRequest
}

func (a *asking) give(pin string) pkcs11.PINFunc {
	return func(_ context.Context, asked pkcs11.PINRequest) (sign.Secret, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.asked = append(a.asked, asked)
		return sign.NewSecret([]byte(pin)), nil
	}
}

func signOnce(t *testing.T, key sign.Key) error {
	t.Helper()
	digest := sha256.Sum256(nil)
	_, err := key.SignContext(t.Context(), digest[:], crypto.SHA256)
	return err
}

// TestKeyWithAPINOfItsOwn: the user PIN opens the token, another one is for each signature of a key, and who is asked is told.
func TestKeyWithAPINOfItsOwn(t *testing.T) {
	before := runtime.NumGoroutine()
	s := carefulStage(t)
	s.keyPIN(5678)
	var user, own asking
	p, key := s.open(t, func(c *pkcs11.Config) { c.PIN, c.KeyPIN = user.give(goodPIN), own.give(keyPIN) })
	require.Len(t, user.asked, 1)
	require.Nil(t, user.asked[0].Key)
	require.Contains(t, user.asked[0].String(), `token "`+s.label+`" in `)
	careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	stage := &stage{shim: s.shim, label: s.label, public: careful.Public()}
	require.Empty(t, stage.many(t.Context(), careful, 3, 4))
	require.Empty(t, s.many(t.Context(), key, 3, 4))
	require.Len(t, own.asked, 12)
	for _, asked := range own.asked {
		require.Equal(t, sign.Ref{Label: "careful", ID: []byte{9}}, *asked.Key)
		require.Contains(t, asked.String(), `key "careful" (id 09) on token "`+s.label+`"`)
	}
	s.do(fnSignInit, 0, doLogout)
	require.Empty(t, s.many(t.Context(), key, 3, 4))
	require.NoError(t, signOnce(t, careful))
	require.Len(t, own.asked, 13)
	require.Len(t, user.asked, 2, "once more, since somebody logged out")
	require.Nil(t, user.asked[1].Key)
	require.Zero(t, s.wrongKeyPINs())
	leakFree(t, s.shim, before, p)
}

// TestOnePINForTwo: a token whose key has a PIN of its own gets the other one once, the error says what to do, and the token
// can still be opened with it.
func TestOnePINForTwo(t *testing.T) {
	before := runtime.NumGoroutine()
	s := carefulStage(t)
	s.keyPIN(5678)
	p, key := s.open(t)
	careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	for i := range 3 {
		err := signOnce(t, careful)
		require.ErrorIs(t, err, sign.ErrPIN)
		require.Contains(t, err.Error(), `key "careful"`)
		require.NotContains(t, err.Error(), goodPIN)
		if i == 0 {
			require.Contains(t, err.Error(), "Config.KeyPIN")
		} else {
			require.Contains(t, err.Error(), "nothing was tried")
		}
	}
	require.EqualValues(t, 1, s.wrongKeyPINs())
	logins := s.count(fnLogin)
	s.do(fnSignInit, 0, doLogout)
	require.Empty(t, s.many(t.Context(), key, 3, 4), "the PIN of the user is not a refused one")
	require.Equal(t, logins+1, s.count(fnLogin))

	right, _ := s.open(t, func(c *pkcs11.Config) { c.KeyPIN = pin(keyPIN) })
	careful, err = right.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	require.NoError(t, signOnce(t, careful))
	require.EqualValues(t, 1, s.wrongKeyPINs())
	leakFree(t, s.shim, before, p, right)
}

// TestRefusedUserPINForKey: what was refused as the PIN of the user may be that of a key, and is tried once as each.
func TestRefusedUserPINForKey(t *testing.T) {
	s := carefulStage(t)
	s.keyPIN(5678)
	config := s.config()
	config.PIN = pin(keyPIN)
	for range 2 {
		_, err := pkcs11.Open(t.Context(), config)
		require.ErrorIs(t, err, sign.ErrPIN)
	}
	require.EqualValues(t, 1, s.count(fnLogin))
	p, _ := s.open(t, func(c *pkcs11.Config) { c.KeyPIN = pin(keyPIN) })
	careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	require.NoError(t, signOnce(t, careful))
	require.Zero(t, s.wrongKeyPINs())
}

// TestKeyWithoutAPIN: a token that is open without a PIN needs that of the key.
func TestKeyWithoutAPIN(t *testing.T) {
	s := carefulStage(t)
	s.keyPIN(5678)
	keep, _ := s.open(t) // logs the process in
	defer func() { _ = keep.Close() }()
	config := s.config()
	config.PIN = nil
	p, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	defer func() { _ = p.Close() }()
	careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	err = signOnce(t, careful)
	require.ErrorIs(t, err, sign.ErrUnavailable)
	require.Contains(t, err.Error(), "(Config.KeyPIN)")
	config.KeyPIN = pin(keyPIN)
	second, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	defer func() { _ = second.Close() }()
	careful, err = second.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	require.NoError(t, signOnce(t, careful))
}

// TestErrorAfterTheLogin: what C_Sign says after a login with a PIN is of the signature, unless it is of the PIN, as from modules
// that look at it then.
func TestErrorAfterTheLogin(t *testing.T) {
	for _, code := range []int64{0x80000001, 0x7, 0x6, 0x5, 0x70} { // a vendor's, ARGUMENTS_BAD, FUNCTION_FAILED, GENERAL_ERROR, MECHANISM_INVALID
		s := carefulStage(t)
		p, _ := s.open(t)
		careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
		require.NoError(t, err)
		s.fail(fnSign, 0, 1, code)
		if err := signOnce(t, careful); err != nil {
			require.NotErrorIs(t, err, sign.ErrPIN, "%x", code)
			require.NotContains(t, err.Error(), "log in")
		}
		require.NoError(t, signOnce(t, careful), "%x", code)
		require.NoError(t, p.Close())
	}
	s := carefulStage(t)
	p, _ := s.open(t)
	careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	s.fail(fnSign, 0, 1, 0xa0)
	signs := s.count(fnSign)
	require.ErrorIs(t, signOnce(t, careful), sign.ErrPIN)
	require.ErrorIs(t, signOnce(t, careful), sign.ErrPIN)
	require.Equal(t, signs+1, s.count(fnSign))
	require.NoError(t, p.Close())
}

// TestLoginsWithOddCodes: most codes of C_Login may be what a module makes of a wrong PIN, such as that of a card's error. A PIN
// that was never taken is given twice at most, whatever they are, in a recovery too, and with a token that a look tells is there.
func TestLoginsWithOddCodes(t *testing.T) {
	for _, code := range []int64{0x20, 0x21, 0x30, 0x31, 0x32, 0x50, 0x54 + 0x100, 0x60, 0x68, 0x70, 0x71, 0x82, 0xe0, 0xe1, 0x101, 0x200} {
		t.Run(fmt.Sprintf("%X", code), func(t *testing.T) {
			s := softStage(t)
			s.fail(fnLogin, 0, 1<<40, code)
			config := s.config()
			config.Recover = 50 * time.Millisecond
			for range 4 {
				_, err := pkcs11.Open(t.Context(), config)
				require.Error(t, err)
			}
			require.LessOrEqual(t, s.count(fnLogin), int64(p11.MaxUnsure))
		})
	}
	t.Run("another PIN in a recovery", func(t *testing.T) {
		s := softStage(t)
		var lost atomic.Bool
		p, key := s.open(t, func(c *pkcs11.Config) {
			c.Recover = 500 * time.Millisecond
			c.PIN = func(context.Context, pkcs11.PINRequest) (sign.Secret, error) {
				if lost.Load() {
					return sign.NewSecret([]byte(wrongPIN)), nil
				}
				return sign.NewSecret([]byte(goodPIN)), nil
			}
		})
		logins := s.count(fnLogin)
		lost.Store(true)
		s.fail(fnLogin, 0, 1<<40, 0x30)
		s.do(fnSignInit, 0, doLogout)
		require.ErrorIs(t, s.one(t.Context(), key, "message"), sign.ErrPIN)
		require.LessOrEqual(t, s.count(fnLogin)-logins, int64(p11.MaxUnsure))
		require.NoError(t, p.Close())
	})
	t.Run("of a key, by a message", func(t *testing.T) {
		s := carefulStage(t)
		s.hash(addECDSA)
		p, _ := s.open(t)
		careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
		require.NoError(t, err)
		logins := s.count(fnLogin)
		s.fail(fnLogin, 0, 1<<40, 0x70)
		for range 4 {
			_, err := sign.SignMessage(t.Context(), careful, []byte("message"), crypto.SHA256)
			require.Error(t, err)
		}
		require.LessOrEqual(t, s.count(fnLogin)-logins, int64(p11.MaxUnsure))
		require.NoError(t, p.Close())
	})
}

// TestSecretGivenTwice has a PIN function return one secret each time, which was overwritten after its first use. The zeros do
// not go to the token as a PIN.
func TestSecretGivenTwice(t *testing.T) {
	s := carefulStage(t)
	secret := sign.NewSecret([]byte(goodPIN))
	p, _ := s.open(t, func(c *pkcs11.Config) {
		c.KeyPIN = func(context.Context, pkcs11.PINRequest) (sign.Secret, error) { return secret, nil }
	})
	careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	require.NoError(t, signOnce(t, careful))
	logins := s.count(fnLogin)
	err = signOnce(t, careful)
	require.ErrorIs(t, err, sign.ErrPIN)
	require.ErrorContains(t, err, "returns a new secret each time")
	require.Equal(t, logins, s.count(fnLogin))
	require.NoError(t, p.Close())
}

// TestPINFunctionThatPanics: the error says so, without what may be the PIN, and nobody's session is lost by it. Likewise with one that
// ends its goroutine, as t.FailNow in a test does.
func TestPINFunctionThatPanics(t *testing.T) {
	for says, wildly := range map[string]func(){"panicked": func() { panic("what is wrong with " + goodPIN) }, "ended its goroutine": runtime.Goexit} {
		t.Run(says, func(t *testing.T) { wildPINs(t, says, wildly) })
	}
}

func wildPINs(t *testing.T, says string, wildly func()) {
	before := runtime.NumGoroutine()
	s := carefulStage(t)
	var wild atomic.Bool
	wild.Store(true)
	ask := func(context.Context, pkcs11.PINRequest) (sign.Secret, error) {
		if wild.Load() {
			wildly()
		}
		return sign.NewSecret([]byte(goodPIN)), nil
	}
	config := s.config()
	config.PIN = ask
	_, err := pkcs11.Open(t.Context(), config)
	require.ErrorIs(t, err, sign.ErrUnavailable)
	require.ErrorContains(t, err, says)
	require.NotContains(t, err.Error(), goodPIN)
	p, key := s.open(t, func(c *pkcs11.Config) { c.KeyPIN, c.Sessions = ask, 2 })
	careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	digest := sha256.Sum256(nil)
	for i := range 6 {
		ctx := [2]context.Context{t.Context(), context.Background()}[i%2]
		_, err := careful.SignContext(ctx, digest[:], crypto.SHA256)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), goodPIN)
	}
	wild.Store(false)
	require.Empty(t, s.many(t.Context(), key, 4, 3))
	require.NoError(t, signOnce(t, careful))
	leakFree(t, s.shim, before, p)
}

// TestNoToAGroup: a person who gives no PIN is asked once, and not for each token of a group and then once more.
func TestNoToAGroup(t *testing.T) {
	s := carefulStage(t)
	second := &stage{shim: newShim(t, softhsmModule(t)), label: s.label, name: s.name, public: s.public}
	var asked atomic.Int64
	refuse := func(c *pkcs11.Config) {
		c.KeyPIN = func(context.Context, pkcs11.PINRequest) (sign.Secret, error) {
			asked.Add(1)
			return sign.Secret{}, errors.New("no")
		}
	}
	a, _ := s.open(t, refuse)
	b, _ := second.open(t, refuse)
	g, err := pkcs11.NewGroup(a, b)
	require.NoError(t, err)
	careful, err := g.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	require.ErrorIs(t, signOnce(t, careful), sign.ErrUnavailable)
	require.EqualValues(t, 1, asked.Load())
	require.Equal(t, []bool{true, true}, g.Healthy(), "nothing is wrong with the tokens")
	require.NoError(t, g.Close())
}

// TestRefusedByOneModule: a token is the same by whichever module it is reached, so a PIN that it has refused is not given to it by
// another one.
func TestRefusedByOneModule(t *testing.T) {
	s := softStage(t)
	config := s.config()
	config.PIN = pin(wrongPIN)
	_, err := pkcs11.Open(t.Context(), config)
	require.ErrorIs(t, err, sign.ErrPIN)
	second := newShim(t, softhsmModule(t))
	config.Module = second.path
	_, err = pkcs11.Open(t.Context(), config)
	require.ErrorIs(t, err, sign.ErrPIN)
	require.ErrorContains(t, err, "nothing was tried")
	require.Zero(t, second.count(fnLogin))
	config.PIN = pin(goodPIN)
	p, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	require.NoError(t, p.Close())
}
