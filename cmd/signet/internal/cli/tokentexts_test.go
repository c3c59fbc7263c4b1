package cli_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

// TestKeysOfAnEmptyToken: a list with nothing in it says so.
func TestKeysOfAnEmptyToken(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"logged in": {[]string{h.with("")}, "  no keys and no certificates; signet keygen makes a key\n"},
		"named key": {[]string{h.with("object=x")}, "  no key as in the URI\n"},
		"no login":  {[]string{h.with(""), "--no-login"}, "  nothing that it shows without its PIN\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.run(append([]string{"keys", "--key"}, c.args...)...)
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			require.Contains(t, got.stdout, c.says)
		})
	}
	w.write("a", "a")
	got := w.run("sign", "@a", "--key", h.with(""))
	require.Equal(t, cli.ExitKey, got.code)
	require.Contains(t, got.stderr, "no such key; there is no key at all; signet keys lists what is there, signet keygen makes a key")
}

// TestWhatToDoInTheProgram: what the library tells programmers to set in Config is told in flags.
func TestWhatToDoInTheProgram(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	h.key("ec:P-256", "k")
	half := h.half("half")
	w.write("a", "a")
	w.write("strange.crt", certPEM(w.id.Certificate()))
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no PIN":            {[]string{"sign", "@a", "--key", h.uri("object=k")}, "give it (pin-source=FILE in the URI, --password-file FILE, or SIGNET_PIN)"},
		"no public half":    {[]string{"sign", "@a", "--key", half}, `key "half" (id 77): not supported: its public key is not on the token`},
		"give it":           {[]string{"keys", "--key", half}, "give its certificate (--cert FILE)"},
		"init string":       {[]string{"keys", "--key", h.uri("") + "&x-init-args=x"}, "some modules need an init string (x-init-args= in the URI)"},
		"id in hexadecimal": {[]string{"sign", "@a", "--key", h.with("id=77AB")}, "the id of a URI is percent-encoded: id=%77%AB is what was meant, perhaps"},
		"other certificate": {[]string{"sign", "@a", "--key", h.with("object=k"), "--cert", "@strange.crt"}, "the key is not the one of the certificate: the certificate of "},
		"of the only key":   {[]string{"sign", "@a", "--key", "@key.pem", "--cert", "@k.crt"}, "from --cert, is of another key than the one that is named"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.run(c.args...)
			require.Equal(t, cli.ExitKey, got.code, got.stderr)
			require.Contains(t, got.stderr, c.says)
			require.NotContains(t, got.stderr, "Config.")
		})
	}
}

// TestImportCertOfAKeyWithoutPublicHalf: the certificate itself says which key it is of.
func TestImportCertOfAKeyWithoutPublicHalf(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	h.key("ec:P-256", "k")
	half := h.half("half")
	w.write("a", "a")
	got := w.run("import-cert", "--key", half, "@k.crt")
	require.Equal(t, cli.ExitKey, got.code, got.stderr)
	require.Contains(t, got.stderr, `not read: pkcs11: keys token`)
	got = w.run("import-cert", "--key", half, "@half.crt", "@ca.pem")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.NotContains(t, got.stderr, "warning")
	got = w.run("sign", "@a", "--key", half)
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	got = w.run("import-cert", "--key", half, "@half.crt", "@ca.pem")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.NotContains(t, got.stderr, "warning")
}

// half makes a key without a public half on the token, with a certificate in a file, and returns its URI.
func (h *hsm) half(label string) string {
	t := h.w.t
	t.Helper()
	got := h.w.run("keygen", "--key", h.with(""), "--type", "ec:P-256", "--label", label, "--id", "77")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	got = h.w.run("csr", "--key", h.with("object="+label), "--subject", "CN="+label, "--out", "@"+label+".csr")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	h.w.issue(label+".csr", label+".crt")
	out, err := exec.Command(needs(t, "pkcs11-tool", "opensc"), "--module", h.module, "--token-label", h.label, "--login", "--pin", goodPIN,
		"--delete-object", "--type", "pubkey", "--id", "77").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return h.with("object=" + label)
}
