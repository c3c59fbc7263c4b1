//go:build unix && !signet_static

package pkcs11_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

// remote is p11-kit's remoting: a client module of ours, a server with a child for each connection, and SoftHSM2 behind.
// To a program it is a network HSM.
type remote struct {
	client string // module
	socket string
	server *exec.Cmd
}

func newRemote(t testing.TB, module, label string) *remote {
	t.Helper()
	p11kit := find(t, "apt-get install p11-kit", "p11-kit")
	client := find(t, "apt-get install p11-kit-modules", "/usr/lib/*/pkcs11/p11-kit-client.so", "/usr/lib*/pkcs11/p11-kit-client.so")
	dir, err := os.MkdirTemp(softHSM.dir, "remote-")
	require.NoError(t, err)
	r := &remote{client: filepath.Join(dir, "client.so"), socket: filepath.Join(dir, "sock")}
	copyFile(t, client, r.client) // the address of the server is read once for each file
	r.start(t, p11kit, module, label)
	t.Cleanup(func() { r.stop() })
	require.NoError(t, os.Setenv("P11_KIT_SERVER_ADDRESS", "unix:path="+r.socket))
	return r
}

func (r *remote) start(t testing.TB, p11kit, module, label string) {
	t.Helper()
	r.server = exec.Command(p11kit, "server", "-f", "-n", r.socket, "--provider", module, "pkcs11:token="+label)
	r.server.Stdout, r.server.Stderr = nil, nil
	r.server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, r.server.Start())
	// The socket is there a moment before the server listens.
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("unix", r.socket); err == nil {
			_ = c.Close()
			return
		}
		require.True(t, time.Now().Before(end), "p11-kit server does not listen")
	}
}

func (r *remote) stop() {
	if r.server != nil {
		_ = syscall.Kill(-r.server.Process.Pid, syscall.SIGKILL)
		_ = r.server.Wait()
		r.server = nil
	}
}

// kill ends the server's children, which hold the connections, as a network or a daemon that fails does.
func (r *remote) kill(t testing.TB) int {
	t.Helper()
	killed := 0
	for _, dir := range must(filepath.Glob("/proc/[0-9]*")) {
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue
		}
		// After the name in parentheses come the state and the parent.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		var pid int
		if _, err := fmt.Sscan(filepath.Base(dir), &pid); err == nil && len(fields) > 1 && fields[1] == fmt.Sprint(r.server.Process.Pid) && fields[0] != "Z" {
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			killed++
		}
	}
	return killed
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestConformanceRemote(t *testing.T) {
	module, label := newToken(t)
	pki := testpki.New(t)
	var keys []providertest.Key
	for i, kind := range []testpki.Kind{testpki.RSA2048, testpki.P256, testpki.P384} {
		id := pki.Leaf(kind)
		importKey(t, module, label, id, fmt.Sprintf("0%d", i), string(kind))
		keys = append(keys, providertest.Key{ID: []byte{byte(i)}, Label: string(kind), Certificate: id.Certificate(), Chain: id.Chain})
	}
	importCert(t, module, label, pki.Authority.Certificate(), "ff", "authority")
	r := newRemote(t, module, label)
	providertest.Run(t, providertest.Config{
		Open: func(t testing.TB) sign.Provider {
			return open(t, pkcs11.Config{Module: r.client, TokenLabel: label, Sessions: 3})
		},
		Keys:    keys,
		Secrets: []string{goodPIN, wrongPIN},
		OpenRefused: func(t testing.TB) error {
			_, err := pkcs11.Open(t.Context(), pkcs11.Config{Module: r.client, TokenLabel: label, PIN: pin(wrongPIN)})
			return err
		},
	})
}

// TestDaemonKilledInABatch kills what is between us and the token with SIGKILL, twice: the connection, and then the whole
// server, which comes back later. All contents of a batch come out signed, each once.
func TestDaemonKilledInABatch(t *testing.T) {
	count := 5000
	if testing.Short() {
		count = 500
	}
	before := runtime.NumGoroutine()
	module, label := newToken(t)
	pki := testpki.New(t)
	id := pki.Leaf(testpki.P256)
	importKey(t, module, label, id, "01", "seal")
	r := newRemote(t, module, label)
	p := open(t, pkcs11.Config{Module: r.client, TokenLabel: label, Recover: time.Minute, Certificates: id.Chain[1:]})
	signer, err := sign.Open(t.Context(), p, sign.Ref{Label: "seal"})
	require.NoError(t, err)
	contents := make([]sign.Content, count)
	for i := range contents {
		contents[i] = sign.Bytes(fmt.Sprint(i), fmt.Appendf(nil, "content %d", i))
	}
	p11kit := find(t, "apt-get install p11-kit", "p11-kit")
	start := time.Now()
	results, err := batch.Sign(t.Context(), signer, &cades.Options{}, contents, &batch.Options{Progress: func(progress batch.Progress) {
		switch progress.Done {
		case count / 4:
			require.Positive(t, r.kill(t), "a connection is killed")
		case count / 2:
			r.stop()
			r.start(t, p11kit, module, label)
		case count * 3 / 4:
			require.Positive(t, r.kill(t), "a connection is killed")
		}
	}})
	require.NoError(t, err)
	require.Len(t, results, count)
	t.Logf("%d containers in %v", count, time.Since(start).Round(time.Millisecond))
	for i, result := range results {
		require.NoError(t, result.Err)
		require.Equal(t, i, result.Index)
		m, err := cades.Parse(result.Signature)
		require.NoError(t, err)
		report, err := m.Verify(t.Context(), sign.Bytes("", []byte(fmt.Sprintf("content %d", i))), &cades.VerifyOptions{Roots: pki.Roots()})
		require.NoError(t, err)
		require.True(t, report.Valid(), "%v", report)
	}
	leakFree(t, nil, before, p)
}
