package cli_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/asic"
	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

// containerOutcome is what --json says of a container.
type containerOutcome struct {
	OK, Valid bool
	Error     string
	Container struct {
		Kind       string
		Files      []string
		Signatures []struct {
			Name  string
			Files []struct{ Name, Error string }
			Error string
		}
		Unsigned, Others []string
	}
	Report struct {
		Indication string
		Signatures []struct{ Indication, SubIndication, Cause, Level string }
	}
}

// container opens a container of the folder.
func (w *world) container(name string) *asic.Container {
	w.t.Helper()
	data := w.read(name)
	c, err := asic.Open(strings.NewReader(data), int64(len(data)), nil)
	require.NoError(w.t, err)
	return c
}

// rezip writes a ZIP file anew; change gets each file and returns what becomes of it, nil to leave it out.
func rezip(t testing.TB, data string, change func(name string, data []byte) []byte, more ...string) string {
	t.Helper()
	r, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	put := func(name string, content []byte) {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = w.Write(content)
		require.NoError(t, err)
	}
	for _, f := range r.File {
		in, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(in)
		require.NoError(t, err)
		if content = change(f.Name, content); content != nil {
			put(f.Name, content)
		}
	}
	for i := 0; i < len(more); i += 2 {
		put(more[i], []byte(more[i+1]))
	}
	require.NoError(t, z.Close())
	return b.String()
}

func same(_ string, data []byte) []byte { return data }

// TestContainers signs into containers of both kinds, and verifies, shows, raises, counter-signs and unpacks them.
func TestContainers(t *testing.T) {
	w := newWorld(t)
	w.write("in/a.txt", "first")
	w.write("in/sub/b.txt", "second")
	o := w.run("sign", "--key", "demo", "--asic", "e", "--out", "@all.asice", "@in/a.txt", "@in/sub")
	require.Zero(t, o.code, o.stderr)
	require.Contains(t, o.stderr, "signed 2 files: made @all.asice")
	require.Equal(t, asic.E, w.container("all.asice").Kind())
	require.Equal(t, []string{"a.txt", "sub/b.txt"}, w.container("all.asice").Files())

	o = w.run("sign", "--key", "demo", "--asic", "s", "--level", "t", "--tsa", "demo", "--out", "@each", "--json", "@in/a.txt", "@in/sub")
	require.Zero(t, o.code, o.stderr)
	require.Equal(t, []string{"a.txt.asics", "sub/b.txt.asics"}, w.files("each"))
	require.Equal(t, asic.S, w.container("each/sub/b.txt.asics").Kind())
	require.Equal(t, []string{"b.txt"}, w.container("each/sub/b.txt.asics").Files())

	// A folder becomes one container beside it, and containers in folders are not signed again.
	require.Zero(t, w.run("sign", "--key", "demo", "--asic", "E", "@in").code)
	require.Equal(t, []string{"in/a.txt", "in/sub/b.txt"}, w.container("in.asice").Files())
	require.Contains(t, w.run("sign", "--key", "demo", "@each").stderr, "nothing to sign")

	o = w.run("verify", "--trust", "demo", "@all.asice", "@each", "@in.asice")
	require.Zero(t, o.code, o.stdout+o.stderr)
	require.Equal(t, 4, strings.Count(o.stdout, ": VALID"), o.stdout)
	o = w.run("verify", "@all.asice")
	require.Equal(t, cli.ExitOpen, o.code)
	o = w.run("verify", "-v", "--trust", "demo", "--explain-level", "t", "@all.asice")
	for _, part := range []string{"@all.asice: ASiC-E with 2 files", "in META-INF/signature001.p7s", "over a.txt", "over sub/b.txt", "2 files as they were signed", "B-T is not reached"} {
		require.Contains(t, o.stdout, part)
	}
	require.Zero(t, w.run("verify", "--trust", "demo", "--html", "@page.html", "@all.asice").code)
	require.Contains(t, w.read("page.html"), "all.asice")
	var all containerOutcome
	require.NoError(t, json.Unmarshal([]byte(w.run("verify", "--trust", "demo", "--json", "@each/a.txt.asics").stdout), &all))
	require.True(t, all.OK)
	require.Equal(t, "ASiC-S", all.Container.Kind)
	require.Equal(t, "B-T", all.Report.Signatures[0].Level)
	require.Equal(t, "TOTAL-PASSED", all.Report.Indication)

	// By what is in it, whatever it is called, and from a pipe.
	w.write("unnamed", w.read("all.asice"))
	require.Zero(t, w.run("verify", "--trust", "demo", "@unnamed").code)
	w.stdin = strings.NewReader(w.read("all.asice"))
	o = w.run("verify", "--trust", "demo", "-")
	require.Zero(t, o.code, o.stdout+o.stderr)

	o = w.run("inspect", "@all.asice")
	require.Zero(t, o.code, o.stderr)
	for _, part := range []string{"ASiC-E: 2 files", "sub/b.txt", "manifest: META-INF/ASiCManifest001.xml", "signature META-INF/signature001.p7s", "signing-certificate-v2"} {
		require.Contains(t, o.stdout, part)
	}
	w.stdin = strings.NewReader(w.read("all.asice"))
	require.Contains(t, w.run("inspect", "--json", "-").stdout, `"name":"ASiC-E"`)

	// Raised in their place, and into a folder.
	o = w.run("extend", "--level", "lta", "--tsa", "demo", "@all.asice")
	require.Zero(t, o.code, o.stderr)
	require.Contains(t, o.stderr, "@all.asice is CAdES-LTA now")
	o = w.run("extend", "--level", "t", "--tsa", "demo", "--trust", "demo", "--out", "@raised", "@each/sub", "@in.asice")
	require.Zero(t, o.code, o.stderr)
	require.Equal(t, []string{"b.txt.asics", "in.asice"}, w.files("raised"))
	o = w.run("countersign", "--key", "demo", "@in.asice")
	require.Zero(t, o.code, o.stderr)
	o = w.run("verify", "-v", "--trust", "demo", "@all.asice", "@raised", "@in.asice")
	require.Zero(t, o.code, o.stdout+o.stderr)
	require.Contains(t, o.stdout, "level B-LTA")
	require.Contains(t, o.stdout, "counter-signature 1")

	// Unpacked: all or nothing, and never over what is there.
	o = w.run("extract", "@all.asice")
	require.Zero(t, o.code, o.stderr)
	require.Equal(t, []string{"a.txt", "sub/b.txt"}, w.files("all"))
	require.Equal(t, "second", w.read("all/sub/b.txt"))
	require.NoError(t, os.Remove(w.path("all/a.txt")))
	w.write("all/sub/b.txt", "mine")
	o = w.run("extract", "@all.asice")
	require.Equal(t, cli.ExitFailed, o.code)
	require.Contains(t, o.stderr, "it exists already")
	require.Equal(t, []string{"sub/b.txt"}, w.files("all"))
	require.Zero(t, w.run("extract", "--force", "@all.asice").code)
	require.Equal(t, "second", w.read("all/sub/b.txt"))
	require.Equal(t, "first", w.run("extract", "--out", "-", "@each/a.txt.asics").stdout)
	require.Contains(t, w.run("extract", "--out", "-", "@all.asice").stderr, "2 files")
	w.stdin = strings.NewReader(w.read("all.asice"))
	require.Zero(t, w.run("extract", "--out", "@new/folder", "-").code)
	require.Equal(t, []string{"a.txt", "sub/b.txt"}, w.files("new/folder"))
	outside := t.TempDir()
	require.NoError(t, os.MkdirAll(w.path("linked"), 0o755))
	require.NoError(t, os.Symlink(outside, w.path("linked/sub")))
	require.Equal(t, cli.ExitFailed, w.run("extract", "--out", "@linked", "@all.asice").code)
	left, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestContainersChanged: whatever is changed in a container, it is not VALID, and what is said names it.
func TestContainersChanged(t *testing.T) {
	w := newWorld(t)
	w.write("a.txt", "first")
	w.write("b.txt", "second")
	require.Zero(t, w.run("sign", "--key", "demo", "--asic", "e", "--out", "@e.asice", "@a.txt", "@b.txt").code)
	require.Zero(t, w.run("sign", "--key", "demo", "--asic", "s", "@a.txt").code)
	e, s := w.read("e.asice"), w.read("a.txt.asics")
	other := func(target, text string) func(string, []byte) []byte {
		return func(name string, data []byte) []byte {
			if name == target {
				return []byte(text)
			}
			return data
		}
	}
	without := func(target string) func(string, []byte) []byte {
		return func(name string, data []byte) []byte {
			if name == target {
				return nil
			}
			return data
		}
	}
	for name, c := range map[string]struct {
		data, sub string // of the report, when there is one
		code      int
		says      string
	}{
		"unchanged":           {rezip(t, e, same), "", cli.ExitOK, "VALID"},
		"a file":              {rezip(t, e, other("b.txt", "third")), "HASH_FAILURE", cli.ExitFailed, "the file b.txt: it is not what was signed"},
		"the file":            {rezip(t, s, other("a.txt", "third")), "HASH_FAILURE", cli.ExitFailed, "NOT VALID"},
		"a file is gone":      {rezip(t, e, without("b.txt")), "SIGNED_DATA_NOT_FOUND", cli.ExitOpen, "the file b.txt: it is not in the container"},
		"a file more":         {rezip(t, e, same, "c.txt", "third"), "", cli.ExitFailed, "the file c.txt is in the container and no signature covers it"},
		"the manifest":        {rezip(t, e, func(name string, data []byte) []byte { return bytes.ReplaceAll(data, []byte("b.txt"), []byte("a.txt")) }), "", cli.ExitFailed, "NOT VALID"},
		"the signature":       {rezip(t, e, other("META-INF/signature001.p7s", "no signature")), "", cli.ExitFailed, "META-INF/signature001.p7s: "},
		"no signature":        {rezip(t, e, without("META-INF/signature001.p7s")), "", cli.ExitFailed, "it is not there"},
		"none of all":         {rezip(t, s, without("META-INF/signature.p7s")), "", cli.ExitFailed, "a ZIP archive without signatures"},
		"XAdES":               {rezip(t, rezip(t, s, without("META-INF/signature.p7s")), same, "META-INF/signatures0.xml", "<x/>"), "", cli.ExitFailed, "with XAdES signatures"},
		"a time-stamp":        {rezip(t, rezip(t, s, without("META-INF/signature.p7s")), same, "META-INF/timestamp.tst", "x"), "", cli.ExitFailed, "with a time-stamp and no signature"},
		"an evidence record":  {rezip(t, rezip(t, s, without("META-INF/signature.p7s")), same, "META-INF/evidencerecord.ers", "x"), "", cli.ExitFailed, "evidence record"},
		"a Java archive":      {rezip(t, "PK\x05\x06"+strings.Repeat("\x00", 18), same, "META-INF/MANIFEST.MF", "x", "A.class", "x"), "", cli.ExitFailed, "jarsigner"},
		"an office document":  {rezip(t, "PK\x05\x06"+strings.Repeat("\x00", 18), same, "[Content_Types].xml", "x", "_xmlsignatures/sig1.xml", "x"), "", cli.ExitFailed, "office document"},
		"OpenDocument":        {rezip(t, "PK\x05\x06"+strings.Repeat("\x00", 18), same, "content.xml", "x", "META-INF/documentsignatures.xml", "x"), "", cli.ExitFailed, "OpenDocument"},
		"an empty ZIP file":   {"PK\x05\x06" + strings.Repeat("\x00", 18), "", cli.ExitFailed, "it holds no file"},
		"a ZIP file, cut":     {e[:len(e)/2], "", cli.ExitFailed, "not a valid zip file"},
		"two files, one name": {rezip(t, e, same, "a.txt", "first"), "", cli.ExitFailed, "two files"},
		"a name that climbs":  {rezip(t, e, same, "../c.txt", "third"), "", cli.ExitFailed, "../c.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			w.write("x.asice", c.data)
			o := w.run("verify", "--trust", "demo", "@x.asice")
			require.Equal(t, c.code, o.code, o.stdout+o.stderr)
			require.Contains(t, o.stdout, c.says)
			var all containerOutcome
			require.NoError(t, json.Unmarshal([]byte(w.run("verify", "--trust", "demo", "--json", "@x.asice").stdout), &all))
			require.Equal(t, c.code == cli.ExitOK, all.OK)
			require.Equal(t, c.code == cli.ExitOK, all.Valid)
			if c.sub != "" {
				require.Equal(t, c.sub, all.Report.Signatures[0].SubIndication)
				require.NotEqual(t, "TOTAL-PASSED", all.Report.Indication)
			}
			if c.code != cli.ExitOK {
				page := w.run("verify", "--trust", "demo", "--lang", "en", "--html", "@page.html", "@x.asice")
				require.Equal(t, c.code, page.code)
			}
		})
	}
	// The others say the same.
	w.write("xades.asice", rezip(t, rezip(t, s, without("META-INF/signature.p7s")), same, "META-INF/signatures0.xml", "<x/>"))
	for _, command := range [][]string{{"inspect"}, {"extract"}, {"extend", "--tsa", "demo"}, {"countersign", "--key", "demo"}} {
		o := w.run(append(command, "@xades.asice")...)
		require.Equal(t, cli.ExitFailed, o.code, command)
		require.Contains(t, o.stderr, "XAdES", command)
	}
}

// TestASICFlags refuses what does not go together, before anything is signed.
func TestASICFlags(t *testing.T) {
	w := newWorld(t)
	w.write("a.txt", "first")
	w.write("b.txt", "second")
	for says, args := range map[string][]string{
		"choose s":                 {"--asic", "x", "@a.txt"},
		"give one of them":         {"--asic", "s", "--attached", "@a.txt"},
		"--out FILE.asice":         {"--asic", "e", "@a.txt", "@b.txt"},
		"--key is there 2 times":   {"--asic", "s", "--key", "demo", "@a.txt"},
		"is a ZIP archive":         {"--asic", "s", "--armor", "@a.txt"},
		"no containers of --asic":  {"--asic", "s", "--skip-existing", "@a.txt"},
		"can be read once":         {"--asic", "s", "--out", "@out", "-"},
		"standard input can be re": {"--asic", "e", "--out", "@x.asice", "-", "@a.txt"},
	} {
		o := w.run(append([]string{"sign", "--key", "demo"}, args...)...)
		require.Equal(t, cli.ExitUsage, o.code, o.stderr)
		require.Contains(t, o.stderr, says)
	}
	require.NoFileExists(t, w.path("x.asice"))
	require.NoDirExists(t, w.path("out"))
	o := w.run("sign", "--key", "demo", "--asic", "e", "--out", "@x.asice", "@a.txt", "@none")
	require.Equal(t, cli.ExitFailed, o.code)
	require.Contains(t, o.stderr, "none: there is no such file")
	require.NoFileExists(t, w.path("x.asice"))
	require.Zero(t, w.run("sign", "--key", "demo", "--asic", "e", "@a.txt").code)
	for _, command := range [][]string{{"verify"}, {"extend", "--tsa", "demo"}} {
		o := w.run(append(command, "--content", "@b.txt", "@a.txt.asice")...)
		require.Equal(t, cli.ExitFailed, o.code)
		require.Contains(t, o.stdout+o.stderr, "leave --content out")
	}
	// A container in a folder: --out names the folder.
	require.NoError(t, os.Mkdir(w.path("folder"), 0o755))
	require.Zero(t, w.run("sign", "--key", "demo", "--asic", "e", "--out", "@folder", "@a.txt").code)
	require.FileExists(t, w.path("folder/a.txt.asice"))
	require.Empty(t, leftovers(w))
}

// leftovers are unfinished files.
func leftovers(w *world) (left []string) {
	for _, name := range w.files("") {
		if strings.Contains(name, ".tmp") {
			left = append(left, name)
		}
	}
	return left
}
