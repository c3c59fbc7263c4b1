//go:build unix && !signet_static

package pkcs11_test

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// codesThatSayNothing are a vendor's, one that no specification has, and one that some modules have for a mechanism.
var codesThatSayNothing = []int64{0x80000001, 0xce534351, 0x7ffe, 0xe1}

// TestCodesThatSayNothing: nothing is opened again when the token is there as it was, and the caller gets the code; when it
// is not, the call is made again.
func TestCodesThatSayNothing(t *testing.T) {
	for _, code := range codesThatSayNothing {
		for name, lose := range map[string]func(s *stage){
			"the token is there":      nil,
			"the session is gone":     func(s *stage) { s.do(fnSessionInfo, 0, doCloseAll) },
			"somebody has logged out": func(s *stage) { s.do(fnSessionInfo, 0, doLogout) },
			"the token does not tell": func(s *stage) { s.fail(fnTokenInfo, 0, 1, 0xe0) },
			"the module was finalised": func(s *stage) {
				s.do(fnSessionInfo, 0, doFinalize)
			},
		} {
			t.Run(fmt.Sprintf("%X/%s", code, name), func(t *testing.T) {
				before := runtime.NumGoroutine()
				s := softStage(t)
				p, key := s.open(t)
				require.Empty(t, s.many(t.Context(), key, 4, 5))
				for _, fn := range []int{fnSignInit, fnSign} {
					logins, inits, signs := s.count(fnLogin), s.count(fnInitialize), s.count(fn)
					s.fail(fn, 0, 1, code)
					if lose != nil {
						lose(s)
					}
					err := s.one(t.Context(), key, "message")
					if lose != nil {
						require.NoError(t, err)
						continue
					}
					found, ok := errorCode(err)
					require.True(t, ok && found == pkcs11.Code(code), err)
					require.NotErrorIs(t, err, sign.ErrPIN)
					require.Equal(t, logins, s.count(fnLogin))
					require.Equal(t, inits, s.count(fnInitialize))
					require.Equal(t, signs+1, s.count(fn), "once")
					require.Empty(t, s.many(t.Context(), key, 4, 5))
				}
				leakFree(t, s.shim, before, p)
			})
		}
	}
}

// TestMechanismNotRecognized has a module that says CKR_TOKEN_NOT_RECOGNIZED of a mechanism.
func TestMechanismNotRecognized(t *testing.T) {
	s := softStage(t)
	importKey(t, softhsmModule(t), s.label, testpki.New(t).Leaf(testpki.RSA2048), "02", "rsa")
	p, _ := s.open(t)
	key, err := p.Key(t.Context(), sign.Ref{Label: "rsa"})
	require.NoError(t, err)
	s.fail(fnSignInit, 0, 1, 0xe1)
	_, err = key.SignContext(t.Context(), make([]byte, 32), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	require.ErrorIs(t, err, sign.ErrUnsupported)
	require.ErrorContains(t, err, "refuses CKM_RSA_PKCS_PSS")
	require.ErrorContains(t, err, "rsa-pkcs1-sha256")
}

// TestLoginsThatAreNotAnswered: a PIN is not tried again when the code does not say that it was wrong and the token is there;
// not more than twice in all when it may have been the module.
func TestLoginsThatAreNotAnswered(t *testing.T) {
	for code, tries := range map[int64]int64{0x80000005: 1, 0x07: 1, 0x7ffe: 1, 0xa0: 1, 0xa2: 1, 0x05: 2, 0x06: 2, 0x02: 2} {
		t.Run(fmt.Sprintf("%X", code), func(t *testing.T) {
			s := softStage(t)
			s.fail(fnLogin, 0, 1<<40, code)
			for range 4 {
				_, err := pkcs11.Open(t.Context(), s.config())
				require.Error(t, err)
				require.NotContains(t, err.Error(), "InitArgs")
				require.NotContains(t, err.Error(), goodPIN)
			}
			_, err := pkcs11.Open(t.Context(), s.config())
			require.ErrorIs(t, err, sign.ErrPIN)
			require.ErrorContains(t, err, "nothing was tried")
			require.Equal(t, tries, s.count(fnLogin))
			s.fail(fnLogin, 0, 0, 0)
			_, err = pkcs11.Open(t.Context(), s.config())
			require.ErrorIs(t, err, sign.ErrPIN, "not in this process")
			require.Equal(t, tries, s.count(fnLogin))
		})
	}
	t.Run("of a length that the token does not take", func(t *testing.T) {
		s := softStage(t)
		config := s.config()
		config.PIN = pin("12")
		s.fail(fnLogin, 0, 1, 0x07)
		_, err := pkcs11.Open(t.Context(), config)
		require.ErrorIs(t, err, sign.ErrPIN)
		require.ErrorContains(t, err, "PINs have 4 to 255 characters")
		require.ErrorContains(t, err, "did not take the PIN")
	})
	t.Run("of a token that was pulled out meanwhile", func(t *testing.T) {
		before := runtime.NumGoroutine()
		s := softStage(t)
		p, key := s.open(t)
		logins := s.count(fnLogin)
		s.do(fnSignInit, 0, doLogout)
		s.fail(fnLogin, 0, 1, 0x80000005)
		s.do(fnLogin, 0, doCloseAll) // the session is gone when it is asked
		require.NoError(t, s.one(t.Context(), key, "message"))
		require.Equal(t, logins+2, s.count(fnLogin))
		leakFree(t, s.shim, before, p)
	})
	t.Run("in recoveries", func(t *testing.T) {
		before := runtime.NumGoroutine()
		s := softStage(t)
		p, key := s.open(t, func(c *pkcs11.Config) { c.Recover = 3 * time.Second })
		logins := s.count(fnLogin)
		s.fail(fnLogin, 0, 1<<40, 0x80000005)
		s.do(fnSignInit, 0, doLogout)
		require.ErrorIs(t, s.one(t.Context(), key, "message"), sign.ErrPIN)
		require.Equal(t, logins+2, s.count(fnLogin), "a PIN that was taken before, twice")
		leakFree(t, s.shim, before, p)
	})
}

// TestContextLoginThatIsNotAnswered: the same for the PIN of a signature.
func TestContextLoginThatIsNotAnswered(t *testing.T) {
	s := carefulStage(t)
	p, key := s.open(t)
	careful, err := p.Key(t.Context(), sign.Ref{Label: "careful"})
	require.NoError(t, err)
	logins := s.count(fnLogin)
	s.fail(fnLogin, 0, 1<<40, 0x80000005)
	for range 5 {
		_, err = careful.SignContext(t.Context(), make([]byte, 32), crypto.SHA256)
		require.Error(t, err)
	}
	require.ErrorIs(t, err, sign.ErrPIN)
	require.LessOrEqual(t, s.count(fnLogin)-logins, int64(2))
	require.Empty(t, s.many(t.Context(), key, 4, 2), "other keys sign on")
	require.Zero(t, atomic.LoadInt64(s.at(14)))
	require.NoError(t, p.Close())
}
