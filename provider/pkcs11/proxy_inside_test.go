package pkcs11

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProxyPaths: the first file that there is, and no folder or dangling link.
func TestProxyPaths(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	paths := []string{path("none"), path("folder"), path("dangling"), path("link"), path("file")}
	require.Empty(t, firstFile(paths))
	require.NoError(t, os.Mkdir(path("folder"), 0o700))
	require.NoError(t, os.Symlink(path("nothing"), path("dangling")))
	require.Empty(t, firstFile(paths))
	require.NoError(t, os.WriteFile(path("file"), nil, 0o600))
	require.Equal(t, path("file"), firstFile(paths))
	require.NoError(t, os.Symlink(path("file"), path("link")))
	require.Equal(t, path("link"), firstFile(paths))
	for _, p := range proxyPaths() {
		require.True(t, strings.HasPrefix(p, "/"), "the linker is not asked for a name: %s", p)
		require.Equal(t, "p11-kit-proxy", strings.SplitN(filepath.Base(p), ".", 2)[0])
	}
}

// TestURIWithoutModule says what to do where there is no proxy.
func TestURIWithoutModule(t *testing.T) {
	config, err := URI{Token: "seal"}.Config(Config{})
	require.NoError(t, err)
	require.Equal(t, DefaultModule(), config.Module)
	for _, named := range []struct {
		uri    URI
		config Config
	}{{URI{ModulePath: "/m.so"}, Config{}}, {URI{}, Config{Module: "/m.so"}}, {URI{ModulePath: "/m.so"}, Config{Module: "/other.so"}}} {
		config, err = named.uri.Config(named.config)
		require.NoError(t, err)
		require.Equal(t, "/m.so", config.Module)
	}
	if DefaultModule() == "" {
		_, _, err = OpenURI(t.Context(), "pkcs11:token=seal", Config{})
		require.ErrorContains(t, err, "p11-kit")
	}
}
