//go:build unix && !signet_static

package pkcs11_test

import (
	"crypto"
	"encoding/hex"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestConformanceSoftHSM(t *testing.T) {
	module, label := newToken(t)
	pki := testpki.New(t)
	var keys []providertest.Key
	for i, kind := range []testpki.Kind{testpki.RSA2048, testpki.RSA3072, testpki.P256, testpki.P384, testpki.P521, testpki.Ed25519} {
		keyID := hex.EncodeToString([]byte{0xa0, byte(i)})
		var id testpki.Identity
		if kind == testpki.Ed25519 || kind == testpki.P256 { // pkcs11-tool cannot write the former
			id = generate(t, pki, module, label, kind, keyID, string(kind))
		} else {
			id = pki.Leaf(kind)
			importKey(t, module, label, id, keyID, string(kind))
		}
		keys = append(keys, providertest.Key{ID: unhex(t, keyID), Label: string(kind), Certificate: id.Certificate(), Chain: id.Chain})
	}
	importCert(t, module, label, pki.Authority.Certificate(), "ff", "authority")
	// A shim that does nothing, but for the check that needs a token which is busy.
	s := newShim(t, module)
	module = s.path
	const sessions = 3
	providertest.Run(t, providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			return open(t, pkcs11.Config{Module: module, TokenLabel: label, Sessions: sessions})
		},
		Keys: keys,
		Busy: func(t testing.TB, p sign.Provider) func() {
			key, err := p.Key(t.Context(), sign.Ref{Label: string(testpki.P256)})
			require.NoError(t, err)
			hang := s.fn(fnSign)
			atomic.StoreInt64(hang.hang, 1)
			var wait sync.WaitGroup
			for range sessions {
				wait.Go(func() {
					if _, err := key.SignContext(t.Context(), make([]byte, 32), crypto.SHA256); err != nil {
						t.Error(err)
					}
				})
			}
			for atomic.LoadInt64(hang.hanging) < sessions {
				runtime.Gosched()
			}
			return func() {
				atomic.StoreInt64(hang.hang, 0)
				wait.Wait()
			}
		},
		Secrets: []string{goodPIN, wrongPIN},
		OpenRefused: func(t testing.TB) error {
			_, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: module, TokenLabel: label, PIN: pin(wrongPIN)})
			return err
		},
	})
}
