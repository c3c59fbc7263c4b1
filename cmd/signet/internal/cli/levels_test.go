package cli_test

import (
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testlevels"
)

var levels = []struct{ name, want string }{
	{"t", "CAdES-T"}, {"lt", "CAdES-LT"}, {"lta", "CAdES-LTA"}, {"c", "CAdES-C"}, {"xlong1", "CAdES-X Long Type 1"}, {"a", "CAdES-A"},
}

// levelOf reads the level of a signature file.
func (w *world) levelOf(name string) (*cades.Signature, string) {
	w.t.Helper()
	m, err := cades.Parse([]byte(w.read(name)))
	require.NoError(w.t, err)
	return m.Signatures()[0], m.Signatures()[0].LevelName()
}

// TestLevels makes each level in one go, and by raising, with the demo key and the demo authority and no network.
func TestLevels(t *testing.T) {
	w := newWorld(t)
	w.write("a.txt", "content")
	require.Zero(t, w.run("sign", "--key", "demo", "@a.txt").code)
	for _, attached := range []bool{false, true} {
		for _, l := range levels {
			args := []string{"sign", "--key", "demo", "--level", l.name, "--tsa", "demo", "--out", "@" + l.name, "@a.txt"}
			name := l.name + "/a.txt.p7s"
			if attached {
				args, name = append(args, "--attached"), l.name+"/a.txt.p7m"
			}
			o := w.run(args...)
			require.Zero(t, o.code, o.stderr)
			_, level := w.levelOf(name)
			require.Equal(t, l.want, level)
			o = w.run("verify", "--trust", "demo", "--content", "@a.txt", "@"+name)
			require.Zero(t, o.code, o.stdout+o.stderr)
			require.NotContains(t, o.stdout, "failed")
			require.Zero(t, w.run("inspect", "@"+name).code)
			if _, err := exec.LookPath("openssl"); err == nil && !attached {
				out, err := exec.Command("openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", w.path(name), "-content", w.path("a.txt"),
					"-CAfile", w.path("state/signet/demo/ca.pem"), "-purpose", "any", "-out", w.path("out")).CombinedOutput()
				require.NoError(t, err, "%s", out)
			}
		}
	}
	for _, l := range levels[:3] {
		o := w.run("extend", "--level", l.name, "--tsa", "demo", "@a.txt.p7s")
		require.Zero(t, o.code, o.stderr)
		_, level := w.levelOf("a.txt.p7s")
		require.Equal(t, l.want, level)
	}
	o := w.run("extend", "--json", "--level", "lta", "--tsa", "demo", "--out", "@archive", "@a.txt.p7s")
	require.Zero(t, o.code, o.stderr)
	type line struct {
		OK     bool
		Output string
		Level  string
	}
	require.Equal(t, []line{{true, "@archive/a.txt.p7s", "CAdES-LTA"}}, objects[line](t, o.stdout))
	older, _ := w.levelOf("a.txt.p7s")
	newer, _ := w.levelOf("archive/a.txt.p7s")
	require.Len(t, newer.Timestamps(), len(older.Timestamps())+1)
	require.Zero(t, w.run("verify", "--trust", "demo", "--content", "@a.txt", "@archive/a.txt.p7s").code)
}

// TestCountersign puts counter-signatures on signatures.
func TestCountersign(t *testing.T) {
	w := newWorld(t)
	w.write("a.txt", "content")
	require.Zero(t, w.run("sign", "--key", "demo", "@a.txt").code)
	o := w.run("countersign", "--key", "@key.pem", "@a.txt.p7s")
	require.Zero(t, o.code)
	require.Contains(t, o.stderr, "counter-signed @a.txt.p7s: made ")
	require.NotContains(t, o.stderr, "CAdES-BES now")
	o = w.run("countersign", "--key", "@key.pem", "--level", "t", "--tsa", "demo", "--out", "@seen", "@a.txt.p7s")
	require.Zero(t, o.code, o.stderr)
	s, level := w.levelOf("seen/a.txt.p7s")
	require.Equal(t, "CAdES-BES", level)
	require.Len(t, s.CounterSignatures(), 2)
	require.Equal(t, cades.LevelT, s.CounterSignatures()[1].Level())
	o = w.run("verify", "--trust", "demo", "--trust", "@root.pem", "--content", "@a.txt", "@seen/a.txt.p7s")
	require.Zero(t, o.code, o.stdout+o.stderr)
}

// TestTimestampsOverHTTP asks an authority over HTTP, and the next one when one fails.
func TestTimestampsOverHTTP(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(testlevels.Authority(t, w.pki, nil))
	t.Cleanup(server.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	w.write("a.txt", "content")
	o := w.run("sign", "--key", "@key.pem", "--level", "t", "--tsa", closed.URL, "--tsa", server.URL, "@a.txt")
	require.Zero(t, o.code, o.stderr)
	_, level := w.levelOf("a.txt.p7s")
	require.Equal(t, "CAdES-T", level)

	before := w.read("a.txt.p7s")
	o = w.run("sign", "--key", "@key.pem", "--level", "t", "--tsa", closed.URL, "@a.txt")
	require.Equal(t, cli.ExitFailed, o.code)
	require.Contains(t, o.stderr, closed.URL)
	require.Contains(t, o.stderr, "reached CAdES-BES, but nothing is written")
	require.Equal(t, before, w.read("a.txt.p7s"), "what was there is still there")

	o = w.run("extend", "--level", "lt", "--tsa", server.URL, "@a.txt.p7s")
	require.Equal(t, cli.ExitFailed, o.code, "nothing says where to ask for revocation")
	require.Equal(t, before, w.read("a.txt.p7s"))
	left, err := filepath.Glob(w.path(".signet-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestLevelUsage says what is wrong with a call.
func TestLevelUsage(t *testing.T) {
	w := newWorld(t)
	w.write("a.txt", "content")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "@a.txt").code)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"sign", "--key", "@key.pem", "--level", "t", "@a.txt"}, "--tsa"},
		{[]string{"sign", "--key", "@key.pem", "--tsa", "demo", "@a.txt"}, "--level t"},
		{[]string{"sign", "--key", "@key.pem", "--level", "z", "@a.txt"}, "xlong1"},
		{[]string{"sign", "--key", "@key.pem", "--level", "t", "--tsa", "tsa.example", "@a.txt"}, "http://"},
		{[]string{"sign", "--key", "@key.pem", "--level", "t", "--tsa", "demo", "--tsa-policy", "x", "@a.txt"}, "object identifier"},
		{[]string{"extend", "--tsa", "demo"}, "give the signatures"},
		{[]string{"extend", "@a.txt.p7s"}, "--tsa"},
		{[]string{"extend", "--level", "bes", "@a.txt.p7s"}, "choose one of"},
		{[]string{"extend", "--tsa", "demo", "-"}, "--out"},
		{[]string{"extend", "--tsa", "demo", "--out", "@x", "@a.txt.p7s", "@a.txt.p7s"}, "both become"},
		{[]string{"countersign", "--key", "@key.pem", "--level", "lta", "--tsa", "demo", "@a.txt.p7s"}, "counter-signature"},
		{[]string{"countersign", "@a.txt.p7s"}, "which key"},
	} {
		o := w.run(c.args...)
		require.Equal(t, cli.ExitUsage, o.code, "%v: %s", c.args, o.stderr)
		require.Contains(t, o.stderr, c.says, "%v", c.args)
		require.Equal(t, 1, strings.Count(o.stderr, "\n"), o.stderr)
	}
	w.write("broken.p7s", w.read("a.txt.p7s")[:100])
	o := w.run("extend", "--tsa", "demo", "@broken.p7s", "@absent.p7s")
	require.Equal(t, cli.ExitFailed, o.code)
	require.Contains(t, o.stderr, "broken.p7s")
	require.Contains(t, o.stderr, "absent.p7s")
}
