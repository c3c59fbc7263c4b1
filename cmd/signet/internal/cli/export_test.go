package cli_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// opened opens a key file with a password.
func (w *world) opened(name, password string) *soft.Provider {
	w.t.Helper()
	p, err := soft.Open(w.t.Context(), w.path(name), soft.Config{
		Parsers: schemes.Parsers(), Encryption: schemes.Encryption(), Root: true,
		Password: func(context.Context, string) (sign.Secret, error) { return sign.NewSecret([]byte(password)), nil },
	})
	require.NoError(w.t, err)
	return p
}

// signer is of the only key of a file.
func (w *world) signer(name, password string) *sign.Signer {
	w.t.Helper()
	s, err := sign.Open(w.t.Context(), w.opened(name, password), sign.Ref{})
	require.NoError(w.t, err)
	return s
}

// pkcs8 is the only key of a file.
func (w *world) pkcs8(name, password string) []byte {
	w.t.Helper()
	p := w.opened(name, password)
	key, err := p.Key(w.t.Context(), sign.Ref{})
	require.NoError(w.t, err)
	der, err := p.MarshalPKCS8(w.t.Context(), key)
	require.NoError(w.t, err)
	return der
}

// TestExport takes keys of each kind from a key file into a container and out of that into another one. What is in them is read by
// ourselves, and by OpenSSL, its engine of GOST and Java where they know the kind.
func TestExport(t *testing.T) {
	const password, other = "long enough", "Пароль €"
	engine, _ := exec.CommandContext(t.Context(), "openssl", "engine", "gost").CombinedOutput()
	hasEngine := strings.Contains(string(engine), "(gost)") && !strings.Contains(string(engine), "rror")
	for _, c := range []struct {
		kind, curve string
		judges      string
	}{
		{"rsa:2048", "", "openssl go java"}, {"ec:P-521", "", "openssl go java"}, {"ed25519", "", "openssl go"},
		{"ml-dsa-65", "", ""}, {"gost2012-256", "", "engine"}, {"gost2012-256", "cryptopro-xcha", "engine"}, {"gost2012-512", "tc26-512-c", "engine"},
	} {
		t.Run(c.kind+c.curve, func(t *testing.T) {
			w := newWorld(t)
			w.write("pass", password)
			w.write("other", other)
			made := []string{"keygen", "--out", "@a.key", "--password-file", "@pass", "--type", c.kind}
			if c.curve != "" {
				made = append(made, "--curve", c.curve)
			}
			require.Equal(t, cli.ExitOK, w.run(made...).code)
			require.Equal(t, cli.ExitOK, w.run("csr", "--self-signed", "300", "--key", "@a.key", "--password-file", "@pass", "--subject", "CN=Seal", "--out", "@a.crt").code)
			got := w.run("export", "--key", "@a.key", "--password-file", "@pass", "--cert", "@a.crt", "--out", "@a.p12", "--new-password-file", "@other", "--label", "Печать")
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			require.Equal(t, "@a.p12\n", got.stdout)
			require.Contains(t, got.stderr, "with 1 certificate")
			info, err := os.Stat(w.path("a.p12"))
			require.NoError(t, err)
			require.EqualValues(t, 0o600, info.Mode().Perm())
			signer := w.signer("a.p12", other)
			require.Len(t, signer.Chain(), 1)
			require.Equal(t, "Seal", signer.Certificate().Subject.CommonName)
			require.NotContains(t, w.read("a.p12"), string(signer.Certificate().Raw), "the certificate is encrypted, too")

			// and once more, out of a container, with the name that it has there
			got = w.run("export", "--key", "@a.p12", "--password-file", "@other", "--out", "@b.p12", "--new-password-file", "@pass")
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			_, err = w.opened("b.p12", password).Key(t.Context(), sign.Ref{Label: "Печать"})
			require.NoError(t, err)
			require.Equal(t, w.pkcs8("a.key", password), w.pkcs8("b.p12", password))

			if strings.Contains(c.judges, "openssl") {
				out, err := exec.CommandContext(t.Context(), "openssl", "pkcs12", "-in", w.path("a.p12"), "-passin", "file:"+w.path("other"), "-info", "-nodes").CombinedOutput()
				require.NoError(t, err, "%s", out)
				require.Contains(t, string(out), "MAC: sha256, Iteration 250000")
				require.Equal(t, 2, strings.Count(string(out), "PBES2, PBKDF2, AES-256-CBC, Iteration 250000, PRF hmacWithSHA256"))
				require.Contains(t, string(out), "BEGIN PRIVATE KEY")
				require.Contains(t, string(out), "BEGIN CERTIFICATE")
			}
			if strings.Contains(c.judges, "go") {
				_, leaf, err := pkcs12.Decode([]byte(w.read("a.p12")), other)
				require.NoError(t, err)
				require.True(t, leaf.Equal(signer.Certificate()))
			}
			if keytool, err := exec.LookPath("keytool"); err == nil && strings.Contains(c.judges, "java") {
				out, err := exec.CommandContext(t.Context(), keytool, "-list", "-keystore", w.path("b.p12"), "-storetype", "PKCS12", "-storepass:file", w.path("pass")).CombinedOutput()
				require.NoError(t, err, "%s", out)
				require.Contains(t, string(out), "PrivateKeyEntry")
			}
			if c.judges == "engine" && hasEngine {
				out := w.engine("pkcs12", "-in", w.path("b.p12"), "-passin", "file:"+w.path("pass"), "-nodes")
				require.Contains(t, out, "BEGIN PRIVATE KEY")
				require.Contains(t, out, "BEGIN CERTIFICATE")
			}
		})
	}
	if !hasEngine {
		t.Skip("SKIPPED: there is no engine of GOST for OpenSSL, as scripts/tools.sh installs it (libengine-gost-openssl)")
	}
}

// TestExportChain takes the issuers along, and those only.
func TestExportChain(t *testing.T) {
	w := newWorld(t)
	w.write("pass", "long enough")
	got := w.run("export", "--key", "@key.pem", "--chain", "@root.pem", "--out", "@a.p12", "--new-password-file", "@pass")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	signer := w.signer("a.p12", "long enough")
	require.Equal(t, w.signer("key.pem", "").Certificate().Raw, signer.Certificate().Raw)
	require.Equal(t, w.pki.Root.Certificate().Raw, signer.Chain()[len(signer.Chain())-1].Raw)

	require.Equal(t, cli.ExitOK, w.run("keygen", "--out", "@bare.key", "--no-password", "--type", "ed25519").code)
	got = w.run("export", "--key", "@bare.key", "--out", "@bare.p12", "--new-password-file", "@pass")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stderr, "no certificate in it")
}

func TestExportRefused(t *testing.T) {
	w := newWorld(t)
	w.write("pass", "long enough")
	w.write("empty", "\n")
	w.write("there.p12", "somebody's key")
	require.Equal(t, cli.ExitOK, w.run("keygen", "--out", "@other.key", "--no-password", "--type", "ed25519").code)
	require.Equal(t, cli.ExitOK, w.run("csr", "--self-signed", "300", "--key", "@other.key", "--subject", "CN=Other", "--out", "@other.crt").code)
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"without a file":       {[]string{"--key", "@key.pem", "--new-password-file", "@pass"}, cli.ExitUsage, "--out FILE"},
		"without a key":        {[]string{"--out", "@x.p12", "--new-password-file", "@pass"}, cli.ExitUsage, "which key?"},
		"without a password":   {[]string{"--key", "@key.pem", "--out", "@x.p12"}, cli.ExitUsage, "--new-password-file FILE"},
		"an empty password":    {[]string{"--key", "@key.pem", "--out", "@x.p12", "--new-password-file", "@empty"}, cli.ExitUsage, "is empty"},
		"no password file":     {[]string{"--key", "@key.pem", "--out", "@x.p12", "--new-password-file", "@none"}, cli.ExitKey, "password file"},
		"a token":              {[]string{"--key", "pkcs11:token=x?pin-value=SECRET", "--out", "@x.p12"}, cli.ExitUsage, "never leaves it"},
		"a file that is there": {[]string{"--key", "@key.pem", "--out", "@there.p12", "--new-password-file", "@pass"}, cli.ExitUsage, "never written over"},
		"no folder":            {[]string{"--key", "@key.pem", "--out", "@none/x.p12", "--new-password-file", "@pass"}, cli.ExitFailed, "write @none/x.p12"},
		"another certificate":  {[]string{"--key", "@key.pem", "--cert", "@other.crt", "--out", "@x.p12", "--new-password-file", "@pass"}, cli.ExitKey, "is of another key"},
		"an argument":          {[]string{"--key", "@key.pem", "--out", "@x.p12", "@key.pem"}, cli.ExitUsage, "takes no arguments"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.run(append([]string{"export"}, c.args...)...)
			require.Equal(t, c.code, got.code, got.stderr)
			require.Contains(t, got.stderr, c.says)
			require.NotContains(t, got.stderr, "SECRET")
			require.Empty(t, got.stdout)
			require.NoFileExists(t, w.path("x.p12"))
		})
	}
	require.Equal(t, "somebody's key", w.read("there.p12"))
	left, err := os.ReadDir(w.path(""))
	require.NoError(t, err)
	for _, f := range left {
		require.NotContains(t, f.Name(), "signet-", "nothing half-written is left")
	}
}
