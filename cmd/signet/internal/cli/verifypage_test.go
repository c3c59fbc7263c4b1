package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

// TestPage: one page for all files, whole or not at all, which takes the place of nothing else.
func TestPage(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.write("b", "content")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "@a", "@b").code)
	w.write("b", "another content")
	w.write("c.p7s", "no signature")
	got := w.run("verify", "--trust", "@root.pem", "--html", "@r.html", "@a.p7s", "@b.p7s", "@c.p7s", "@no.p7s")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, "the report is in @r.html")
	html := w.read("r.html")
	require.True(t, strings.HasSuffix(html, "</html>\n"))
	for _, text := range []string{"The signature is valid.", "Подпись действительна.", "the document is not the one that was signed", "This file could not be checked", "this is not a signature: neither DER", "This file could not be read.", "there is no such file", "Signet test p256 0"} {
		require.Contains(t, html, text)
	}
	require.Equal(t, cli.ExitOK, w.run("verify", "--trust", "@root.pem", "--html", "@r.html", "--lang", "ru", "@a.p7s").code)
	require.NotContains(t, w.read("r.html"), "The signature is valid.")
	require.Contains(t, w.read("r.html"), "Подпись действительна.")

	before := w.read("a")
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--html", "@a", "@a.p7s"}, "not named like a page"},
		{[]string{"--html", "-", "@a.p7s"}, "writes a file"},
		{[]string{"--html", "@no/r.html", "@a.p7s"}, "there is no folder"},
		{[]string{"--lang", "ru", "@a.p7s"}, "--lang is for --html"},
		{[]string{"--html", "@r.html", "--lang", "fr", "@a.p7s"}, "choose en or ru"},
	} {
		got := w.run(append([]string{"verify"}, c.args...)...)
		require.Equal(t, cli.ExitUsage, got.code)
		require.Contains(t, got.stderr, c.says)
	}
	require.Equal(t, before, w.read("a"))
	all, err := os.ReadDir(w.dir)
	require.NoError(t, err)
	for _, e := range all {
		require.NotContains(t, e.Name(), ".tmp")
	}

	// Where it cannot be written, nothing is left, and the exit code says so.
	if os.Getuid() != 0 {
		require.NoError(t, os.Mkdir(filepath.Join(w.dir, "shut"), 0o500))
		require.Equal(t, cli.ExitFailed, w.run("verify", "--trust", "@root.pem", "--html", "@shut/r.html", "@a.p7s").code)
	}
}
