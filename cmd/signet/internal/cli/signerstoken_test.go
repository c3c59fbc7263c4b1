package cli_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

// TestSignersOnTokens: the PIN of a variable is for the token of the first key, and for other keys on that token; another token is
// never given it, though it would even be right there.
func TestSignersOnTokens(t *testing.T) {
	w := newWorld(t)
	one, other := w.newHSM(), w.newHSM()
	one.key("ec:P-256", "k1")
	one.key("rsa:2048", "k2")
	other.key("ec:P-256", "k3")
	w.write("a", "content")
	w.env["SIGNET_PIN"] = goodPIN
	o := w.run("sign", "--key", one.uri("object=k1"), "--key", one.uri("object=k2"), "@a")
	require.Equal(t, cli.ExitOK, o.code, o.stderr)
	require.Len(t, levelsOf(t, w.read("a.p7s")), 2)
	before := w.read("a.p7s")
	o = w.run("sign", "--key", one.uri("object=k1"), "--key", other.uri("object=k3"), "@a")
	require.Equal(t, cli.ExitKey, o.code, o.stderr)
	require.Equal(t, before, w.read("a.p7s"))
	for name, args := range map[string][]string{
		"in a file": {"--key", other.uri("object=k3"), "--password-file", "@pin"}, "in the URI": {"--key", other.with("object=k3")},
	} {
		o = w.run(append(append([]string{"sign", "--key", one.uri("object=k1")}, args...), "@a")...)
		require.Equal(t, cli.ExitOK, o.code, name+": "+o.stderr)
	}
	// A wrong PIN of the first token ends it before the second one is asked.
	o = w.run("sign", "--key", one.uri("object=k1"), "--password-file", "@wrong", "--key", other.with("object=k3"), "@a")
	require.Equal(t, cli.ExitKey, o.code, o.stderr)
}
