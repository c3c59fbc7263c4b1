//go:build unix && !signet_static

package pkcs11_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

// newNSS makes a database of the software token of NSS.
func newNSS(t testing.TB) pkcs11.Config {
	t.Helper()
	real := find(t, "apt-get install libnss3", "/usr/lib/*/libsoftokn3.so", "/usr/lib*/libsoftokn3.so")
	certutil := find(t, "apt-get install libnss3-tools", "certutil")
	dir, err := os.MkdirTemp(softHSM.dir, "nss-")
	require.NoError(t, err)
	pinFile := filepath.Join(dir, "pin")
	require.NoError(t, os.WriteFile(pinFile, []byte(goodPIN+"\n"), 0o600))
	t.Setenv("NSS_MAX_MP_PBE_ITERATION_COUNT", "1") // else each signature derives the key of the database anew
	run(t, certutil, "-N", "-d", "sql:"+dir, "-f", pinFile)
	return pkcs11.Config{
		Module: real, TokenLabel: "NSS Certificate DB", PIN: pkcs11.PINFile(pinFile), Sessions: 3,
		InitArgs: "configdir='sql:" + dir + "' certPrefix='' keyPrefix='' secmod='secmod.db' flags=",
	}
}

// TestConformanceNSS passes the conformance suite over the software token of NSS, which wants an init string and has other
// ways than SoftHSM2 in many things. Keys and certificates are made with this package.
func TestConformanceNSS(t *testing.T) {
	config := newNSS(t)
	p, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: config.Module, TokenLabel: config.TokenLabel})
	if err == nil { // 3.110 starts without an init string
		require.NoError(t, p.Close())
	} else {
		require.ErrorIs(t, err, sign.ErrUnsupported)
		require.ErrorContains(t, err, "InitArgs")
	}

	pki := testpki.New(t)
	p, err = pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	var keys []providertest.Key
	for _, kind := range []pkcs11.KeyKind{pkcs11.RSA2048, pkcs11.P256, pkcs11.P384} {
		e, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: kind, Label: string(kind)})
		require.NoError(t, err)
		key, err := p.Key(t.Context(), sign.Ref{ID: e.ID})
		require.NoError(t, err)
		id := pki.LeafOf(key, "Signet test "+string(kind))
		require.NoError(t, p.ImportCertificate(t.Context(), id.Certificate(), id.Chain[1:]...))
		require.NoError(t, p.ImportCertificate(t.Context(), id.Certificate(), id.Chain[1:]...), "again")
		keys = append(keys, providertest.Key{ID: e.ID, Label: string(kind), Certificate: id.Certificate(), Chain: id.Chain})
	}
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
