package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
)

const (
	goodPIN  = "13572468"
	wrongPIN = "97531864"
	soPIN    = "86427531"
)

// ofProcess is the folder of this test process.
var ofProcess string

// TestMain gives SoftHSM2, which reads its configuration when it is loaded, the folder of this test process.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "signet-cli-")
	if err != nil {
		panic(err)
	}
	ofProcess = dir
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.Mkdir(filepath.Join(dir, "tokens"), 0o700); err != nil {
		panic(err)
	}
	text := fmt.Sprintf("directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n", dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		panic(err)
	}
	_ = os.Setenv("SOFTHSM2_CONF", conf)
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// needs skips a test, and says what to install.
func needs(t testing.TB, program, from string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("SKIPPED: %s is not here (apt-get install %s)", program, from)
	}
	return path
}

func softhsm(t testing.TB) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib*/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"} {
		if found, _ := filepath.Glob(pattern); len(found) != 0 {
			return found[0]
		}
	}
	t.Skip("SKIPPED: libsofthsm2.so is not here (apt-get install softhsm2)")
	return ""
}

var tokens atomic.Int64

// hsm is a token of a test.
type hsm struct {
	w             *world
	module, label string
}

// newHSM makes a token with a label of its own, and a file with its PIN.
func (w *world) newHSM() *hsm {
	w.t.Helper()
	h := &hsm{w, softhsm(w.t), fmt.Sprintf("cli%d", tokens.Add(1))}
	out, err := exec.Command(needs(w.t, "softhsm2-util", "softhsm2"), "--init-token", "--free", "--label", h.label, "--so-pin", soPIN, "--pin", goodPIN).CombinedOutput()
	require.NoError(w.t, err, "%s", out)
	w.t.Cleanup(func() { _ = exec.Command("softhsm2-util", "--delete-token", "--token", h.label).Run() })
	w.write("pin", goodPIN+"\n")
	w.write("wrong", wrongPIN+"\n")
	return h
}

// uri names the token, with more attributes of the path before a query.
func (h *hsm) uri(more string) string {
	if more != "" {
		more = ";" + more
	}
	return "pkcs11:token=" + h.label + more + "?module-path=" + h.module
}

// with is uri with the PIN in a file.
func (h *hsm) with(more string) string { return h.uri(more) + "&pin-source=" + h.w.path("pin") }

// key makes a key with a certificate of the test authority on the token, and returns its URI.
func (h *hsm) key(kind, label string) string {
	t := h.w.t
	t.Helper()
	got := h.w.run("keygen", "--key", h.with(""), "--type", kind, "--label", label)
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	got = h.w.run("csr", "--key", h.with("object="+label), "--subject", "CN="+label, "--out", "@"+label+".csr")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	h.w.issue(label+".csr", label+".crt")
	got = h.w.run("import-cert", "--key", h.with("object="+label), "@"+label+".crt")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	return h.with("object=" + label)
}

// issue lets OpenSSL, as an authority, make a certificate of a request.
func (w *world) issue(csr, crt string, more ...string) {
	w.t.Helper()
	if _, err := os.Stat(w.path("ca.pem")); err != nil {
		openssl(w.t, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650", "-subj", "/CN=Test CA", "-keyout", w.path("ca.key"), "-out", w.path("ca.pem"))
	}
	w.write("ext", "keyUsage=critical,digitalSignature,nonRepudiation\nbasicConstraints=CA:FALSE\n")
	args := []string{"x509", "-req", "-in", w.path(csr), "-CA", w.path("ca.pem"), "-CAkey", w.path("ca.key"), "-CAcreateserial", "-days", "365", "-extfile", w.path("ext"), "-out", w.path(crt)}
	openssl(w.t, append(args, more...)...)
	w.now = time.Now() // what OpenSSL takes as the first moment of the certificate has come
}

// bent is a module in front of SoftHSM2 that says of tokens what testdata/bend.c can make it say.
func bent(t *testing.T, module string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bend.so")
	out, err := exec.Command(needs(t, "gcc", "gcc"), "-shared", "-fPIC", "-o", path, "testdata/bend.c", "-ldl").CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Setenv("BEND_MODULE", module)
	return path
}
