package cli_test

import (
	"crypto"
	"encoding/base64"
	"encoding/pem"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/cmd/signet/internal/intake"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// TestLarge has attached signatures that are not read into memory, in every spelling, and does with them what is done with small
// ones.
func TestLarge(t *testing.T) {
	w := newWorld(t)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	const size = 12 << 20
	content := strings.Repeat("0123456789abcde\n", size>>4)
	w.write("a", content)
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--attached", "@a").code)
	key, err := soft.NewKey(w.id.Key, 0)
	require.NoError(t, err)
	signer, err := sign.New(key, w.id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(t, err)
	var segments strings.Builder
	require.NoError(t, cades.SignTo(t.Context(), &segments, signer, sign.Reader("", io.MultiReader(strings.NewReader(content))), &cades.Options{Attached: true}))
	w.write("segments.p7m", segments.String())
	der := w.read("a.p7m")
	w.write("pem.p7m", string(pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: []byte(der)})))
	w.write("base64.p7m", base64.StdEncoding.EncodeToString([]byte(der)))
	w.write("lines.p7m", "\r\n"+strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(der)), "A", "A\r\n")+"\n")
	// These are left to the reader that knows every spelling.
	w.write("url.p7m", base64.RawURLEncoding.EncodeToString([]byte(der)))
	w.write("text before.p7m", "This is it:\n"+w.read("pem.p7m"))
	other := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.id.Certificate().Raw})
	w.write("two blocks.p7m", w.read("pem.p7m")+string(other))
	w.write("mail.p7m", "MIME-Version: 1.0\nContent-Type: application/pkcs7-mime; smime-type=signed-data\nContent-Transfer-Encoding: base64\n\n"+w.read("base64.p7m"))
	forged := []byte(der)
	forged[len(forged)/2]++
	w.write("forged.p7m", string(forged))
	require.NoError(t, os.Remove(w.path("a")))

	const bound = 6 << 20 // octets of memory, those that were given back included
	for name, c := range map[string]struct {
		stays bool
	}{
		"a.p7m": {true}, "segments.p7m": {true}, "pem.p7m": {true}, "base64.p7m": {true}, "lines.p7m": {true},
		"url.p7m": {}, "text before.p7m": {}, "two blocks.p7m": {}, "mail.p7m": {},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := w.run("verify", "--trust", "@root.pem", "@"+name)
			runtime.ReadMemStats(&after)
			require.Zero(t, got.code, got.stdout+got.stderr)
			require.Contains(t, got.stdout, "VALID")
			require.Equal(t, c.stays, after.TotalAlloc-before.TotalAlloc < bound, "%d octets were allocated", after.TotalAlloc-before.TotalAlloc)
			out := name + ".content"
			require.Zero(t, w.run("extract", "--out", "@"+out, "@"+name).code)
			require.True(t, content == w.read(out))
		})
	}
	got := w.run("verify", "--trust", "@root.pem", "@forged.p7m")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stdout, "not the one that was signed")

	// From a pipe.
	w.stdin = strings.NewReader(segments.String())
	got = w.run("verify", "--trust", "@root.pem", "-")
	require.Zero(t, got.code, got.stdout+got.stderr)

	// The tree is that of a small one, but for sizes and times.
	got = w.run("inspect", "@segments.p7m")
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stdout, "12,582,912 octets inside in segments")
	require.Contains(t, got.stdout, "signer 1 of 1")
	got = w.run("inspect", "@a.p7m")
	require.Contains(t, got.stdout, "12,582,912 octets inside")

	// Raised in its place, and a signature around it.
	got = w.run("extend", "--level", "t", "--tsa", "demo", "--trust", "@root.pem", "@segments.p7m", "@pem.p7m")
	require.Zero(t, got.code, got.stderr)
	require.True(t, strings.HasPrefix(w.read("pem.p7m"), "\x30"))
	for _, name := range []string{"segments.p7m", "pem.p7m"} {
		got = w.run("verify", "--trust", "@root.pem", "@"+name)
		require.Zero(t, got.code, got.stdout+got.stderr)
		require.Contains(t, w.run("inspect", "@"+name).stdout, "signature-time-stamp")
	}
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--attached", "@segments.p7m").code)
	got = w.run("extract", "--inner", "--out", "@inner", "@segments.p7m.p7m")
	require.Zero(t, got.code, got.stderr)
	require.True(t, content == w.read("inner"))

	// What was cut off is said as of a small one, and nothing is left behind.
	w.write("cut.p7m", der[:len(der)-100])
	got = w.run("verify", "@cut.p7m")
	require.Equal(t, cli.ExitFailed, got.code)
	w.write("text.p7m", "text "+content)
	got = w.run("verify", "@text.p7m")
	require.Contains(t, got.stdout+got.stderr, "this is not a signature")
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left)
	require.Greater(t, size, intake.InMemory)
}

// TestLargeJunk has files that are no signatures: their beginning says so, and nothing of them is taken into memory.
func TestLargeJunk(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct{ head, says string }{
		"zeros":       {"", "this is not a signature"},
		"octets":      {"\x7fELF\x02\x01\x01\x00", "this is not a signature"},
		"archive":     {"PK\x03\x04", "this is a ZIP archive"},
		"document":    {"%PDF-1.7\n\x00", "this is a PDF document"},
		"in ASN.1":    {"\x30\x84\x3f\xff\xff\xf0\x02\x01\x00", "this is not a readable signature"},
		"a blank one": {"\n\x00", "this is not a signature"},
	} {
		w.write(name, c.head)
		require.NoError(t, os.Truncate(w.path(name), 1<<30)) // a sparse file
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := w.run("verify", "@"+name)
		runtime.ReadMemStats(&after)
		require.Equal(t, cli.ExitFailed, got.code, name)
		require.Contains(t, got.stdout, c.says, name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(6<<20), name)
	}
}
