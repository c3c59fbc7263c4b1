//go:build unix

package pkcs11

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestModuleNames: where modules are looked for by a name, and as what.
func TestModuleNames(t *testing.T) {
	env := func(name string) string {
		return map[string]string{"ProgramFiles": `C:\Program Files`, "SystemRoot": `C:\Windows`}[name]
	}
	for _, c := range []struct{ goos, folder, name, file string }{
		{"linux", "/usr/lib/softhsm", "softhsm2", "libsofthsm2.so"},
		{"linux", "/usr/lib/*", "opensc", "opensc-pkcs11.so"},
		{"darwin", "/Library/*/lib", "opensc", "opensc-pkcs11.so"},
		{"darwin", "/opt/homebrew/lib", "ykcs11", "libykcs11.dylib"},
		{"darwin", "/usr/local/lib/*", "softhsm2", "libsofthsm2.so"},
		{"windows", `C:\Program Files\*\*\pkcs11`, "opensc", "opensc-pkcs11.dll"},
		{"windows", `C:\Program Files\*\*\bin`, "ykcs11", "libykcs11.dll"},
		{"windows", `C:\Program Files\*\*\bin\pkcs11`, "yubihsm", "yubihsm_pkcs11.dll"},
		{"windows", `C:\Windows\System32`, "eTPKCS11", "eTPKCS11.dll"},
	} {
		require.Contains(t, moduleFolders(c.goos, env), c.folder, c)
		require.Contains(t, moduleFiles(c.goos, c.name), c.file, c)
	}
	for _, folder := range moduleFolders("windows", env) {
		require.True(t, strings.HasPrefix(folder, `C:\Program Files\`) || folder == `C:\Windows\System32`, "others may write to it: %s", folder)
	}
	require.Empty(t, moduleFolders("windows", func(string) string { return "" }), "nothing below the current folder")
	require.NotContains(t, noModule("windows"), "Debian")
}

// TestGlobQuote: a name is found as it is.
func TestGlobQuote(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a[1]b", "a1b", "a*b", "axb", `a\b`} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		matches, err := filepath.Glob(filepath.Join(dir, globQuote(name)))
		require.NoError(t, err)
		require.Equal(t, []string{filepath.Join(dir, name)}, matches)
	}
}

// TestFileOfURI: on Windows the path of a file: URI begins with the drive.
func TestFileOfURI(t *testing.T) {
	require.Equal(t, "C:/pin", withoutSlash("windows", "/C:/pin"))
	require.Equal(t, "/pin", withoutSlash("windows", "/pin"))
	require.Equal(t, "/C:/pin", withoutSlash("linux", "/C:/pin"))
}
