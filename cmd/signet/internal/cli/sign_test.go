package cli_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

type signedLine struct {
	Index               int
	Name, Output, Error string
	OK                  bool
}

func TestSignTree(t *testing.T) {
	w := newWorld(t)
	w.write("docs/a.md", "a")
	w.write("docs/sub/b.md", "b")
	w.write("docs/sub/.hidden", "h")
	w.write("docs/a.md.p7s", "of an earlier run")
	w.write("docs/old.P7M", "another")
	w.write("docs/.signet-0.tmp", "left behind by a crash")
	w.write("elsewhere/c", "c")
	links := runtime.GOOS != "windows"
	if links {
		require.NoError(t, os.Symlink(w.path("elsewhere/c"), w.path("docs/link")))
		require.NoError(t, os.Symlink(w.path("elsewhere"), w.path("docs/folder")))
		require.NoError(t, os.Symlink(w.path("docs"), w.path("docs/loop")))
		require.NoError(t, os.Symlink("nowhere", w.path("docs/lost")))
	}
	got := w.run("sign", "--key", "@key.pem", "--out", "@signed", "--json", "@docs")
	lines := objects[signedLine](t, got.stdout)
	var names, outputs []string
	for i, l := range lines {
		require.Equal(t, i, l.Index)
		names = append(names, l.Name)
		if l.OK {
			outputs = append(outputs, l.Output)
		}
	}
	if !links {
		require.Equal(t, cli.ExitOK, got.code)
		return
	}
	require.Equal(t, cli.ExitFailed, got.code)
	base := strings.TrimSuffix(w.dir, "/")
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], base+"/")
	}
	require.Equal(t, []string{"@docs/a.md", "@docs/link", "@docs/lost", "@docs/sub/.hidden", "@docs/sub/b.md"}, names)
	require.Equal(t, []string{"@signed/docs/a.md.p7s", "@signed/docs/link.p7s", "@signed/docs/sub/.hidden.p7s", "@signed/docs/sub/b.md.p7s"}, outputs)
	require.Equal(t, []string{"docs/a.md.p7s", "docs/link.p7s", "docs/sub/.hidden.p7s", "docs/sub/b.md.p7s"}, w.files("signed"))
	require.Contains(t, got.stderr, "@docs/lost: it is a link to something that does not exist")
	require.Contains(t, got.stderr, "signed 4 of 5 files")
	require.Contains(t, got.stderr, "1 failed")
	require.Contains(t, got.stderr, "left out 2 signatures")

	got = w.run("verify", "-v", "--trust", "@root.pem", "--content", "@", "@signed/docs/sub/b.md.p7s")
	require.Equal(t, cli.ExitOK, got.code, got.stdout)
	require.Contains(t, got.stdout, "content @docs/sub/b.md")
	got = w.run("verify", "--trust", "@root.pem", "--content", "@", "@signed")
	require.Equal(t, cli.ExitOK, got.code, got.stdout)
	require.Equal(t, 4, strings.Count(got.stdout, ": VALID\n"))
}

// TestSignBeside signs a folder into itself, twice: the second run replaces the signatures and does not sign them.
func TestSignBeside(t *testing.T) {
	w := newWorld(t)
	w.write("docs/a", "a")
	w.write("docs/b", "b")
	for range 2 {
		got := w.run("sign", "--key", "@key.pem", "@docs")
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		require.Equal(t, []string{"a", "a.p7s", "b", "b.p7s"}, w.files("docs"))
	}
	got := w.run("verify", "@docs/a.p7s", "@docs/b.p7s")
	require.Equal(t, cli.ExitOpen, got.code)
	require.Contains(t, got.stdout, "not checked against any root")

	got = w.run("sign", "--key", "@key.pem", "--attached", "@docs/a")
	require.Equal(t, cli.ExitOK, got.code)
	require.NoError(t, os.Remove(w.path("docs/a")))
	got = w.run("verify", "-v", "--trust", "@root.pem", "@docs/a.p7m")
	require.Equal(t, cli.ExitOK, got.code, got.stdout)
	require.Contains(t, got.stdout, "content inside")
}

// TestOutInside has the outputs in a folder of the inputs, which must not feed itself.
func TestOutInside(t *testing.T) {
	w := newWorld(t)
	w.write("docs/a", "a")
	w.write("docs/out/note", "not a signature, but in the folder of the outputs")
	got := w.run("sign", "--key", "@key.pem", "--out", "@docs/out", "@docs")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Equal(t, []string{"a", "out/docs/a.p7s", "out/note"}, w.files("docs"))
	got = w.run("sign", "--key", "@key.pem", "--out", "@docs", "@docs")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.FileExists(t, w.path("docs/docs/a.p7s"))
}

// TestOutPaths shows where outputs go, whatever the argument looks like: never out of --out.
func TestOutPaths(t *testing.T) {
	w := newWorld(t)
	w.write("in/docs/a", "a")
	w.write("in/b", "b")
	t.Chdir(w.path("in"))
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"b", "docs"}, []string{"b.p7s", "docs/a.p7s"}},
		{[]string{"docs/a"}, []string{"docs/a.p7s"}},
		{[]string{"./docs//a", "docs/../b"}, []string{"b.p7s", "docs/a.p7s"}},
		{[]string{"."}, []string{"b.p7s", "docs/a.p7s"}},
		{[]string{"../in"}, []string{"in/b.p7s", "in/docs/a.p7s"}},
		{[]string{"docs/../../in/docs"}, []string{"in/docs/a.p7s"}},
		{[]string{w.path("in/docs")}, []string{"docs/a.p7s"}},
		{[]string{w.path("in/docs/a"), w.path("in/b")}, []string{"a.p7s", "b.p7s"}},
		{[]string{"docs", "docs/a", "b", "b"}, []string{"b.p7s", "docs/a.p7s"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			out := t.TempDir()
			got := w.run(append([]string{"sign", "--key", w.path("key.pem"), "--out", out}, c.args...)...)
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			v := &world{t: t, dir: out}
			require.Equal(t, c.want, v.files("."))
		})
	}
}

// TestOutLink has a link in --out that leads elsewhere: it is not followed.
func TestOutLink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege there")
	}
	w := newWorld(t)
	w.write("docs/a", "a")
	w.write("elsewhere/x", "x")
	require.NoError(t, os.Mkdir(w.path("out"), 0o755))
	t.Chdir(w.dir)
	require.NoError(t, os.Symlink("../elsewhere", "out/docs"))
	got := w.run("sign", "--key", "key.pem", "--out", "out", "docs")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, "docs/a: write out/docs/a.p7s")
	require.Equal(t, []string{"x"}, w.files("elsewhere"))
}

func TestSignStdin(t *testing.T) {
	w := newWorld(t)
	w.write("content", "from a pipe")
	for _, c := range []struct{ flag, file string }{{"--attached=false", "x.p7s"}, {"--attached", "x.p7m"}} {
		w.stdin = strings.NewReader("from a pipe")
		got := w.run("sign", "--key", "@key.pem", c.flag, "-")
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		require.Empty(t, got.stderr)
		w.write(c.file, got.stdout)
	}
	w.stdin = nil
	require.Equal(t, cli.ExitOK, w.run("verify", "--trust", "@root.pem", "--content", "@content", "@x.p7s").code)
	require.Equal(t, cli.ExitOK, w.run("verify", "--trust", "@root.pem", "@x.p7m").code)
	w.stdin = strings.NewReader("from a pipe")
	require.Equal(t, cli.ExitOK, w.run("verify", "--trust", "@root.pem", "--content", "-", "@x.p7s").code)
	w.stdin = strings.NewReader(w.read("x.p7m"))
	require.Equal(t, cli.ExitOK, w.run("verify", "--trust", "@root.pem", "-").code)

	w.stdin = strings.NewReader("from a pipe")
	got := w.run("sign", "--key", "@key.pem", "--out", "@o", "--json", "-")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Equal(t, []signedLine{{Name: "-", Output: "@o/stdin.p7s", OK: true}}, objects[signedLine](t, got.stdout))
}

func TestStopOnError(t *testing.T) {
	w := newWorld(t)
	var args []string
	for i := range 40 {
		args = append(args, w.write(fmt.Sprintf("in/%02d", i), "content"))
	}
	require.NoError(t, os.Remove(w.path("in/20")))
	require.NoError(t, os.Remove(w.path("in/30")))
	run := func(flags ...string) (outcome, []signedLine) {
		got := w.run(append(append([]string{"sign", "--key", "@key.pem", "--json", "--out", "@out"}, flags...), args...)...)
		return got, objects[signedLine](t, got.stdout)
	}
	got, lines := run("--stop-on-error", "--jobs", "4")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Len(t, lines, 21)
	require.Equal(t, 20, slices.IndexFunc(lines, func(l signedLine) bool { return !l.OK }))
	require.Len(t, w.files("out"), 20, "what was not reported is not there")
	require.Contains(t, got.stderr, "stopped at the first error")

	got, lines = run()
	require.Equal(t, cli.ExitFailed, got.code)
	require.Len(t, lines, 40)
	require.Len(t, w.files("out"), 38)
	require.Contains(t, got.stderr, "signed 38 of 40 files")
	require.NotContains(t, got.stderr, "stopped")
}

// TestUnreadable has a folder and a file without permission among good ones.
func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("permissions do not bind this user; run it as another one")
	}
	w := newWorld(t)
	w.write("in/a", "a")
	require.NoError(t, os.Chmod(w.write("in/secret", "s"), 0))
	w.write("in/closed/b", "b")
	require.NoError(t, os.Chmod(w.path("in/closed"), 0))
	t.Cleanup(func() { _ = os.Chmod(w.path("in/closed"), 0o700) })
	got := w.run("sign", "--key", "@key.pem", "--out", "@out", "@in")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, "@in/secret: no permission to read it")
	require.Contains(t, got.stderr, "@in/closed: no permission to read it")
	require.Contains(t, got.stderr, "signed 1 of 3 files")
}

// TestUnwritable has a folder in the place of an output.
func TestUnwritable(t *testing.T) {
	w := newWorld(t)
	w.write("in/a", "a")
	w.write("in/b", "b")
	w.write("in/a.p7s/x", "x")
	got := w.run("sign", "--key", "@key.pem", "@in")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, "@in/a: write @in/a.p7s")
	for _, f := range w.files("in") {
		require.NotContains(t, f, ".tmp")
	}
	require.FileExists(t, w.path("in/b.p7s"))
}

// TestNames has names that would play with a terminal.
func TestNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("such names cannot exist there")
	}
	w := newWorld(t)
	names := []string{"a\nsigned everything", "b\x1b[2J\x1b[31m", "c\u202egnp.exe", "d\xff", "-e", "f g"}
	for _, n := range names {
		w.write("in/"+n, n)
	}
	require.NoError(t, os.Symlink("nowhere", w.path("in/lost\x1b]0;title\x07")))
	got := w.run("sign", "--key", "@key.pem", "--json", "@in")
	require.Equal(t, cli.ExitFailed, got.code)
	for _, text := range []string{got.stderr, w.run("verify", "@in").stdout} {
		for _, r := range text {
			require.True(t, r == '\n' || r >= ' ' && r != 0x7f && r != '\u202e', "%q", text)
		}
	}
	require.Contains(t, got.stderr, `lost\x1b]0;title\x07`)
	require.Len(t, objects[signedLine](t, got.stdout), len(names)+1)
	require.Equal(t, cli.ExitOK, w.run("verify", "--trust", "@root.pem", "@in").code)
}

func TestCancelled(t *testing.T) {
	w := newWorld(t)
	w.write("in/a", "a")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	got := w.runContext(ctx, "sign", "--key", "@key.pem", "--out", "@out", "@in")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, "interrupted")
	require.NoFileExists(t, w.path("out/in/a.p7s"))
}

// TestContainerFlags looks for what the flags asked for in what inspect shows.
func TestContainerFlags(t *testing.T) {
	w := newWorld(t)
	w.write("a.pdf", "a")
	got := w.run("sign", "--key", "@key.pem", "--attached", "--scheme", "ecdsa-sha384",
		"--policy-oid", "1.2.3.4.5", "--policy-hash", "SHA-256:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=", "--policy-uri", "https://example.org/policy",
		"--commitment", "approval", "--commitment", "1.2.3.9", "--role", "chief accountant", "--mime-type", "application/pdf",
		"--signing-time", "2026-02-03T04:05:06Z", "@a.pdf")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	tree := w.run("inspect", "@a.pdf.p7m").stdout
	for _, want := range []string{
		"ecdsa-with-SHA384", "policy: 1.2.3.4.5", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "https://example.org/policy",
		"proof-of-approval", "1.2.3.9", "chief accountant", "application/pdf", "2026-02-03 04:05:06 UTC", "1 octets inside",
	} {
		require.Contains(t, strings.ToLower(tree), strings.ToLower(want), tree)
	}
	require.Contains(t, w.run("verify", "-v", "@a.pdf.p7m").stdout, "CAdES-EPES")

	got = w.run("sign", "--key", "@key.pem", "--level", "PKCS7", "@a.pdf")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.NotContains(t, w.run("inspect", "@a.pdf.p7s").stdout, "signing-certificate")
	require.Equal(t, "signet: signed @a.pdf: made @a.pdf.p7s\n", got.stderr)
}

func TestOutputMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are of other systems")
	}
	w := newWorld(t)
	w.write("a", "a")
	require.Equal(t, cli.ExitOK, w.run("sign", "--key", "@key.pem", "@a").code)
	made := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(made, nil, 0o666))
	want, err := os.Stat(made)
	require.NoError(t, err)
	info, err := os.Stat(w.path("a.p7s"))
	require.NoError(t, err)
	require.Equal(t, want.Mode(), info.Mode(), "as any file of this user, not as a temporary one")
}

// TestPipe signs what can be read once only, in both kinds of containers.
func TestPipe(t *testing.T) {
	w := newWorld(t)
	makePipe(t, w.path("pipe"))
	w.write("docs/a", "a")
	makePipe(t, w.path("docs/pipe"))
	w.write("content", "through a pipe")
	for _, flag := range []string{"--attached=false", "--attached"} {
		go func() { _ = os.WriteFile(w.path("pipe"), []byte("through a pipe"), 0o600) }()
		got := w.run("sign", "--key", "@key.pem", flag, "@pipe", "@docs")
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		require.Contains(t, got.stderr, "left out @docs/pipe: it is not a regular file")
	}
	require.Equal(t, cli.ExitOK, w.run("verify", "--trust", "@root.pem", "--content", "@content", "@pipe.p7s").code)
	require.Equal(t, cli.ExitOK, w.run("verify", "--trust", "@root.pem", "--content", "@content", "@pipe.p7m").code)
}
