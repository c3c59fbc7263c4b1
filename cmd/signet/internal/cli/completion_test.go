package cli_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/sign"
)

// TestCompletion: shells are offered values, and each that is offered is one that the flag takes.
func TestCompletion(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	offered := func(args ...string) (words []string) {
		o := w.run(append([]string{"__complete"}, args...)...)
		require.Equal(t, 0, o.code, o.stderr)
		for line := range strings.Lines(o.stdout) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			if !strings.HasPrefix(word, ":") {
				words = append(words, word)
			}
		}
		return words
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		o := w.run("completion", shell)
		require.Equal(t, 0, o.code)
		require.Contains(t, o.stdout, "__complete", shell)
	}
	require.Equal(t, []string{"pkcs7", "bes", "t", "lt", "lta", "c", "xlong1", "a"}, offered("sign", "--level", ""))
	require.Equal(t, []string{"lt", "lta"}, offered("extend", "--level", "l"))
	require.Equal(t, []string{"bes", "t"}, offered("countersign", "--level", ""))
	require.Equal(t, []string{"strict"}, offered("verify", "--policy", "s"))
	require.Equal(t, []string{"demo"}, offered("sign", "--key", "de"))
	require.Empty(t, offered("sign", "--key", "pkcs11:token=x?pin-value=12"))
	require.Contains(t, offered("verify", "--trust", ""), "system")
	for _, scheme := range offered("sign", "--scheme", "") {
		if !slices.ContainsFunc(schemes.All(), func(s sign.Scheme) bool { return s.Name == scheme }) {
			_, err := sign.SchemeByName(scheme)
			require.NoError(t, err)
		}
	}
	for _, of := range []struct {
		flag string
		args []string
	}{
		{"--level", []string{"sign", "--tsa", "demo"}}, {"--commitment", []string{"sign"}}, {"--policy", []string{"verify"}},
		{"--explain-level", []string{"verify"}}, {"--revocation", []string{"verify"}},
	} {
		words := offered(of.args[0], of.flag, "")
		require.NotEmpty(t, words, of.flag)
		for _, word := range words {
			o := w.run(append(of.args, of.flag, word, "@nothing")...)
			require.NotContains(t, o.stderr, of.flag+" "+word, "what is offered is refused")
		}
	}
	require.Equal(t, cli.ExitUsage, w.run("completion", "bash", "more").code)
}
