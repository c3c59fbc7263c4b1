//go:build unix && !signet_static

package pkcs11_test

import (
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

const (
	goodPIN  = "pin-7391" // 8 octets, which openCryptoki takes at most, and nothing that is by chance in the name of a folder
	wrongPIN = "not-7391"
	soPIN    = "87654321"
)

// find returns the first path that exists, or skips the test and says what to install.
func find(t testing.TB, hint string, paths ...string) string {
	t.Helper()
	for _, p := range paths {
		if !strings.Contains(p, "/") {
			if found, err := exec.LookPath(p); err == nil {
				return found
			}
			continue
		}
		if matches, _ := filepath.Glob(p); len(matches) != 0 {
			return matches[0]
		}
	}
	t.Skipf("SKIPPED: %s is not here (%s)", paths[0], hint)
	return ""
}

func softhsmModule(t testing.TB) string {
	t.Helper()
	return find(t, "apt-get install softhsm2", "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib*/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so")
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}

// softHSM is the configuration of SoftHSM2 of this test process. The module reads it when it is initialised, so all tests
// share the folder, and each has a token of its own.
var softHSM struct {
	sync.Mutex
	dir string
}

func TestMain(m *testing.M) {
	if os.Getenv(childToken) != "" {
		os.Exit(child())
	}
	dir, err := os.MkdirTemp("", "signet-pkcs11-")
	if err != nil {
		panic(err)
	}
	softHSM.dir = dir
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.Mkdir(filepath.Join(dir, "tokens"), 0o700); err != nil {
		panic(err)
	}
	text := fmt.Sprintf("directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n", dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		panic(err)
	}
	_ = os.Setenv("SOFTHSM2_CONF", conf) // before a module is loaded, which reads the environment of C
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// newToken makes a token with a label that no other test has.
func newToken(t testing.TB) (module, label string) {
	t.Helper()
	module = softhsmModule(t)
	label = fmt.Sprintf("t%d", nextNumber())
	run(t, find(t, "apt-get install softhsm2", "softhsm2-util"), "--init-token", "--free", "--label", label, "--so-pin", soPIN, "--pin", goodPIN)
	return module, label
}

var number struct {
	sync.Mutex
	n int
}

func nextNumber() int {
	number.Lock()
	defer number.Unlock()
	number.n++
	return number.n
}

// tool calls pkcs11-tool on a token.
func tool(t testing.TB, module, label string, args ...string) string {
	t.Helper()
	all := append([]string{"--module", module, "--token-label", label, "--login", "--pin", goodPIN}, args...)
	return run(t, find(t, "apt-get install opensc", "pkcs11-tool"), all...)
}

// importKey writes a key, its certificate and its chain to a token with a program of somebody else.
func importKey(t testing.TB, module, label string, id testpki.Identity, keyID, keyLabel string, more ...string) {
	t.Helper()
	dir := t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(id.Key)
	require.NoError(t, err)
	file := filepath.Join(dir, "key.der")
	require.NoError(t, os.WriteFile(file, der, 0o600))
	args := []string{"--id", keyID, "--label", keyLabel}
	tool(t, module, label, append(append([]string{"--write-object", file, "--type", "privkey", "--usage-sign"}, args...), more...)...)
	spki, err := x509.MarshalPKIXPublicKey(id.Key.Public())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, spki, 0o600))
	tool(t, module, label, append([]string{"--write-object", file, "--type", "pubkey", "--usage-sign"}, args...)...)
	importCert(t, module, label, id.Certificate(), keyID, keyLabel)
}

func importCert(t testing.TB, module, label string, c *x509.Certificate, keyID, keyLabel string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cert.der")
	require.NoError(t, os.WriteFile(file, c.Raw, 0o600))
	tool(t, module, label, "--write-object", file, "--type", "cert", "--id", keyID, "--label", keyLabel)
}

func pin(s string) pkcs11.PINFunc { return pkcs11.PIN(sign.NewSecret([]byte(s))) }

// open opens a token and closes it at the end of the test.
func open(t testing.TB, config pkcs11.Config) *pkcs11.Provider {
	t.Helper()
	if config.PIN == nil {
		config.PIN = pin(goodPIN)
	}
	p, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// toolKinds are the names that pkcs11-tool has for kinds of keys.
var toolKinds = map[testpki.Kind]string{
	testpki.RSA2048: "rsa:2048", testpki.RSA3072: "rsa:3072", testpki.P256: "EC:prime256v1", testpki.P384: "EC:secp384r1",
	testpki.P521: "EC:secp521r1", testpki.Ed25519: "EC:edwards25519",
}

// generate makes a key pair on the token with a program of somebody else, and a certificate for it.
func generate(t testing.TB, pki *testpki.PKI, module, label string, kind testpki.Kind, keyID, keyLabel string, more ...string) testpki.Identity {
	t.Helper()
	tool(t, module, label, append([]string{"--keypairgen", "--key-type", toolKinds[kind], "--id", keyID, "--label", keyLabel}, more...)...)
	p, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: module, TokenLabel: label, PIN: pin(goodPIN)})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	key, err := p.Key(t.Context(), sign.Ref{Label: keyLabel})
	require.NoError(t, err)
	id := pki.LeafOf(key, "Signet test "+keyLabel)
	importCert(t, module, label, id.Certificate(), keyID, keyLabel)
	return id
}
