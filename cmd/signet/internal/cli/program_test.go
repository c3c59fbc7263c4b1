package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

// built is the program, built once for all tests that run it, in the folder that TestMain removes.
var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(ofProcess, "signet.exe")
	out, err := exec.Command("go", "build", "-o", path, "github.com/seed-116355fd/signet/cmd/signet").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, nil
})

// program builds the program as a user does.
func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	require.NoError(t, err)
	return path
}

func (w *world) command(program string, args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	c := exec.Command(program, args...)
	var stdout, stderr bytes.Buffer
	c.Dir, c.Stdout, c.Stderr = w.dir, &stdout, &stderr
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SIGNET_") {
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, "XDG_STATE_HOME="+w.env["XDG_STATE_HOME"])
	return c, &stdout, &stderr
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	e, ok := errors.AsType[*exec.ExitError](err)
	require.True(t, ok, "%v", err)
	return e.ExitCode()
}

func TestProgram(t *testing.T) {
	signet := program(t)
	w := newWorld(t)
	w.write("README.md", "read me")
	w.write("docs/a.md", "a")
	w.writeP12("seal.p12", password, w.id)
	for _, c := range []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{[]string{"sign", "--key", "demo", "--out", "signed", "README.md", "docs"}, cli.ExitOK, "", "signed 2 of 2 files"},
		{[]string{"verify", "--trust", "demo", "--content", ".", "signed"}, cli.ExitOK, ": VALID\n", "2 of 2"},
		{[]string{"verify", "--content", "docs/a.md", "signed/README.md.p7s"}, cli.ExitFailed, "NOT VALID", ""},
		{[]string{"sign", "--key", "demo", "no"}, cli.ExitFailed, "", "no: there is no such file"},
		{[]string{"sign"}, cli.ExitUsage, "", "give the files"},
		{[]string{"sign", "--key", "seal.p12", "README.md"}, cli.ExitKey, "", "password"},
		{[]string{"version"}, cli.ExitOK, "signet ", ""},
	} {
		cmd, stdout, stderr := w.command(signet, c.args...)
		require.Equal(t, c.code, exitCode(t, cmd.Run()), "%v: %s", c.args, stderr)
		if c.stdout == "" {
			require.Empty(t, stdout.String())
		}
		require.Contains(t, stdout.String(), c.stdout)
		require.Contains(t, stderr.String(), c.stderr)
	}
}

// TestInterrupt stops the program in the middle, by a signal and by closing the pipe that it writes to: there are only
// whole files then, those that were reported.
func TestInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no such signals there")
	}
	signet := program(t)
	w := newWorld(t)
	for i := range 3000 {
		w.write(fmt.Sprintf("in/%04d", i), strings.Repeat("content ", 8<<10))
	}
	check := func(t *testing.T, out string) {
		t.Helper()
		files := w.files(out)
		for _, f := range files {
			require.True(t, strings.HasSuffix(f, ".p7m"), f)
		}
		require.Less(t, len(files), 3000, "it was over before it was stopped")
		for _, f := range files[:min(len(files), 20)] {
			require.Equal(t, cli.ExitOpen, w.run("verify", "@"+out+"/"+f).code)
		}
	}
	t.Run("signal", func(t *testing.T) {
		cmd, stdout, stderr := w.command(signet, "sign", "--key", "key.pem", "--attached", "--json", "--out", "out1", "in")
		require.NoError(t, cmd.Start())
		require.Eventually(t, func() bool {
			first, err := os.ReadDir(w.path("out1/in"))
			return err == nil && len(first) > 20
		}, 20*time.Second, time.Millisecond)
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		require.Equal(t, cli.ExitFailed, exitCode(t, cmd.Wait()), stderr.String())
		require.Contains(t, stderr.String(), "interrupted")
		check(t, "out1")
		require.Len(t, w.files("out1"), strings.Count(stdout.String(), `"ok":true`))
	})
	t.Run("closed pipe", func(t *testing.T) {
		cmd, _, stderr := w.command(signet, "sign", "--key", "key.pem", "--attached", "--json", "--out", "out2", "in")
		cmd.Stdout = nil
		pipe, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = pipe.Read(make([]byte, 10))
		require.NoError(t, err)
		require.NoError(t, pipe.Close())
		require.Equal(t, cli.ExitFailed, exitCode(t, cmd.Wait()), stderr.String())
		require.Contains(t, stderr.String(), "standard output")
		check(t, "out2")
	})
}
