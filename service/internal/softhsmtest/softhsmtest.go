// Package softhsmtest makes tokens of SoftHSM2 for tests, by programs of others.
package softhsmtest

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
)

// Main runs the tests of a package with a folder of tokens of its own. The module reads the configuration when it is loaded,
// so that a single test would set it too late.
func Main(m *testing.M) {
	dir, err := os.MkdirTemp("", "signet-softhsm-")
	if err == nil {
		err = configure(dir)
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func configure(dir string) error {
	if err := Configure(dir); err != nil {
		return err
	}
	return os.Setenv("SOFTHSM2_CONF", Configuration(dir))
}

// Configuration is the file of settings in a folder: the value of SOFTHSM2_CONF.
func Configuration(dir string) string { return filepath.Join(dir, "softhsm2.conf") }

// Configure makes the file of settings, and beside it the folder of the tokens, unless they are there.
func Configure(dir string) error {
	conf := Configuration(dir)
	if _, err := os.Stat(conf); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(dir, "softhsm"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(conf, fmt.Appendf(nil, "directories.tokendir = %s/softhsm\nobjectstore.backend = file\nlog.level = ERROR\n", dir), 0o600)
}

// Find returns the first program or file that exists, or skips the test and says what to install.
func Find(t testing.TB, hint string, paths ...string) string {
	t.Helper()
	for _, p := range paths {
		if found, err := exec.LookPath(p); err == nil && !strings.Contains(p, "/") {
			return found
		}
		if matches, _ := filepath.Glob(p); len(matches) != 0 {
			return matches[0]
		}
	}
	t.Skipf("SKIPPED: %s is not here (%s)", paths[0], hint)
	return ""
}

// Module is the path of SoftHSM2.
func Module(t testing.TB) string {
	t.Helper()
	return Find(t, "apt-get install softhsm2", "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib*/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so")
}

// Token makes a token with a label that no other has, and writes keys with their certificates to it by their names. The
// folder of the configuration may be empty: then it is that of Main.
func Token(t testing.TB, dir, pin string, ids map[string]testpki.Identity) (label string) {
	t.Helper()
	label = strings.ToLower(rand.Text())
	module, tool := Module(t), Find(t, "apt-get install opensc", "pkcs11-tool")
	command := func(name string, args ...string) {
		cmd := exec.Command(name, args...)
		if dir != "" {
			cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+Configuration(dir))
		}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
	}
	command(Find(t, "apt-get install softhsm2", "softhsm2-util"), "--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin", pin)
	file := filepath.Join(t.TempDir(), "object.der")
	number := 0
	for name, id := range ids {
		number++
		der, err := x509.MarshalPKCS8PrivateKey(id.Key)
		require.NoError(t, err)
		for kind, data := range map[string][]byte{"privkey": der, "cert": id.Certificate().Raw} {
			require.NoError(t, os.WriteFile(file, data, 0o600))
			command(tool, "--module", module, "--token-label", label, "--login", "--pin", pin, "--write-object", file, "--type", kind, "--id", fmt.Sprintf("%02d", number), "--label", name)
		}
	}
	return label
}
