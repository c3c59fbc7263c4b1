package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

// TestTokenThatHashes goes from nothing to a signature on a token that signs no digests, by its own configuration: the token
// makes them.
func TestTokenThatHashes(t *testing.T) {
	w := newWorld(t)
	h := w.newHSM()
	all := os.Getenv("SOFTHSM2_CONF")
	conf, err := os.ReadFile(all)
	require.NoError(t, err)
	w.write("softhsm2.conf", string(conf)+"slots.mechanisms = -,CKM_RSA_PKCS,CKM_RSA_PKCS_PSS\n")
	t.Setenv("SOFTHSM2_CONF", w.path("softhsm2.conf"))
	library, err := os.ReadFile(h.module)
	require.NoError(t, err)
	h.module = filepath.Join(w.dir, "trimmed.so") // one of its own, which reads the configuration anew
	require.NoError(t, os.WriteFile(h.module, library, 0o700))

	uri := h.key("rsa:2048", "seal")
	w.write("a", "the content of a")
	w.write("b", "the content of b")
	for _, scheme := range []string{"rsa-pkcs1-sha256", "rsa-pkcs1-sha512", "rsa-pss-sha256", "rsa-pss-sha384"} {
		got := w.run("sign", "--key", uri, "--scheme", scheme, "@a", "@b")
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		got = w.run("verify", "--trust", "@ca.pem", "--content", "@a", "@a.p7s")
		require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
		openssl(t, "cms", "-verify", "-inform", "DER", "-in", w.path("a.p7s"), "-content", w.path("a"), "-CAfile", w.path("ca.pem"), "-purpose", "any", "-binary", "-out", w.path("out"))
		got = w.run("csr", "--key", uri, "--scheme", scheme, "--subject", "CN=Seal", "--out", "@again.csr")
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		openssl(t, "req", "-verify", "-noout", "-in", w.path("again.csr"))
	}
	got := w.run("keys", "--key", uri)
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stdout, "rsa-pss-sha512")
	got = w.run("doctor", "--key", uri)
	require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
	for _, want := range []string{
		"rsa-pkcs1-sha256, verified, by CKM_SHA256_RSA_PKCS: the token makes the digest",
		"rsa-pss-sha256, verified, by CKM_SHA256_RSA_PKCS_PSS: the token makes the digest",
		"CKM_SHA384_RSA_PKCS ", "1 session ",
	} {
		require.Contains(t, got.stdout, want)
	}
	require.NotContains(t, got.stdout, "CKM_RSA_PKCS ")

	// With a token that signs digests, nothing of it is said.
	t.Setenv("SOFTHSM2_CONF", all)
	h.module = softhsm(t)
	got = w.run("doctor", "--key", h.with("object=seal"))
	require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
	require.NotContains(t, got.stdout, "the token makes the digest")
	require.NotContains(t, got.stdout, "CKM_SHA256")
}
