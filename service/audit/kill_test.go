//go:build unix

package audit_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/audit"
)

const writerVariable = "SIGNET_TEST_AUDIT_WRITER"

// TestMain is also the process that is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv(writerVariable); path != "" {
		writeForEver(path)
	}
	os.Exit(m.Run())
}

// writeForEver says after each record what its number is.
func writeForEver(path string) {
	l, err := audit.Open(path, &audit.Options{Key: key, MaxSize: 200_000})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for range 4 {
		go func() {
			for {
				if err := l.Record(context.Background(), record(50)); err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				seq, hash := l.Last()
				fmt.Println(seq, hash)
			}
		}()
	}
	select {}
}

// TestKilled kills a process that writes, again and again: what it said that it has kept is there, and the log goes on.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	var last uint64
	var hash string
	for round := range 6 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), writerVariable+"="+path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for range 40 + 17*round {
			require.True(t, lines.Scan())
			var seq uint64
			var h string
			n, err := fmt.Sscan(lines.Text(), &seq, &h)
			require.NoError(t, err, lines.Text())
			require.Equal(t, 2, n)
			if seq > last {
				last, hash = seq, h
			}
		}
		require.NoError(t, cmd.Process.Kill()) // SIGKILL
		_ = cmd.Wait()
		l, err := audit.Open(path, &audit.Options{Key: key})
		require.NoError(t, err)
		seq, _ := l.Last()
		require.GreaterOrEqual(t, seq, last)
		require.NoError(t, l.Close())
		files, err := filepath.Glob(path + "*")
		require.NoError(t, err)
		s, err := audit.VerifyFiles(files, &audit.VerifyOptions{Key: key, ExpectLast: hash})
		require.NoError(t, err)
		require.EqualValues(t, 1, s.First)
		require.Equal(t, seq, s.Last)
		require.False(t, strings.Contains(strings.Join(files, " "), "torn"))
	}
}
