//go:build unix && !signet_static

package pkcs11_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

// TestConformanceKryoptic passes the conformance suite over kryoptic, a token in software of PKCS #11 3.2 written in Rust.
// scripts/tokens.sh builds it from its crate; SIGNET_TEST_KRYOPTIC is the module when it is elsewhere.
func TestConformanceKryoptic(t *testing.T) {
	module := os.Getenv("SIGNET_TEST_KRYOPTIC")
	if module == "" {
		cache, err := os.UserCacheDir()
		require.NoError(t, err)
		module = filepath.Join(cache, "signet-tests", "kryoptic", "libkryoptic_pkcs11.so")
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
	config := pkcs11.Config{Module: module, TokenLabel: "kryoptic", PIN: pin(goodPIN), Sessions: 3}
	p, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	keys := conformanceKeys(t, testpki.New(t), p, pkcs11.KeyKinds()...)
	d, err := p.Diagnose(t.Context())
	require.NoError(t, err)
	t.Logf("%s %s, PKCS #11 %s, %d kinds of keys", d.Library, d.LibraryVersion, d.Interface, len(keys))
	require.NoError(t, p.Close())
	providertest.Run(t, providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			p, err := pkcs11.Open(t.Context(), config)
			require.NoError(t, err)
			return p
		},
		Keys:    keys,
		Secrets: []string{goodPIN, wrongPIN},
		OpenRefused: func(t testing.TB) error {
			config := config
			config.PIN = pin(wrongPIN)
			_, err := pkcs11.Open(t.Context(), config)
			return err
		},
	})
}
