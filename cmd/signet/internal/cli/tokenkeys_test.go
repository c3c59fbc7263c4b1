package cli_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

type listed struct {
	Kind, Label, Serial, Thumbprint, Algorithm, URI string
	Slot                                            uint
	Token                                           *struct {
		Label, Serial, Manufacturer, Model string
		LoginRequired                      bool `json:"login_required"`
		PINCountLow                        bool `json:"pin_count_low"`
	}
	Schemes []string
}

// TestTokenKeys lists slots, tokens and keys, with and without a PIN.
func TestTokenKeys(t *testing.T) {
	w := newWorld(t)
	h, other := w.newHSM(), w.newHSM()
	h.key("ec:P-256", "k1")
	require.Equal(t, cli.ExitOK, w.run("keygen", "--key", h.with(""), "--type", "rsa:2048", "--label", "k2", "--id", "0a:0B").code)
	got := w.run("import-cert", "--key", h.with("object=k1"), "@k1.crt", "@ca.pem")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)

	got = w.run("keys", "--key", h.with(""))
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	for _, want := range []string{
		`token "` + h.label + `", serial `, "of SoftHSM project", "login required", `key "k1"`, "ecdsa-sha256", "CN=k1",
		`key "k2", id 0a0b: RSA-2048`, "none; signet csr", `certificate "Test CA"`, "object=k2;id=%0A%0B?module-path=" + h.module + "&pin-source=@pin",
	} {
		require.Contains(t, got.stdout, want)
	}
	require.NotContains(t, got.stdout, other.label)
	require.NotContains(t, got.stdout, "public key")

	got = w.run("keys", "--key", h.with("object=k2"), "--json")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	all := objects[listed](t, strings.ReplaceAll(got.stdout, "@", w.dir+"/"))
	require.Len(t, all, 2)
	require.Equal(t, "slot", all[0].Kind)
	require.Equal(t, h.label, all[0].Token.Label)
	require.True(t, all[0].Token.LoginRequired)
	require.Equal(t, "key", all[1].Kind)
	require.Equal(t, all[0].Slot, all[1].Slot)
	require.NotEmpty(t, all[1].Schemes)
	w.write("a", "a")
	got = w.run("sign", "--key", all[1].URI, "--cert", "@k1.crt", "@a")
	require.Equal(t, cli.ExitKey, got.code, "the URI names k2, the certificate is of k1")

	for _, args := range [][]string{{"--key", h.uri("")}, {"--key", h.with(""), "--no-login"}} {
		got = w.run(append([]string{"keys"}, args...)...)
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		require.Contains(t, got.stdout, `public key "k2"`)
		require.Contains(t, got.stdout, `certificate "k1"`)
		require.NotContains(t, got.stdout, `  key "`)
		require.Contains(t, got.stderr, "shows public keys only without its PIN")
	}

	// A PIN is not tried on several tokens.
	got = w.run("keys", "--key", "pkcs11:?module-path="+h.module+"&pin-source="+w.path("wrong"), "--json")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stderr, "no PIN was tried, since the URI means")
	for _, o := range objects[listed](t, got.stdout) {
		require.False(t, o.Token != nil && (o.Token.Label == h.label || o.Token.Label == other.label) && o.Token.PINCountLow)
	}
	got = w.run("keys", "--key", "pkcs11:token=nobody?module-path="+h.module)
	require.Equal(t, cli.ExitKey, got.code)
	require.Contains(t, got.stderr, h.label)
	require.Equal(t, 1, strings.Count(got.stderr, "\n"))
}

// TestKeygen makes keys as asked for, which pkcs11-tool sees as they should be, and refuses the rest.
func TestKeygen(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	for _, kind := range []string{"RSA:2048", "rsa-2048", "ec:P-384", "P-521", "ec:prime256v1", "p256", "Ed25519"} {
		label := strings.NewReplacer(":", "-").Replace(kind)
		got := w.run("keygen", "--key", h.with("object="+label), "--type", kind)
		require.Equal(t, cli.ExitOK, got.code, "%s: %s", kind, got.stderr)
		require.Equal(t, 1, strings.Count(got.stdout, "\n"))
	}
	out, err := exec.Command(needs(t, "pkcs11-tool", "opensc"), "--module", h.module, "--token-label", h.label, "--login", "--pin", goodPIN, "--list-objects", "--type", "privkey").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, 7, strings.Count(string(out), "Private Key Object"), "%s", out)
	require.Equal(t, 7, strings.Count(string(out), "sensitive, always sensitive, never extractable, local"), "%s", out)

	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"label that is there": {[]string{"--key", h.with(""), "--type", "p256", "--label", "p256"}, cli.ExitKey, "already"},
		"no type":             {[]string{"--key", h.with(""), "--label", "x"}, cli.ExitUsage, "Give --type, one of rsa:2048"},
		"unknown type":        {[]string{"--key", h.with(""), "--label", "x", "--type", "dsa"}, cli.ExitUsage, "--type dsa: choose one of"},
		"no label":            {[]string{"--key", h.with(""), "--type", "p256"}, cli.ExitUsage, "Give --label"},
		"two labels":          {[]string{"--key", h.with("object=x"), "--type", "p256", "--label", "y"}, cli.ExitUsage, "left out"},
		"no id":               {[]string{"--key", h.with(""), "--type", "p256", "--label", "x", "--id", "xyz"}, cli.ExitUsage, "hexadecimal"},
		"no PIN":              {[]string{"--key", h.uri(""), "--type", "p256", "--label", "x"}, cli.ExitKey, "pin-source=FILE"},
		"a file":              {[]string{"--key", "@new.pem", "--type", "p256", "--label", "x"}, cli.ExitUsage, "--out FILE"},
		"no key":              {[]string{"--type", "p256", "--label", "x"}, cli.ExitUsage, "which token?"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.run(append([]string{"keygen"}, c.args...)...)
			require.Equal(t, c.code, got.code, got.stderr)
			require.Contains(t, got.stderr, c.says)
			require.Empty(t, got.stdout)
		})
	}
	require.NoFileExists(t, w.path("new.pem"))
}

// TestImportCertExpired puts it there, and says so.
func TestImportCertExpired(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	key := h.key("ec:P-256", "k")
	w.now = w.now.AddDate(2, 0, 0)
	got := w.run("import-cert", "--key", key, "@k.crt")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stderr, "warning: the certificate of CN=k expired on ")
}

// TestImportCert refuses what belongs to no key, and leaves out what is no issuer.
func TestImportCert(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	key := h.key("ec:P-256", "k")
	h.key("ec:P-256", "l")
	w.write("strange.crt", certPEM(w.pki.Leaf(testpki.P256).Certificate()))
	w.write("none", "none")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"of no key":           {[]string{"--key", h.with(""), "@strange.crt"}, cli.ExitKey, `has the public key of the certificate of`},
		"of another key":      {[]string{"--key", key, "@l.crt"}, cli.ExitKey, "no key that the URI names"},
		"several of no key":   {[]string{"--key", h.with(""), "@strange.crt", "@root.pem"}, cli.ExitKey, "any of the 2 certificates"},
		"of two keys":         {[]string{"--key", h.with(""), "@k.crt", "@l.crt"}, cli.ExitUsage, "give one"},
		"key that is not":     {[]string{"--key", h.with("object=z"), "@k.crt"}, cli.ExitKey, "signet keys"},
		"no file":             {[]string{"--key", key, "@no.crt"}, cli.ExitUsage, "there is no such file"},
		"no certificate":      {[]string{"--key", key, "@none"}, cli.ExitUsage, "no certificate in it"},
		"no files":            {[]string{"--key", key}, cli.ExitUsage, "give the file of the certificate"},
		"a key file":          {[]string{"--key", "@key.pem", "@k.crt"}, cli.ExitUsage, "--cert"},
		"no PIN":              {[]string{"--key", h.uri(""), "@k.crt"}, cli.ExitKey, "pin-source=FILE"},
		"there already":       {[]string{"--key", key, "@k.crt"}, cli.ExitOK, "is on token"},
		"with one too many":   {[]string{"--key", key, "@k.crt", "@strange.crt"}, cli.ExitOK, "warning: left out"},
		"the chain backwards": {[]string{"--key", key, "@ca.pem", "@k.crt"}, cli.ExitOK, "with 1 certificate of its issuers"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.run(append([]string{"import-cert"}, c.args...)...)
			require.Equal(t, c.code, got.code, got.stderr)
			require.Contains(t, got.stderr, c.says)
			if c.code != cli.ExitOK {
				require.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
			}
		})
	}
	// A renewed certificate beside the old one is taken, unless the other one is named.
	w.issue("k.csr", "new.crt", "-set_serial", "77")
	got := w.run("import-cert", "--key", key, "@new.crt")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stderr, "has another certificate, too")
	w.write("a", "a")
	got = w.run("sign", "--key", key, "@a")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	got = w.run("doctor", "--no-rate", "--key", key)
	require.Equal(t, cli.ExitOK, got.code, got.stdout)
	require.Contains(t, got.stdout, "the key has 1 certificate more")
	require.Equal(t, cli.ExitOK, w.run("csr", "--key", key, "--subject", "CN=again").code)
	all := objects[listed](t, w.run("keys", "--key", key, "--json").stdout)
	require.Len(t, all, 3)
	for _, k := range all[1:] {
		thumbprint, err := sign.ParseThumbprint(k.Thumbprint)
		require.NoError(t, err, thumbprint)
		require.Equal(t, cli.ExitOK, w.run("sign", "--key", key, "--cert", k.Thumbprint, "@a").code)
	}
}
