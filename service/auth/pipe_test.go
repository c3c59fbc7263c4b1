//go:build unix

package auth_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/auth"
)

// TestTokensPipe: a pipe in the place of the file of tokens keeps nobody waiting.
func TestTokensPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	done := make(chan error, 1)
	go func() {
		_, err := auth.ListTokens(path)
		done <- err
	}()
	select {
	case err := <-done:
		require.ErrorContains(t, err, "it is no regular file")
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for the other end of the pipe")
	}
}
