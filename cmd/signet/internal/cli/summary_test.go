package cli_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
)

// TestSummary: inspect says on top what a signature is, for each of its signers, and what it is over.
func TestSummary(t *testing.T) {
	w := newWorld(t)
	w.write("second.pem", keyPEM(t, w.pki.Leaf(testpki.RSA2048)))
	w.write("a", "content")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--key", "@second.pem", "--level", "t", "--tsa", "demo", "@a").code)
	require.Zero(t, w.run("countersign", "--key", "@second.pem", "@a.p7s").code)
	head := func(name string) string {
		o := w.run("inspect", "@"+name)
		require.Zero(t, o.code, o.stderr)
		top, tree, ok := strings.Cut(o.stdout, "\n\n")
		require.True(t, ok, o.stdout)
		require.Contains(t, tree, "ContentInfo")
		return top
	}
	got := head("a.p7s")
	require.Contains(t, got, "what: 2 signatures (PKCS #7 / CMS), detached: over a content that is not inside, by its name @a\n")
	require.Contains(t, got, "who, 1 of 2: O=Signet tests, CN=Signet test p256 0")
	require.Contains(t, got, "who, 2 of 2: ")
	require.Contains(t, got, "as the signer claims; time-stamp of ")
	require.Contains(t, got, "how: CAdES-T, ecdsa-with-SHA256, digest SHA-256, 1 time-stamp, 1 counter-signature")
	require.Contains(t, got, "nothing of this is verified")
	require.NoError(t, os.Remove(w.path("a")))
	require.Contains(t, head("a.p7s"), "@a, which is not there")
	w.write("b", "content")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--attached", "@b").code)
	require.Contains(t, head("b.p7m"), "what: 1 signature (PKCS #7 / CMS), attached")
	require.NotContains(t, w.run("inspect", "--json", "@b.p7m").stdout, "what:")
	testpki.OpenSSL(t, w.dir, "crl2pkcs7", "-nocrl", "-certfile", "root.pem", "-out", "certs.p7b")
	require.Contains(t, head("certs.p7b"), "without a signature, with 1 certificate")
}
