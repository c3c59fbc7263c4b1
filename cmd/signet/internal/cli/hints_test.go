package cli_test

import (
	"encoding/pem"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

// TestWhatWasMeant names what people confuse: document and signature, a signature and trusted certificates.
func TestWhatWasMeant(t *testing.T) {
	w := newWorld(t)
	w.write("a", "a")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "@a").code)
	w.write("b", "b")
	w.write("b.p7m", "")
	w.write("c", "c")
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"the document":               {[]string{"@a"}, "; its signature may be @a.p7s\n"},
		"the document of another":    {[]string{"@b"}, "; its signature may be @b.p7m\n"},
		"a document alone":           {[]string{"@c"}, "a mail with one (S/MIME)\n"},
		"exchanged":                  {[]string{"--content", "@a.p7s", "@a"}, "; what --content names is a signature: exchange the two\n"},
		"a content that is no other": {[]string{"--content", "@b", "@c"}, "a mail with one (S/MIME)\n"},
	} {
		got := w.run(append([]string{"verify"}, c.args...)...)
		require.Equal(t, cli.ExitFailed, got.code, name)
		require.Contains(t, got.stdout, c.says, name)
	}
	line := objects[verifiedLine](t, w.run("verify", "--json", "@a").stdout)[0]
	require.Contains(t, line.Hint, "its signature may be ")

	got := w.run("verify", "--trust", "@a.p7s", "@a.p7s")
	require.Contains(t, got.stderr, "--trust @a.p7s is a signature, and every certificate in it is trusted now")
	require.NotContains(t, w.run("verify", "--trust", "@root.pem", "--cert", "@a.p7s", "@a.p7s").stderr, "is trusted now")
	require.NotContains(t, w.run("verify", "--trust", "@root.pem", "@a.p7s").stderr, "is trusted now")
}

// TestManyOfOneContent: each of those who signed a document has sent a signature.
func TestManyOfOneContent(t *testing.T) {
	w := newWorld(t)
	w.write("a", "a")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--out", "@one", "@a").code)
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--out", "@two", "@a").code)
	require.NoError(t, os.Rename(w.path("two/a.p7s"), w.path("two/anna.p7s")))
	got := w.run("verify", "--trust", "@root.pem", "--content", "@a", "@one/a.p7s", "@two/anna.p7s")
	require.Zero(t, got.code, got.stdout+got.stderr)
	require.Contains(t, got.stderr, "2 of 2 signature files valid\n")
	w.write("b", "b")
	got = w.run("verify", "--trust", "@root.pem", "--content", "@b", "@one/a.p7s", "@two/anna.p7s", "@no.p7s")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, "0 of 3 signature files valid, 3 failed\n")
}

// TestHintsOfTheirSignature: a hint stands at the signature that it helps, once.
func TestHintsOfTheirSignature(t *testing.T) {
	w := newWorld(t)
	w.write("a", "a")
	block, rest := pem.Decode([]byte(w.read("key.pem"))) // the key and its certificate, without the issuer
	next, _ := pem.Decode(rest)
	w.write("alone.pem", string(pem.EncodeToMemory(block))+string(pem.EncodeToMemory(next)))
	require.Zero(t, w.run("sign", "--key", "@alone.pem", "@a").code)
	got := w.run("verify", "--trust", "@root.pem", "@a.p7s")
	require.Equal(t, cli.ExitOpen, got.code, got.stdout)
	require.Contains(t, got.stdout, "of whom no certificate is known (INDETERMINATE, NO_CERTIFICATE_CHAIN_FOUND); give that certificate with --cert FILE, or with --trust FILE when you trust it\n")
}

// TestFoldersOfOthers: other programs have endings of their own.
func TestFoldersOfOthers(t *testing.T) {
	w := newWorld(t)
	w.write("in/a", "a")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "@in/a").code)
	der := w.read("in/a.p7s")
	require.NoError(t, os.Remove(w.path("in/a.p7s")))
	w.write("in/a.csig", der)
	w.write("in/a.PKCS7", der)
	got := w.run("verify", "--trust", "@root.pem", "@in")
	require.Zero(t, got.code, got.stdout+got.stderr)
	require.Contains(t, got.stderr, "2 of 2 signature files valid\n")
	require.NotContains(t, got.stderr, "left out")
}
