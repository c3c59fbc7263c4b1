package cli_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
)

type inputLine struct {
	Index               int
	Name, Output, Error string
	OK, Skipped         bool
}

// TestSkipExisting goes on with a folder: what has its signature is left as it is and counted, the rest is signed, and the lines
// of --json stand in the order of the input.
func TestSkipExisting(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.write(fmt.Sprintf("in/%02d", i), fmt.Sprint("content ", i))
	}
	o := w.run("sign", "--key", "@key.pem", "--out", "@out", "@in/03", "@in/04", "@in/19")
	require.Equal(t, 0, o.code, o.stderr)
	before := map[string]string{}
	place := func(name string) string { return "in/" + name + ".p7s" }
	for _, name := range []string{"03", "04", "19"} {
		for _, f := range w.files("out") {
			if strings.HasSuffix(f, name+".p7s") {
				before[name] = w.read("out/" + f)
			}
		}
		w.write(place(name), before[name])
	}
	o = w.run("sign", "--key", "@key.pem", "--skip-existing", "--json", "@in")
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.stderr, "signed 17 of 17 files")
	require.Contains(t, o.stderr, "3 skipped that were signed already")
	lines := objects[inputLine](t, o.stdout)
	require.Len(t, lines, 20)
	for i, line := range lines {
		name := fmt.Sprintf("%02d", i)
		require.Equal(t, i, line.Index)
		require.True(t, line.OK)
		require.Equal(t, before[name] != "", line.Skipped, name)
		require.Equal(t, "@"+place(name), line.Output)
		if old := before[name]; old != "" {
			require.Equal(t, old, w.read(place(name)), "it stays as it is")
		}
	}
	// The second time there is nothing to do, and no key is needed.
	o = w.run("sign", "--key", "@nothing.pem", "--skip-existing", "@in")
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.stderr, "nothing to sign: 20 files signed already")
}

// TestResume: a run that was killed in its midst is finished by the same command, and what it had made is not made again.
func TestResume(t *testing.T) {
	w := newWorld(t)
	const files = 300
	for i := range files {
		w.write(fmt.Sprintf("in/%03d", i), fmt.Sprint("content ", i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.stdin = strings.NewReader("")
	go func() { // interrupts it as soon as something was made; whenever that is, the rest has to hold
		for ctx.Err() == nil {
			if all, _ := os.ReadDir(w.path("in")); len(all) > files+3 {
				cancel()
			}
		}
	}()
	w.runContext(ctx, "sign", "--key", "@key.pem", "--jobs", "1", "@in")
	cancel()
	made := map[string]string{}
	for _, name := range w.files("in") {
		if strings.HasSuffix(name, ".p7s") {
			made[name] = w.read("in/" + name)
		}
	}
	w.write("in/.signet-KILLED.tmp", "half a contai") // as kill -9 leaves them
	o := w.run("sign", "--key", "@key.pem", "--skip-existing", "@in")
	require.Equal(t, 0, o.code, o.stderr)
	for name, old := range made {
		require.Equal(t, old, w.read("in/"+name))
	}
	o = w.run("verify", "--trust", "@root.pem", "--revocation", "off", "@in")
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.stderr, fmt.Sprintf("%d of %d signature files valid", files, files))
}

// TestWhatIsNotSkipped: in the place of a container, what is none, or is one of something else, is an error of its item, and stays.
func TestWhatIsNotSkipped(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b"} {
		w.write(name, "content "+name)
		require.Equal(t, 0, w.run("sign", "--key", "@key.pem", "@"+name).code)
		require.Equal(t, 0, w.run("sign", "--key", "@key.pem", "--attached", "@"+name).code)
	}
	good := w.read("a.p7s")
	later := func(name string) {
		require.NoError(t, os.Chtimes(w.path(name), time.Time{}, time.Now().Add(time.Hour)))
	}
	for name, c := range map[string]struct {
		there string
		args  []string
		says  string // empty when it is skipped
	}{
		"good": {good, nil, ""}, "in PEM": {string(pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: []byte(good)})), nil, ""},
		"text": {"hello", nil, "is not a signature"}, "cut": {good[:len(good)-9], nil, "is not a signature"},
		"a certificate":      {certPEM(w.id.Certificate()), nil, "is not a signature"},
		"attached":           {w.read("a.p7m"), nil, "it is attached"},
		"of too low a level": {good, []string{"--level", "t", "--tsa", "demo"}, "is CAdES-BES only; raise it with signet extend --level t"},
	} {
		w.write("a.p7s", c.there)
		o := w.run(append([]string{"sign", "--key", "@key.pem", "--skip-existing", "@a"}, c.args...)...)
		require.Equal(t, c.there, w.read("a.p7s"), name)
		if c.says == "" {
			require.Equal(t, 0, o.code, name+": "+o.stderr)
			continue
		}
		require.Equal(t, cli.ExitFailed, o.code, name+": "+o.stderr)
		require.Contains(t, o.stderr, c.says, name)
	}
	// What lost its octets with the power is made again.
	w.write("a.p7s", "")
	require.Equal(t, 0, w.run("sign", "--key", "@key.pem", "--skip-existing", "@a").code)
	require.NotEmpty(t, w.read("a.p7s"))
	// A content that is younger than its signature has to be the one that was signed.
	w.write("a.p7s", good)
	later("a")
	require.Equal(t, 0, w.run("sign", "--key", "@key.pem", "--skip-existing", "@a").code)
	require.Equal(t, 0, w.run("sign", "--key", "@key.pem", "--attached", "--skip-existing", "@a").code)
	w.write("a.p7s", w.read("b.p7s"))
	w.write("a.p7m", w.read("b.p7m"))
	later("a")
	for _, attached := range []string{"--attached", "--attached=false"} {
		o := w.run("sign", "--key", "@key.pem", "--skip-existing", attached, "@a")
		require.Equal(t, cli.ExitFailed, o.code, o.stderr)
		require.Contains(t, o.stderr, "it is not of this content")
	}
	require.Equal(t, w.read("b.p7s"), w.read("a.p7s"))
}

// TestArmor: what is written in PEM is what OpenSSL and encoding/pem read, octet for octet, whatever its size.
func TestArmor(t *testing.T) {
	w := newWorld(t)
	w.write("second.pem", keyPEM(t, w.pki.Leaf(testpki.RSA2048)))
	for size := range 200 {
		w.write(fmt.Sprintf("in/%03d", size), strings.Repeat("x", size))
	}
	w.write("in/large", strings.Repeat("0123456789", 1<<19))
	for _, attached := range []string{"--attached", "--attached=false"} {
		o := w.run("sign", "--key", "@key.pem", "--armor", attached, "@in")
		require.Equal(t, 0, o.code, o.stderr)
		for _, name := range w.files("in") {
			if !strings.HasSuffix(name, ".p7m") && !strings.HasSuffix(name, ".p7s") {
				continue
			}
			text := w.read("in/" + name)
			block, rest := pem.Decode([]byte(text))
			require.NotNil(t, block, name)
			require.Empty(t, rest)
			require.Equal(t, text, string(pem.EncodeToMemory(block)), name)
			require.Equal(t, "CMS", block.Type)
		}
		o = w.run("verify", "--trust", "@root.pem", "--revocation", "off", "@in")
		require.Equal(t, 0, o.code, o.stderr)
	}
	testpki.OpenSSL(t, w.dir, "cms", "-verify", "-inform", "PEM", "-in", "in/large.p7m", "-CAfile", "root.pem", "-purpose", "any", "-out", "got", "-binary")
	require.True(t, w.read("got") == w.read("in/large"))
	w.stdin = strings.NewReader("piped")
	o := w.run("sign", "--key", "@key.pem", "--armor", "-")
	require.True(t, strings.HasPrefix(o.stdout, "-----BEGIN CMS-----\n"), o.stdout)
	o = w.run("extend", "--level", "t", "--tsa", "demo", "--armor", "--out", "@raised", "@in/000.p7s")
	require.Equal(t, 0, o.code, o.stderr)
	require.True(t, strings.HasSuffix(w.read("raised/000.p7s"), "\n-----END CMS-----\n"))
}

// TestExtendJobs: files are raised at once, what is said of them stands in their order, and one that fails keeps no other from it.
func TestExtendJobs(t *testing.T) {
	w := newWorld(t)
	args := []string{"extend", "--level", "t", "--tsa", "demo", "--jobs", "5", "--json"}
	for i := range 24 {
		name := fmt.Sprintf("%02d", i)
		w.write(name, "content "+name)
		if i%7 == 3 {
			w.write(name+".p7s", "no signature")
		} else {
			require.Equal(t, 0, w.run("sign", "--key", "@key.pem", "@"+name).code)
		}
		args = append(args, "@"+name+".p7s")
	}
	o := w.run(append(args, "@00.p7s")...) // the first one twice
	require.Equal(t, cli.ExitFailed, o.code, o.stderr)
	lines := objects[struct {
		Signature, Level, Error string
		OK                      bool
	}](t, o.stdout)
	require.Len(t, lines, 25)
	for i, line := range lines {
		require.Equal(t, fmt.Sprintf("@%02d.p7s", i%24), line.Signature)
		require.Equal(t, i%24%7 != 3, line.OK, line.Error)
		if line.OK {
			require.Equal(t, []string{"CAdES-T"}, levelsOf(t, w.read(fmt.Sprintf("%02d.p7s", i%24))))
		}
	}
	require.Equal(t, 3, strings.Count(o.stderr, "neither DER"), o.stderr)
	require.Equal(t, cli.ExitUsage, w.run("extend", "--level", "t", "--tsa", "demo", "--jobs", "-1", "@00.p7s").code)
}
