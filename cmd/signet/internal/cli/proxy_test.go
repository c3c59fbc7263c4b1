package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/provider/pkcs11"
)

// TestProxyIsTheDefault names tokens and no module: what is registered with p11-kit is looked at.
func TestProxyIsTheDefault(t *testing.T) {
	if found, _ := filepath.Glob("/usr/share/p11-kit/modules/softhsm*.module"); len(found) == 0 {
		t.Skip("SKIPPED: SoftHSM2 is not registered with p11-kit (apt-get install softhsm2)")
	}
	if pkcs11.DefaultModule() == "" {
		t.Skip("SKIPPED: p11-kit-proxy.so is not here (apt-get install p11-kit-modules)")
	}
	w := newWorld(t)
	w.write("softhsm2.conf", "directories.tokendir = "+w.path("tokens")+"\nobjectstore.backend = file\n")
	require.NoError(t, os.Mkdir(w.path("tokens"), 0o700))
	t.Setenv("SOFTHSM2_CONF", w.path("softhsm2.conf"))
	t.Setenv("TPM2_PKCS11_STORE", w.path("tokens")) // or its module makes one in the home folder
	t.Setenv("TSS2_LOG", "all+NONE")
	h := w.newHSM()
	h.key("ec:P-256", "seal")
	w.write("a", "the content")

	got := w.run("sign", "--key", "pkcs11:?pin-source="+w.path("pin"), "@a")
	require.Equal(t, cli.ExitOK, got.code, "the only token: %s", got.stderr)
	got = w.run("keys", "--key", "pkcs11:token="+h.label+"?pin-source="+w.path("pin"))
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stdout, `key "seal"`)
	require.NotContains(t, got.stdout, "module-path", "the next command finds it in the same way")
	got = w.run("doctor", "--key", "pkcs11:token="+h.label+"?pin-source="+w.path("pin"))
	require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
	require.Contains(t, got.stdout, pkcs11.DefaultModule())

	other := w.newHSM()
	got = w.run("sign", "--key", "pkcs11:?pin-source="+w.path("wrong"), "@a")
	require.Equal(t, cli.ExitKey, got.code, got.stderr)
	require.Contains(t, got.stderr, "token=LABEL")
	for _, hsm := range []*hsm{h, other} {
		require.Contains(t, got.stderr, hsm.label)
		got := w.run("keys", "--no-login", "--key", "pkcs11:token="+hsm.label, "--json")
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		require.False(t, objects[listed](t, got.stdout)[0].Token.PINCountLow, "no PIN was tried")
	}
}
