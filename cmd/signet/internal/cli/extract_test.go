package cli_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
)

func TestExtract(t *testing.T) {
	w := newWorld(t)
	const content = "content\x00\xff of any octets\n"
	w.write("a", content)
	attach := func(name string) { require.Zero(t, w.run("sign", "--key", "@key.pem", "--attached", "@"+name).code) }
	attach("a")
	attach("a.p7m")
	attach("a.p7m.p7m")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "@a").code)
	w.write("empty", "")
	attach("empty")
	require.NoError(t, os.Remove(w.path("a")))

	got := w.run("extract", "@a.p7m")
	require.Zero(t, got.code, got.stderr)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "took 24 octets out of @a.p7m: made @a; it was not verified")
	require.Equal(t, content, w.read("a"))

	w.write("a", "something else")
	got = w.run("extract", "@a.p7m")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, "@a is not written: it exists already; give --force")
	require.Equal(t, "something else", w.read("a"))
	require.NoError(t, os.Chmod(w.path("a"), 0o640))
	require.Zero(t, w.run("extract", "--force", "@a.p7m").code)
	require.Equal(t, content, w.read("a"))
	info, err := os.Stat(w.path("a"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o640), info.Mode().Perm())

	got = w.run("extract", "--out", "-", "@a.p7m")
	require.Zero(t, got.code)
	require.Equal(t, content, got.stdout)
	w.stdin = strings.NewReader(w.read("a.p7m"))
	require.Equal(t, content, w.run("extract", "-").stdout)
	require.Equal(t, w.read("a.p7m"), w.run("extract", "-o", "-", "@a.p7m.p7m").stdout)

	require.NoError(t, os.Mkdir(w.path("out"), 0o755))
	got = w.run("extract", "-r", "--out", "@out", "@a.p7m.p7m.p7m")
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, []string{"a"}, w.files("out"))
	require.Equal(t, content, w.read("out/a"))
	require.Zero(t, w.run("extract", "-r", "-o", "@b", "@a.p7m").code, "one that holds none is its own last one")
	require.Equal(t, content, w.read("b"))
	require.Zero(t, w.run("extract", "-o", "@nothing", "@empty.p7m").code)
	require.Empty(t, w.read("nothing"))
	require.Zero(t, w.run("extract", "--force", "@a.p7m", "@empty.p7m").code)

	// A detached signature inside.
	w.write("inner", w.read("a.p7s"))
	attach("inner")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"nothing":           {nil, cli.ExitUsage, "give the signatures"},
		"detached":          {[]string{"@a.p7s"}, cli.ExitFailed, "the signature is detached"},
		"detached inside":   {[]string{"-r", "-o", "@x", "@inner.p7m"}, cli.ExitFailed, "the signature is detached"},
		"two to one file":   {[]string{"-o", "@x", "@a.p7m", "@empty.p7m"}, cli.ExitUsage, "one place"},
		"two to one place":  {[]string{"-o", "@out", "@a.p7m", "@out/a.p7m"}, cli.ExitUsage, "would both become @out/a"},
		"no name":           {[]string{"@a"}, cli.ExitUsage, "what is the content of @a to be called?"},
		"no such file":      {[]string{"@no.p7m"}, cli.ExitFailed, "no such file"},
		"out in no folder":  {[]string{"-o", "@no/x", "@a.p7m"}, cli.ExitFailed, "@no/x is not written: no such file"},
		"certificate":       {[]string{"-o", "@x", "@root.pem"}, cli.ExitFailed, "this is a certificate"},
		"unknown":           {[]string{"-o", "@x", "@key.pem"}, cli.ExitFailed, "this is a private key"},
		"standard input to": {[]string{"-o", "@out", "-"}, cli.ExitUsage, "--out FILE"},
	} {
		got := w.run(append([]string{"extract"}, c.args...)...)
		require.Equal(t, c.code, got.code, "%s: %s", name, got.stderr)
		require.Contains(t, got.stderr, c.says, name)
		require.NoFileExists(t, w.path("x"), name)
	}
	for _, file := range w.files("") {
		require.NotContains(t, file, ".signet-")
	}
}

// TestExtractDeep goes down a bounded way.
func TestExtractDeep(t *testing.T) {
	w := newWorld(t)
	data := []byte("content")
	for depth := 1; depth <= 40; depth++ {
		b := cms.NewBuilder(nil)
		info := b.Open(cms.TagSequence)
		b.OID(cms.OIDSignedData)
		explicit := b.Open(cms.ContextConstructed(0))
		signed := b.Open(cms.TagSequence)
		b.Int(1)
		b.Close(b.Open(cms.TagSet))
		encap := b.Open(cms.TagSequence)
		b.OID(cms.OIDData)
		content := b.Open(cms.ContextConstructed(0))
		b.Value(cms.TagOctetString, data)
		for _, mark := range []int{content, encap} {
			b.Close(mark)
		}
		b.Close(b.Open(cms.TagSet))
		for _, mark := range []int{signed, explicit, info} {
			b.Close(mark)
		}
		data = b.Bytes()
		w.write("deep.p7m", string(data))
		got := w.run("extract", "--inner", "-o", "-", "@deep.p7m")
		if depth <= 32 {
			require.Equal(t, "content", got.stdout, depth)
			continue
		}
		require.Equal(t, cli.ExitFailed, got.code)
		require.Contains(t, got.stderr, "more than 32 signatures inside each other")
	}
}

// TestExtractLink never writes through a link that somebody has put there.
func TestExtractLink(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.write("victim", "victim")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--attached", "@a").code)
	require.NoError(t, os.Remove(w.path("a")))
	for _, target := range []string{"victim", "nowhere"} {
		require.NoError(t, os.Symlink(w.path(target), w.path("a")))
		require.Equal(t, cli.ExitFailed, w.run("extract", "@a.p7m").code)
		require.NoFileExists(t, w.path("nowhere"))
		require.Zero(t, w.run("extract", "--force", "@a.p7m").code)
		require.Equal(t, "victim", w.read("victim"))
		require.NoFileExists(t, w.path("nowhere"))
		require.NoError(t, os.Remove(w.path("a")))
	}
}

// TestExtractAsOpenSSL takes the same out as OpenSSL, also of mails and of BER in segments.
func TestExtractAsOpenSSL(t *testing.T) {
	w := newWorld(t)
	w.write("signer.pem", keyPEM(t, w.pki.Leaf(testpki.RSA2048)))
	w.write("a", strings.Repeat("content\n", 10_000))
	for _, flags := range [][]string{{"-nodetach", "-outform", "DER"}, {"-nodetach", "-stream", "-outform", "DER"}, {"-nodetach", "-outform", "PEM"}, {"-nodetach"}, {}} {
		testpki.OpenSSL(t, w.dir, append([]string{"cms", "-sign", "-binary", "-in", "a", "-signer", "signer.pem", "-out", "s"}, flags...)...)
		form := "SMIME"
		for i, f := range flags {
			if f == "-outform" {
				form = flags[i+1]
			}
		}
		testpki.OpenSSL(t, w.dir, "cms", "-verify", "-noverify", "-binary", "-inform", form, "-in", "s", "-out", "want")
		got := w.run("extract", "--force", "-o", "@got", "@s")
		require.Zero(t, got.code, got.stderr)
		want := w.read("want")
		if len(flags) == 0 { // a mail is signed as it is sent
			want = strings.ReplaceAll(strings.ReplaceAll(want, "\r\n", "\n"), "\n", "\r\n")
		}
		require.Equal(t, want, w.read("got"), "%v", flags)
	}
}
