//go:build unix && !signet_static

package pkcs11_test

import (
	"context"
	"crypto"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

// kryopticToken makes a token of kryoptic.
func kryopticToken(t *testing.T) pkcs11.Config {
	t.Helper()
	module := os.Getenv("SIGNET_TEST_KRYOPTIC")
	if module == "" {
		cache, err := os.UserCacheDir()
		require.NoError(t, err)
		module = filepath.Join(cache, "signet-tests", "kryoptic-pqc", "libkryoptic_pkcs11.so")
	}
	module = find(t, "scripts/tokens.sh builds it where there is cargo", module)
	dir, err := os.MkdirTemp(softHSM.dir, "kryoptic-")
	require.NoError(t, err)
	conf := filepath.Join(dir, "kryoptic.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, "[[slots]]\nslot = 1\ndbtype = \"sqlite\"\ndbargs = %q\n", filepath.Join(dir, "token.sql")), 0o600))
	t.Setenv("KRYOPTIC_CONF", conf)
	tool := find(t, "apt-get install opensc", "pkcs11-tool")
	run(t, tool, "--module", module, "--init-token", "--slot", "1", "--label", "kryoptic", "--so-pin", soPIN)
	run(t, tool, "--module", module, "--token-label", "kryoptic", "--init-pin", "--login", "--login-type", "so", "--so-pin", soPIN, "--pin", goodPIN)
	return pkcs11.Config{Module: module, TokenLabel: "kryoptic", PIN: pin(goodPIN), Sessions: 3, Schemes: mldsa.Schemes()}
}

// TestKryopticMLDSA has kryoptic, which is built with its feature pqc and OpenSSL 4, make keys of all parameter sets and sign with them:
// the conformance suite, and eight sessions at once.
func TestKryopticMLDSA(t *testing.T) {
	config := kryopticToken(t)
	p, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	keys := mldsaKeys(t, p)
	d, err := p.Diagnose(t.Context())
	require.NoError(t, err)
	t.Logf("%s %s, PKCS #11 %s, functions of %s", d.Library, d.LibraryVersion, d.Interface, d.Functions)
	require.NoError(t, p.Close())
	providertest.Run(t, providertest.Config{
		Open:    func(t testing.TB) sign.Provider { return open(t, config) },
		Keys:    keys,
		Secrets: []string{goodPIN, wrongPIN},
	})

	config.Sessions = 8
	p = open(t, config)
	for _, k := range keys {
		key, err := p.Key(t.Context(), sign.Ref{ID: k.ID})
		require.NoError(t, err)
		scheme := key.(sign.Schemer).Schemes()[0]
		var wait sync.WaitGroup
		for i := range 8 {
			wait.Go(func() {
				for n := range 5 {
					message := fmt.Appendf(nil, "message %d of %d", n, i)
					signature, err := key.SignContext(context.Background(), message, crypto.Hash(0))
					if err == nil {
						err = scheme.Verify(k.Certificate.RawSubjectPublicKeyInfo, message, signature)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
	}
}
