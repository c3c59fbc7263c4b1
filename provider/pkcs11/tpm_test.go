//go:build unix && !signet_static

package pkcs11_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

// tpm is a TPM in software with tpm2-pkcs11 before it: the smallest device there is. It makes one signature at a time, and locks
// itself after three wrong PINs. Nothing stands between them that would make room in it, so it holds one key.
type tpm struct {
	module, dir, label string
	device             *exec.Cmd
}

func newTPM(t testing.TB) *tpm {
	t.Helper()
	real := find(t, "apt-get install libtpm2-pkcs11-1", "/usr/lib/*/pkcs11/libtpm2_pkcs11.so", "/usr/lib*/pkcs11/libtpm2_pkcs11.so")
	find(t, "apt-get install libtss2-tcti-swtpm0", "/usr/lib/*/libtss2-tcti-swtpm.so.0", "/usr/lib*/libtss2-tcti-swtpm.so.0")
	find(t, "apt-get install swtpm", "swtpm")
	dir, err := os.MkdirTemp(softHSM.dir, "tpm-")
	require.NoError(t, err)
	d := &tpm{module: filepath.Join(dir, "tpm.so"), dir: dir, label: "tpm"}
	copyFile(t, real, d.module)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "state"), 0o700))
	d.start(t)
	t.Cleanup(func() { d.stop() })
	require.NoError(t, os.Setenv("TPM2_PKCS11_STORE", dir))
	require.NoError(t, os.Setenv("TPM2_PKCS11_TCTI", "swtpm:path="+filepath.Join(dir, "sock")))
	require.NoError(t, os.Setenv("TSS2_LOG", "all+NONE"))
	tool := find(t, "apt-get install opensc", "pkcs11-tool")
	run(t, tool, "--module", d.module, "--init-token", "--slot", "1", "--label", d.label, "--so-pin", soPIN)
	run(t, tool, "--module", d.module, "--token-label", d.label, "--init-pin", "--login", "--login-type", "so", "--so-pin", soPIN, "--pin", goodPIN)
	return d
}

func (d *tpm) start(t testing.TB) {
	t.Helper()
	sock := filepath.Join(d.dir, "sock")
	d.device = exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+filepath.Join(d.dir, "state"), "--flags", "startup-clear",
		"--server", "type=unixio,path="+sock, "--ctrl", "type=unixio,path="+sock+".ctrl")
	_ = os.Remove(sock)
	require.NoError(t, d.device.Start())
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(sock); err == nil {
			return
		}
		require.True(t, time.Now().Before(end), "swtpm does not listen")
	}
}

func (d *tpm) stop() {
	if d.device != nil {
		_ = d.device.Process.Kill()
		_ = d.device.Wait()
		d.device = nil
	}
}

func TestConformanceTPM(t *testing.T) {
	d := newTPM(t)
	config := pkcs11.Config{Module: d.module, TokenLabel: d.label, PIN: pin(goodPIN), Sessions: 3}
	pki := testpki.New(t)
	p, err := pkcs11.Open(t.Context(), config)
	require.NoError(t, err)
	e, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.P256, Label: "seal"})
	require.NoError(t, err)
	key, err := p.Key(t.Context(), sign.Ref{ID: e.ID})
	require.NoError(t, err)
	id := pki.LeafOf(key, "Signet test of a TPM")
	require.NoError(t, p.ImportCertificate(t.Context(), id.Certificate(), id.Chain[1:]...))
	require.NoError(t, p.ImportCertificate(t.Context(), id.Certificate(), id.Chain[1:]...), "again")
	require.NoError(t, p.Close())

	providertest.Run(t, providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			p, err := pkcs11.Open(t.Context(), config)
			require.NoError(t, err)
			return p
		},
		Keys:    []providertest.Key{{ID: e.ID, Label: "seal", Certificate: id.Certificate(), Chain: id.Chain}},
		Secrets: []string{goodPIN, wrongPIN},
		OpenRefused: func(t testing.TB) error {
			config := config
			config.PIN = pin(wrongPIN)
			_, err := pkcs11.Open(t.Context(), config)
			return err
		},
	})
}

// TestTPMKilled kills the device under callers at work, and starts it again. Its module answers all calls that do not need the
// device as if nothing were, and the others with CKR_GENERAL_ERROR until it is initialised again.
func TestTPMKilled(t *testing.T) {
	before := runtime.NumGoroutine()
	d := newTPM(t)
	p := open(t, pkcs11.Config{Module: d.module, TokenLabel: d.label, Sessions: 4, Recover: 20 * time.Second})
	e, err := p.GenerateKey(t.Context(), pkcs11.NewKey{Kind: pkcs11.P256, Label: "seal"})
	require.NoError(t, err)
	key, err := p.Key(t.Context(), sign.Ref{ID: e.ID})
	require.NoError(t, err)
	digest := sha256.Sum256([]byte("message"))
	var made atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 25 {
				signature, err := key.SignContext(t.Context(), digest[:], crypto.SHA256)
				if err != nil || !ecdsa.VerifyASN1(e.Public.(*ecdsa.PublicKey), digest[:], signature) {
					t.Errorf("after %d signatures: %v", made.Load(), err)
					return
				}
				made.Add(1)
			}
		})
	}
	for _, at := range []int64{50, 100} {
		for made.Load() < at && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		d.stop()
		time.Sleep(100 * time.Millisecond)
		d.start(t)
	}
	wait.Wait()
	require.EqualValues(t, 200, made.Load())
	leakFree(t, nil, before, p)
}
