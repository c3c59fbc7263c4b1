//go:build unix && !signet_static

package pkcs11_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestOpenCryptoki runs the conformance suite and the faults over the soft token of openCryptoki, which has a daemon, locks
// a PIN after three wrong ones, and gives numbers of keys out again. It does so in another process, in namespaces where the
// daemon and the token are its own: nothing of it is seen outside, and no daemon of the machine is used.
func TestOpenCryptoki(t *testing.T) {
	folder := openCryptoki(t)
	find(t, "apt-get install util-linux", "unshare")
	tests := []string{"TestConformanceGiven", "TestFaults", "TestHandlesGivenOutAgain", "TestWrongPIN", "TestDaemonKilled",
		"TestMoreCallersThanSessions", "TestTwoProvidersOnOneModule", "TestTokenThatDoesNotComeBack", "TestOpenAndClose"}
	cmd := exec.Command("testdata/opencryptoki.sh", folder, os.Args[0], "-test.v", "-test.timeout=5m", "-test.run=^("+strings.Join(tests, "|")+")$")
	cmd.Stdin = nil
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 77 {
		t.Skip("SKIPPED: this machine does not let us make namespaces for an openCryptoki of our own (unshare, overlay)")
	}
	require.NoError(t, err, "%s", out)
	for _, name := range tests {
		require.Contains(t, string(out), "--- PASS: "+name+" ")
	}
	require.NotContains(t, string(out), "SKIPPED")
}

// openCryptoki returns the folder where scripts/tools.sh has unpacked the packages, or / when they are installed.
func openCryptoki(t testing.TB) string {
	t.Helper()
	if cache, err := os.UserCacheDir(); err == nil {
		folder := filepath.Join(cache, "signet-tests", "opencryptoki")
		if _, err := os.Stat(filepath.Join(folder, "usr/sbin/pkcsslotd")); err == nil {
			return folder
		}
	}
	find(t, "scripts/tools.sh unpacks it, where there is apt-get", "/usr/sbin/pkcsslotd")
	return "/"
}

// TestDaemonKilled kills the daemon of a module that was given. What is open goes on without it; when everything has to be
// opened again meanwhile, calls wait until the daemon is back.
func TestDaemonKilled(t *testing.T) {
	daemon := os.Getenv("SIGNET_TEST_DAEMON")
	if daemon == "" || os.Getenv("SIGNET_INSIDE") == "" {
		t.Skip("SKIPPED: only in namespaces of its own (see TestOpenCryptoki)")
	}
	before := runtime.NumGoroutine()
	s := newStage(t)
	p, key := s.open(t)
	require.Empty(t, s.many(t.Context(), key, 8, 5))
	kill9(t, filepath.Base(daemon))
	require.Empty(t, s.many(t.Context(), key, 8, 5))
	require.NoError(t, p.Ping(t.Context()))
	time.AfterFunc(300*time.Millisecond, func() {
		if out, err := exec.Command(daemon).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	s.do(fnSignInit, 3, doFinalize)
	s.slowest.Store(0)
	require.Empty(t, s.many(t.Context(), key, 8, 5))
	t.Logf("the longest call took %v", time.Duration(s.slowest.Load()).Round(time.Millisecond))
	kill9(t, filepath.Base(daemon))
	require.NoError(t, exec.Command(daemon).Run())
	s.do(fnSignInit, 3, doCloseAll)
	require.Empty(t, s.many(t.Context(), key, 8, 5))
	leakFree(t, s.shim, before, p)
}

// kill9 kills the processes of a name, of which we see only our own.
func kill9(t testing.TB, name string) {
	t.Helper()
	killed := 0
	for _, dir := range must(filepath.Glob("/proc/[0-9]*")) {
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil || strings.TrimSpace(string(comm)) != name {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		killed++
	}
	require.Positive(t, killed)
}
