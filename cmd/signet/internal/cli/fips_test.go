package cli_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

// TestFIPSProgram runs the program where only what FIPS 140-3 approves may be used, and the rest panics.
func TestFIPSProgram(t *testing.T) {
	signet := program(t)
	w := newWorld(t)
	w.write("a", "content\n")
	run := func(code int, args ...string) string {
		t.Helper()
		c, out, err := w.command(signet, args...)
		c.Env = append(c.Env, "GODEBUG=fips140=only", "SIGNET_PASSWORD=sesame")
		require.Equal(t, code, exitCode(t, c.Run()), "%v: %s%s", args, out, err)
		require.NotContains(t, err.String(), "panic")
		return out.String() + err.String()
	}
	for _, level := range [][]string{{"--level", "bes"}, {"--level", "t", "--tsa", "demo"}} {
		run(cli.ExitOK, append([]string{"sign", "--key", "demo", "a"}, level...)...)
		require.Contains(t, run(cli.ExitOK, "verify", "-v", "--trust", "demo", "a.p7s"), "VALID")
		require.Contains(t, run(cli.ExitOK, "inspect", "a.p7s"), "thumbprint: ")
	}
	run(cli.ExitOK, "keys", "--key", "demo")
	run(cli.ExitOK, "doctor", "--no-rate", "--key", "demo")
	legacy, err := filepath.Abs("../../../../provider/soft/testdata/legacy.p12")
	require.NoError(t, err)
	require.Contains(t, run(cli.ExitKey, "keys", "--key", legacy), "fips140=only")
}
