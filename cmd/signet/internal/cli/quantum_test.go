package cli_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/certify"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// newOpenSSL finds an OpenSSL that knows ML-DSA, 3.5 or later.
func newOpenSSL(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	for _, path := range []string{"openssl", filepath.Join(cache, "signet-tests", "openssl-4", "openssl"), filepath.Join(cache, "signet-tests", "openssl-3.5", "openssl")} {
		if out, err := exec.Command(path, "list", "-signature-algorithms").Output(); err == nil && strings.Contains(string(out), "ML-DSA-65") { //nolint:gosec // a list above
			return path
		}
	}
	t.Skip("SKIPPED: there is no OpenSSL 3.5 or later, as scripts/tools.sh installs it")
	return ""
}

func judged(t testing.TB, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput() //nolint:gosec // a tool of this machine
	require.NoError(t, err, "openssl %s: %s", strings.Join(args, " "), out)
	return string(out)
}

// certified puts a certificate of a key file beside it, made by the key itself.
func (w *world) certified(name string, password string) {
	w.t.Helper()
	p, err := soft.Open(w.t.Context(), w.path(name), soft.Config{Parsers: []soft.Parser{mldsa.Parse}, Password: soft.PasswordFile(w.write("pass", password))})
	require.NoError(w.t, err)
	key, err := p.Key(w.t.Context(), sign.Ref{})
	require.NoError(w.t, err)
	spki, err := certify.PublicKey(key)
	require.NoError(w.t, err)
	der, err := certify.Certificate(w.t.Context(), &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Archive"}, NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.Add(100 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}, spki, nil, key, key.(sign.Schemer).Schemes()[0])
	require.NoError(w.t, err)
	c, err := trust.ParseCertificate(der)
	require.NoError(w.t, err)
	w.write(strings.TrimSuffix(name, ".key")+".crt", certPEM(c))
}

// TestQuantum takes a key of each set from a key file to a signature with a time-stamp of SHA-512. OpenSSL judges key and request.
func TestQuantum(t *testing.T) {
	for _, kind := range []string{"ml-dsa-44", "ml-dsa-65", "ml-dsa-87"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			w.write("pass", "long enough")
			got := w.run("keygen", "--algorithm", kind, "--out", "@a.key", "--password-file", "@pass")
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			require.Equal(t, "@a.key\n", got.stdout)
			require.Contains(t, w.read("a.key"), "BEGIN ENCRYPTED PRIVATE KEY")
			info, err := os.Stat(w.path("a.key"))
			require.NoError(t, err)
			require.EqualValues(t, 0o600, info.Mode().Perm())
			key := w.read("a.key")
			got = w.run("keygen", "--type", kind, "--out", "@a.key", "--password-file", "@pass")
			require.Equal(t, cli.ExitUsage, got.code)
			require.Contains(t, got.stderr, "never written over")
			require.Equal(t, key, w.read("a.key"))

			got = w.run("csr", "--key", "@a.key", "--password-file", "@pass", "--subject", "CN=Archive,O=Example", "--out", "@r.csr")
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			got = w.run("csr", "--key", "@a.key", "--password-file", "@pass", "--subject", "CN=Archive", "--scheme", "rsa-pss-sha256")
			require.Equal(t, cli.ExitKey, got.code)

			w.certified("a.key", "long enough")
			w.write("content", "what is signed")
			sign := []string{"--key", "@a.key", "--password-file", "@pass", "--cert", "@a.crt"}
			got = w.run(append([]string{"sign"}, append(sign, "--scheme", strings.ToUpper(kind), "--level", "t", "--tsa", "demo", "--tsa-hash", "sha512", "@content")...)...)
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			got = w.run("verify", "--trust", "@a.crt", "--timestamp-trust", "demo", "--revocation", "off", "@content.p7s")
			require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
			got = w.run("inspect", "@content.p7s")
			require.Contains(t, got.stdout, strings.ToUpper(kind))
			require.Contains(t, got.stdout, "SHA-512")
			w.write("content", "what was not signed")
			got = w.run("verify", "--trust", "@a.crt", "--timestamp-trust", "demo", "--revocation", "off", "@content.p7s")
			require.NotEqual(t, cli.ExitOK, got.code, got.stdout)

			got = w.run("keys", "--key", "@a.key", "--password-file", "@pass")
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			require.Contains(t, got.stdout, strings.ToUpper(kind))
			require.Contains(t, got.stdout, " "+kind)
			got = w.run(append([]string{"doctor"}, sign...)...)
			require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
			require.Contains(t, got.stdout, kind+", verified")

			program := newOpenSSL(t)
			require.Contains(t, judged(t, program, "pkey", "-in", w.path("a.key"), "-passin", "pass:long enough", "-noout", "-text"), "seed")
			require.Contains(t, judged(t, program, "req", "-in", w.path("r.csr"), "-noout", "-verify", "-text"), strings.ToUpper(kind))
			judged(t, program, "verify", "-CAfile", w.path("a.crt"), w.path("a.crt"))
			judged(t, program, "pkcs12", "-export", "-inkey", w.path("a.key"), "-passin", "pass:long enough", "-in", w.path("a.crt"), "-out", w.path("a.p12"), "-passout", "pass:long enough")
			w.write("other", "more")
			got = w.run("sign", "--key", "@a.p12", "--password-file", "@pass", "@other")
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			got = w.run("verify", "--trust", "@a.crt", "--revocation", "off", "@other.p7s")
			require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
		})
	}
}

// TestKeygenFile makes key files of every type, and refuses what does not go together.
func TestKeygenFile(t *testing.T) {
	w := newWorld(t)
	for _, kind := range []string{"rsa:2048", "ec:P-256", "ec:P-384", "ec:P-521", "ed25519", "ml-dsa-44"} {
		file := "@" + strings.ReplaceAll(kind, ":", "-") + ".key"
		got := w.run("keygen", "--type", kind, "--out", file, "--no-password")
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		got = w.run("csr", "--key", file, "--subject", "CN=x")
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
	}
	w.write("pass", "long enough")
	w.write("empty", "")
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no password":   {[]string{"--type", "ed25519", "--out", "@x"}, "--no-password"},
		"both":          {[]string{"--type", "ed25519", "--out", "@x", "--no-password", "--password-file", "@pass"}, "do not go together"},
		"empty":         {[]string{"--type", "ed25519", "--out", "@x", "--password-file", "@empty"}, "password"},
		"no type":       {[]string{"--out", "@x", "--no-password"}, "--type"},
		"another type":  {[]string{"--type", "ml-dsa-66", "--out", "@x", "--no-password"}, "ml-dsa-65"},
		"a token, too":  {[]string{"--type", "ed25519", "--out", "@x", "--no-password", "--key", "pkcs11:token=x"}, "neither"},
		"a label":       {[]string{"--type", "ed25519", "--out", "@x", "--no-password", "--label", "x"}, "--label"},
		"nothing":       {[]string{"--type", "ed25519", "--out", ""}, "empty"},
		"without a key": {[]string{"--type", "ed25519", "--no-password"}, "--out"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.run(append([]string{"keygen"}, c.args...)...)
			require.NotEqual(t, cli.ExitOK, got.code)
			require.Contains(t, got.stderr, c.says)
			require.NotContains(t, w.files(""), "x")
		})
	}
	got := w.run("sign", "--key", "@key.pem", "--tsa-hash", "md5", "--level", "t", "--tsa", "demo", "@key.pem")
	require.Equal(t, cli.ExitUsage, got.code)
	require.Contains(t, got.stderr, "sha512")
}

// TestQuantumToken goes the same way with a token of kryoptic, which has ML-DSA: keygen, csr, import-cert, sign, verify, keys, doctor.
func TestQuantumToken(t *testing.T) {
	module := os.Getenv("SIGNET_TEST_KRYOPTIC")
	if module == "" {
		cache, err := os.UserCacheDir()
		require.NoError(t, err)
		module = filepath.Join(cache, "signet-tests", "kryoptic-pqc", "libkryoptic_pkcs11.so")
	}
	if _, err := os.Stat(module); err != nil {
		t.Skip("SKIPPED: there is no kryoptic with ML-DSA; scripts/tokens.sh builds it where there is cargo")
	}
	tool, err := exec.LookPath("pkcs11-tool")
	if err != nil {
		t.Skip("SKIPPED: pkcs11-tool is not here (apt-get install opensc)")
	}
	w := newWorld(t)
	t.Setenv("KRYOPTIC_CONF", w.write("kryoptic.conf", "[[slots]]\nslot = 1\ndbtype = \"sqlite\"\ndbargs = \""+w.path("token.sql")+"\"\n"))
	judged(t, tool, "--module", module, "--init-token", "--slot", "1", "--label", "archive", "--so-pin", "12345678")
	judged(t, tool, "--module", module, "--token-label", "archive", "--init-pin", "--login", "--login-type", "so", "--so-pin", "12345678", "--pin", "87654321")
	w.write("pin", "87654321")
	uri := "pkcs11:token=archive?module-path=" + module + "&pin-source=" + w.path("pin")
	got := w.run("keygen", "--key", uri, "--type", "ml-dsa-65", "--label", "k")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stderr, "ML-DSA-65")
	got = w.run("csr", "--key", uri, "--subject", "CN=Archive", "--out", "@r.csr")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	got = w.run("doctor", "--key", uri)
	require.Contains(t, got.stdout, "ml-dsa-65, verified")

	// An authority of RSA makes the certificate of the request, as today's do.
	block, _ := pem.Decode([]byte(w.read("r.csr")))
	request, err := x509.ParseCertificateRequest(block.Bytes)
	require.NoError(t, err)
	authority := w.pki.Root
	p, err := soft.New(authority.Key, soft.Config{})
	require.NoError(t, err)
	key, err := p.Key(t.Context(), sign.Ref{})
	require.NoError(t, err)
	der, err := certify.Certificate(t.Context(), &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Archive"}, NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.Add(100 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}, request.RawSubjectPublicKeyInfo, authority.Certificate(), key, key.(sign.Schemer).Schemes()[0])
	require.NoError(t, err)
	c, err := trust.ParseCertificate(der)
	require.NoError(t, err)
	w.write("a.crt", certPEM(c))
	got = w.run("import-cert", "--key", uri, "@a.crt", "@root.pem")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stderr, "1 certificate of its issuers")
	w.write("content", "what is signed")
	got = w.run("sign", "--key", uri, "@content")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	got = w.run("verify", "--trust", "@root.pem", "--revocation", "off", "@content.p7s")
	require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
	got = w.run("keys", "--key", uri)
	require.Contains(t, got.stdout, "ML-DSA-65")
	require.Contains(t, got.stdout, "ml-dsa-65")
}
