//go:build unix && !signet_static

package pkcs11_test

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// TestSignatureOfAnotherKeyIsNotHandedOut has the token sign with another key once: for the first signatures of a key, and for
// later ones, which are checked by other means.
func TestSignatureOfAnotherKeyIsNotHandedOut(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   testpki.Kind
		before int
	}{{"P-256, early", testpki.P256, 1}, {"P-256, later", testpki.P256, 20}, {"RSA", testpki.RSA2048, 1}} {
		t.Run(c.name, func(t *testing.T) {
			s := softStage(t)
			pki := testpki.New(t)
			id := pki.Leaf(c.kind)
			s.name, s.public = "mine", id.Key.Public()
			importKey(t, softhsmModule(t), s.label, id, "02", "mine")
			importKey(t, softhsmModule(t), s.label, pki.Leaf(c.kind), "03", "other")
			p, key := s.open(t)
			other, err := p.Key(t.Context(), sign.Ref{Label: "other"})
			require.NoError(t, err)
			require.NoError(t, signOnce(t, other))
			wrong := s.lastKey()
			for range c.before {
				require.NoError(t, signOnce(t, key))
			}
			signs := s.count(fnSign)
			s.swap(s.lastKey(), wrong, 1)
			require.NoError(t, s.one(t.Context(), key, "message"))
			require.Equal(t, signs+2, s.count(fnSign), "the first by another key, which was not handed out")
			s.swap(0, 0, 0)
			require.NoError(t, p.Close())
		})
	}
}

// TestHandlesGivenOutAgain has another part of the process log out, log in and look for another key, again and again. Some
// modules then give the number that our key had to that one, and sign with it without a word, or refuse it for what it is.
func TestHandlesGivenOutAgain(t *testing.T) {
	const asItIs = 0
	for _, c := range []struct {
		name string
		kind pkcs11.KeyKind
		rv   int64 // what SoftHSM2, which never gives a number out again, says of one that is not valid any more
	}{
		{"to a key of the same kind", pkcs11.P256, asItIs},
		{"to a key of another kind", pkcs11.RSA2048, 0x63},
		{"to a key that may not sign", pkcs11.RSA3072, 0x68},
		{"to a key that the mechanism is not for", pkcs11.P384, 0x70},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			s := newStage(t)
			p, key := s.open(t)
			other := "other " + s.name
			_, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: c.kind, Label: other})
			if errors.Is(err, sign.ErrUnsupported) {
				_, err = p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.RSA2048, Label: other})
			}
			require.NoError(t, err)
			s.user(s.goodPIN(t), other)
			if s.given == nil {
				atomic.StoreInt64(s.at(11), c.rv)
			}
			require.Empty(t, s.many(t.Context(), key, 8, 5))
			signs := s.count(fnSign)
			for range 10 {
				s.do(fnSignInit, 20, doRelogin)
				require.Empty(t, s.many(t.Context(), key, 8, 10))
			}
			t.Logf("800 signatures of the right key with %d calls of C_Sign", s.count(fnSign)-signs)
			leakFree(t, s.shim, before, p)
		})
	}
}
