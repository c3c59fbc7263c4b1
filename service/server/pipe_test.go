//go:build unix

package server

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadPipe refuses a pipe in the place of a secret, instead of waiting for somebody to write to it.
func TestReadPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, err := readSmall(path, 100)
	require.ErrorContains(t, err, "is no regular file")
}
