package cli_test

import (
	"crypto/x509"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
)

func openssl(t testing.TB, args ...string) string {
	t.Helper()
	return testpki.OpenSSL(t, "", args...)
}

// TestOpenSSLVerifies lets OpenSSL check what the program signed, also with the demo key.
func TestOpenSSLVerifies(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content\nof two lines\n")
	for _, kind := range []testpki.Kind{testpki.RSA2048, testpki.P256, testpki.P384} {
		w.write(string(kind)+".pem", keyPEM(t, w.pki.Leaf(kind)))
	}
	verify := func(file, ca string, rest ...string) {
		t.Helper()
		openssl(t, append([]string{"cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", w.path(file), "-CAfile", w.path(ca), "-out", w.path("out")}, rest...)...)
		require.Equal(t, "content\nof two lines\n", w.read("out"))
	}
	for _, key := range []string{"rsa-2048", "p256", "p384", "demo"} {
		t.Run(key, func(t *testing.T) {
			ca, name := "root.pem", "@"+key+".pem"
			if key == "demo" {
				ca, name = "state/signet/demo/ca.pem", key
			}
			require.Equal(t, cli.ExitOK, w.run("sign", "--key", name, "@a").code)
			verify("a.p7s", ca, "-content", w.path("a"))
			require.Equal(t, cli.ExitOK, w.run("sign", "--key", name, "--attached", "@a").code)
			verify("a.p7m", ca)
		})
	}
}

// TestOpenSSLSigns verifies and shows what OpenSSL signed.
func TestOpenSSLSigns(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.write("signer.pem", keyPEM(t, w.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.SubjectKeyId = []byte("a key") })))
	w.write("authority.pem", certPEM(w.pki.Authority.Certificate()))
	for i, flags := range [][]string{{}, {"-cades"}, {"-cades", "-nodetach"}, {"-nodetach", "-stream"}, {"-noattr"}, {"-outform", "PEM"}, {"-keyid"}} {
		file := fmt.Sprintf("sig%d.p7s", i)
		openssl(t, append([]string{"cms", "-sign", "-binary", "-outform", "DER", "-in", w.path("a"), "-signer", w.path("signer.pem"), "-certfile", w.path("authority.pem"), "-md", "sha256", "-out", w.path(file)}, flags...)...)
		args := []string{"verify", "--trust", "@root.pem", "@" + file}
		if !strings.Contains(strings.Join(flags, " "), "-nodetach") {
			args = append(args, "--content", "@a")
		}
		got := w.run(args...)
		require.Equal(t, cli.ExitOK, got.code, "%v: %s", flags, got.stdout)
		got = w.run("inspect", "@"+file)
		require.Equal(t, cli.ExitOK, got.code)
		require.NotContains(t, got.stdout, "unreadable")
		require.Contains(t, got.stdout, "ecdsa-with-SHA256")
	}
}
