package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// levelsOf are the levels of the signatures of a container, one for each.
func levelsOf(t *testing.T, ber string) (levels []string) {
	t.Helper()
	m, err := cades.Parse([]byte(ber))
	require.NoError(t, err)
	for _, s := range m.Signatures() {
		levels = append(levels, s.LevelName())
	}
	return levels
}

// TestSeveralSigners: each --key makes a signature beside the others, over the same content, in one run.
func TestSeveralSigners(t *testing.T) {
	w := newWorld(t)
	second, third := w.pki.Leaf(testpki.RSA2048), w.pki.Leaf(testpki.Ed25519)
	w.write("second.pem", keyPEM(t, second))
	w.write("third.pem", keyPEM(t, third))
	w.write("in/a", "content a")
	w.write("in/b", strings.Repeat("content b ", 1<<19)) // more than is held in memory
	three := []string{"--key", "@key.pem", "--key", "@second.pem", "--key", "@third.pem"}
	for _, attached := range []bool{false, true} {
		suffix, more := ".p7s", []string{"--out", "@out", "@in"}
		if attached {
			suffix, more = ".p7m", append(more, "--attached")
		}
		o := w.run(append(append([]string{"sign"}, three...), more...)...)
		require.Equal(t, 0, o.code, o.stderr)
		for _, name := range []string{"a", "b"} {
			file := filepath.Join("out", filepath.Base(w.path("in")), name+suffix)
			found := w.files("out")
			for _, f := range found {
				if strings.HasSuffix(f, name+suffix) {
					file = "out/" + f
				}
			}
			o = w.run("verify", "--trust", "@root.pem", "--revocation", "off", "--content", "@in/"+name, "@"+file)
			require.Equal(t, 0, o.code, o.stdout+o.stderr)
			require.Equal(t, 3, strings.Count(o.stdout, "VALID"), o.stdout)
			require.Equal(t, []string{"CAdES-BES", "CAdES-BES", "CAdES-BES"}, levelsOf(t, w.read(file)))
			m, err := cades.Parse([]byte(w.read(file)))
			require.NoError(t, err)
			for i, id := range []testpki.Identity{w.id, second, third} {
				require.Equal(t, id.Certificate().Raw, m.Signatures()[i].SignerCertificate().Raw, "in the order of the flags")
			}
		}
	}
	w.stdin = strings.NewReader("from a pipe")
	o := w.run(append(append([]string{"sign"}, three...), "-")...)
	require.Equal(t, 0, o.code, o.stderr)
	w.write("pipe.p7s", o.stdout)
	w.write("pipe", "from a pipe")
	o = w.run("verify", "--trust", "@root.pem", "--revocation", "off", "@pipe.p7s")
	require.Equal(t, 3, strings.Count(o.stdout, ": VALID"), o.stdout)
}

// TestSeveralSignersAtLevels raises all of them.
func TestSeveralSignersAtLevels(t *testing.T) {
	w := newWorld(t)
	w.write("second.pem", keyPEM(t, w.pki.Leaf(testpki.RSA2048)))
	w.write("a", "content")
	for _, attached := range []string{"--attached=false", "--attached"} {
		for level, name := range map[string]string{"pkcs7": "PKCS7", "t": "CAdES-T"} {
			args := []string{"sign", "--key", "@key.pem", "--key", "@second.pem", "--level", level, "--out", "@out", attached, "@a"}
			if level == "t" {
				args = append(args, "--tsa", "demo")
			}
			o := w.run(args...)
			require.Equal(t, 0, o.code, o.stderr)
			files := w.files("out")
			require.Len(t, files, 1)
			require.Equal(t, []string{name, name}, levelsOf(t, w.read("out/"+files[0])))
			require.NoError(t, os.RemoveAll(w.path("out")))
		}
	}
}

// TestWhichSigner: the flags about a key are those of the --key before them; a second --cert names another key of the same file.
func TestWhichSigner(t *testing.T) {
	w := newWorld(t)
	second := w.pki.Leaf(testpki.RSA2048)
	w.write("both.pem", keyPEM(t, w.id)+keyPEM(t, second))
	w.write("bare.pem", string(testpki.KeyPEM(t, second.Key)))
	w.write("second.crt", certPEM(second.Certificate()))
	w.write("first.crt", certPEM(w.id.Certificate()))
	w.write("a", "content")
	for name, args := range map[string][]string{
		"two of one file":       {"--key", "@both.pem", "--cert", "@first.crt", "--cert", "@second.crt"},
		"the second has a file": {"--key", "@key.pem", "--key", "@bare.pem", "--cert", "@second.crt"},
		"before its key":        {"--cert", "@first.crt", "--key", "@key.pem", "--key", "@bare.pem", "--cert", "@second.crt"},
	} {
		o := w.run(append(append([]string{"sign"}, args...), "@a")...)
		require.Equal(t, 0, o.code, name+": "+o.stderr)
		require.Len(t, levelsOf(t, w.read("a.p7s")), 2, name)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"the same twice":   {[]string{"--key", "@key.pem", "--key", "@both.pem", "--cert", "@first.crt"}, cli.ExitUsage, "two of the keys are the same"},
		"ambiguous":        {[]string{"--key", "@key.pem", "--key", "@both.pem"}, cli.ExitKey, "choose with --cert"},
		"an empty one":     {[]string{"--key", "@key.pem", "--key", "@both.pem", "--cert", ""}, cli.ExitUsage, "--cert is empty"},
		"one is not there": {[]string{"--key", "@key.pem", "--key", "@nothing.pem"}, cli.ExitKey, "nothing.pem"},
	} {
		before := w.read("a.p7s")
		o := w.run(append(append([]string{"sign"}, c.args...), "@a")...)
		require.Equal(t, c.code, o.code, name+": "+o.stderr)
		require.Contains(t, o.stderr, c.says, name)
		require.Equal(t, before, w.read("a.p7s"), name)
	}
}

// TestOneContentForAll: all signers sign what was read once, though the file changes in the meantime; an attached container that
// was written in pieces is the one that would be made in memory.
func TestOneContentForAll(t *testing.T) {
	w := newWorld(t)
	w.write("second.pem", keyPEM(t, w.pki.Leaf(testpki.RSA2048)))
	content := bytes.Repeat([]byte("0123456789"), 1<<19)
	w.write("a", string(content))
	o := w.run("sign", "--key", "@key.pem", "--key", "@second.pem", "--attached", "@a")
	require.Equal(t, 0, o.code, o.stderr)
	m, err := cades.Parse([]byte(w.read("a.p7m")))
	require.NoError(t, err)
	var got bytes.Buffer
	require.NoError(t, m.WriteContent(&got))
	require.True(t, bytes.Equal(content, got.Bytes()))
	require.Len(t, m.Signatures(), 2)
}
