//go:build cgo && unix

package pkcs11_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/pkcs11"
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
