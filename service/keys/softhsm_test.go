//go:build cgo && unix

package keys_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/service/internal/softhsmtest"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

const goodPIN = "1234"

// TestMain sets the configuration of SoftHSM2.
func TestMain(m *testing.M) { softhsmtest.Main(m) }

// newToken makes a token that holds keys.
func newToken(t testing.TB, ids map[string]testpki.Identity) (module, label string) {
	t.Helper()
	return softhsmtest.Module(t), softhsmtest.Token(t, "", goodPIN, ids)
}

// tokenStore is a token whose PIN is in a file; it counts how often it is opened, and the PIN asked for.
func tokenStore(module, label, pinFile string, opened, asked *atomic.Int32) *keys.Store {
	return &keys.Store{Name: label, Identity: "token " + label, Files: []string{pinFile}, Open: func(ctx context.Context) (sign.Provider, error) {
		opened.Add(1)
		return pkcs11.Open(ctx, pkcs11.Config{Module: module, TokenLabel: label, PIN: func(ctx context.Context, which pkcs11.PINRequest) (sign.Secret, error) {
			asked.Add(1)
			return pkcs11.PINFile(pinFile)(ctx, which)
		}})
	}}
}

// TestToken: the keys of a token share its provider; a reload while it signs fails no signature and asks for no PIN; a token
// and a file stand in one set.
func TestToken(t *testing.T) {
	pki := testpki.New(t)
	a, b := pki.Leaf(testpki.P256), pki.Leaf(testpki.RSA2048)
	module, label := newToken(t, map[string]testpki.Identity{"a": a, "b": b})
	pin := filepath.Join(t.TempDir(), "pin")
	write(t, pin, []byte(goodPIN+"\n"))
	var opened, asked atomic.Int32
	store := tokenStore(module, label, pin, &opened, &asked)
	f := newFiled(t, "file", pki.Leaf(testpki.P256))
	list := []keys.Key{{Name: "a", Store: store, Ref: sign.Ref{Label: "a"}}, {Name: "b", Store: store, Ref: sign.Ref{Label: "b"}, Scheme: "rsa-pss-sha256"}, {Name: "f", Store: f.Store}}
	s := newSet(t, nil, list...)
	require.True(t, certificateOf(t, s, "a").Equal(a.Certificate()))
	require.Equal(t, "b", acquire(t, s, keys.Query{Thumbprint: sign.Thumbprint(b.Certificate())}).Name)
	certificateOf(t, s, "f")
	require.EqualValues(t, 1, asked.Load())
	for _, st := range s.Status(t.Context()) {
		require.NoError(t, st.Err)
	}

	done := make(chan struct{})
	errs := make(chan error, 4)
	for i := range cap(errs) {
		go func() {
			errs <- func() error {
				for {
					select {
					case <-done:
						return nil
					default:
					}
					l, err := s.Acquire(context.Background(), keys.Query{Name: []string{"a", "b"}[i%2], Allowed: all})
					if err != nil {
						return err
					}
					if _, err = cades.Sign(context.Background(), l.Signer, sign.Bytes("", []byte("x")), l.Options); err != nil {
						return err
					}
					l.Release()
				}
			}()
		}()
	}
	for i := range 6 {
		if i == 3 { // now all of it is opened anew
			write(t, pin, []byte(goodPIN))
		}
		next := append([]keys.Key{}, list...)
		again := *store
		next[0].Store, next[1].Store = &again, &again
		require.NoError(t, s.Reload(t.Context(), next))
	}
	close(done)
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	require.EqualValues(t, 2, opened.Load(), "at first, and when the file of the PIN had changed")
	require.EqualValues(t, 1, asked.Load(), "the process was logged in when it was opened again")
}

// TestTokenRefusesPIN: a wrong PIN is tried once in all.
func TestTokenRefusesPIN(t *testing.T) {
	pki := testpki.New(t)
	a := pki.Leaf(testpki.P256)
	module, label := newToken(t, map[string]testpki.Identity{"a": a})
	pin := filepath.Join(t.TempDir(), "pin")
	write(t, pin, []byte("9999"))
	var opened, asked atomic.Int32
	store := tokenStore(module, label, pin, &opened, &asked)
	s := newSet(t, nil, keys.Key{Name: "a", Store: store}, keys.Key{Name: "again", Store: store, Ref: sign.Ref{Label: "a"}})
	for range 5 {
		_, err := s.Acquire(t.Context(), keys.Query{Thumbprint: sign.Thumbprint(a.Certificate()), Allowed: all})
		require.Error(t, err)
		require.ErrorIs(t, s.Reload(t.Context(), nil), sign.ErrPIN)
		for _, st := range s.Status(t.Context()) {
			require.ErrorIs(t, st.Err, sign.ErrPIN)
			require.NotContains(t, st.Err.Error(), "9999")
		}
	}
	require.EqualValues(t, 1, asked.Load())
	require.EqualValues(t, 1, opened.Load())
	write(t, pin, []byte(goodPIN))
	require.NoError(t, s.Reload(t.Context(), nil))
	certificateOf(t, s, "a")
}

// TestGroupOfTokens: several tokens with the same key are one store.
func TestGroupOfTokens(t *testing.T) {
	pki := testpki.New(t)
	a := pki.Leaf(testpki.P256)
	var members []string
	var module string
	for range 2 {
		var label string
		module, label = newToken(t, map[string]testpki.Identity{"a": a})
		members = append(members, label)
	}
	store := &keys.Store{Name: "group", Open: func(ctx context.Context) (sign.Provider, error) {
		var all []*pkcs11.Provider
		for _, label := range members {
			p, err := pkcs11.Open(ctx, pkcs11.Config{Module: module, TokenLabel: label, PIN: pkcs11.PIN(sign.NewSecret([]byte(goodPIN)))})
			if err != nil {
				return nil, err
			}
			all = append(all, p)
		}
		return pkcs11.NewGroup(all...)
	}}
	s := newSet(t, nil, keys.Key{Name: "a", Store: store})
	l := acquire(t, s, keys.Query{Thumbprint: sign.Thumbprint(a.Certificate())})
	signs(t, l)
	require.NoError(t, s.Reload(t.Context(), nil))
	signs(t, l)
	require.NoError(t, s.Status(t.Context())[0].Err)
	l.Release()
	require.NoError(t, s.Close())
}
