package p11

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLoadOnWindows: what is wrong with a file, and that none is taken from the current folder or along PATH.
func TestLoadOnWindows(t *testing.T) {
	whole, err := os.ReadFile(echo(t))
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "load-") // what is loaded cannot be removed
	require.NoError(t, err)
	write := func(name string, b []byte) string {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
		return filepath.Join(dir, name)
	}
	other := bytes.Clone(whole)
	binary.LittleEndian.PutUint16(other[binary.LittleEndian.Uint32(other[0x3c:])+4:], 0x14c) // IMAGE_FILE_MACHINE_I386
	needs := bytes.ReplaceAll(whole, []byte("KERNEL32.dll"), []byte("KERNEL99.dll"))
	require.NotEqual(t, whole, needs)
	write("echo-of-path.dll", whole)
	t.Chdir(dir)
	t.Setenv("PATH", dir)
	for path, says := range map[string]string{
		"echo-of-path.dll":                      "", // it is here, and not where the system has its libraries
		filepath.Join(dir, "none.dll"):          "",
		write("needs.dll", needs):               "a library that it needs is neither beside it nor",
		write("text.dll", []byte("no library")): "it is no library of Windows",
		write("other.dll", other):               "it is for 386 and this program for amd64",
		"kernel32.dll":                          ErrNoModule.Error(),
	} {
		_, err := Open(path, "")
		require.ErrorIs(t, err, ErrLoad, path)
		require.ErrorContains(t, err, says, path)
		if path == "echo-of-path.dll" {
			require.NotContains(t, err.Error(), "that it needs", "it was not looked at")
		}
	}
	for _, path := range []string{`.\echo-of-path.dll`, filepath.Join(dir, "echo-of-path.dll")} {
		m, err := Open(path, "")
		require.NoError(t, err)
		require.NoError(t, m.Close())
	}
}
