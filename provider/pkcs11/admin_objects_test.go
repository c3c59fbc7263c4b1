//go:build unix && !signet_static

package pkcs11_test

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// TestObjects lists what a token shows, with a login and without one.
func TestObjects(t *testing.T) {
	module, label := newToken(t)
	pki := testpki.New(t)
	id := generate(t, pki, module, label, testpki.P256, "01", "one")
	importCert(t, module, label, pki.Authority.Certificate(), "ff", "authority")
	without, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: module, TokenLabel: label})
	require.NoError(t, err)
	defer func() { _ = without.Close() }()
	with := open(t, pkcs11.Config{Module: module, TokenLabel: label})
	for _, p := range []*pkcs11.Provider{without, with} {
		var keys, certs []pkcs11.Object
		for o, err := range p.Objects(t.Context()) {
			require.NoError(t, err)
			if o.Certificate == nil {
				keys = append(keys, o)
			} else {
				certs = append(certs, o)
			}
		}
		require.Len(t, keys, 1)
		require.Equal(t, []byte{1}, keys[0].ID)
		require.Equal(t, "one", keys[0].Label)
		require.Equal(t, id.Certificate().PublicKey, keys[0].Public)
		require.Len(t, certs, 2)
		require.ElementsMatch(t, []string{"one", "authority"}, []string{certs[0].Label, certs[1].Label})
	}
	require.NoError(t, with.Close())
	for _, err := range with.Objects(t.Context()) {
		require.Error(t, err)
	}
}

// TestWriteWithOneSession makes a key and writes its certificate on a token that has one session, while others sign.
func TestWriteWithOneSession(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStage(t)
	atomic.StoreInt64(s.maxSessions(), 1) // the token says nothing of it
	p, key := s.open(t)
	done := make(chan []error)
	go func() { done <- s.many(t.Context(), key, 4, 20) }()
	e, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.P256, Label: "new"})
	require.NoError(t, err)
	made, err := p.Key(t.Context(), sign.Ref{ID: e.ID})
	require.NoError(t, err)
	require.NoError(t, p.ImportCertificate(t.Context(), testpki.New(t).LeafOf(made, "new").Certificate()))
	require.Empty(t, <-done)
	_, err = sign.Open(t.Context(), p, sign.Ref{Label: "new"})
	require.NoError(t, err)
	require.EqualValues(t, 1, s.mostSessions())
	require.EqualValues(t, 2, s.count(fnLogin), "with the session that writes, the login is made again")
	leakFree(t, s.shim, before, p)
}
