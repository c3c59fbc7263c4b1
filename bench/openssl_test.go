package bench_test

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/seed-116355fd/signet/bench"
)

// openSSLProgram compiles openssl/cmssign.c, once in a process.
var openSSLProgram = sync.OnceValues(func() (string, error) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "signet-bench-")
	if err != nil {
		return "", err
	}
	openSSLDir = dir
	program := filepath.Join(dir, "cmssign")
	if out, err := exec.Command(cc, "-O2", "-o", program, filepath.Join("openssl", "cmssign.c"), "-lcrypto").CombinedOutput(); err != nil {
		return "", fmt.Errorf("cc: %w (are the headers of OpenSSL installed?): %.300s", err, out)
	}
	return program, nil
})

var openSSLDir string

func TestMain(m *testing.M) {
	code := m.Run()
	if openSSLDir != "" {
		_ = os.RemoveAll(openSSLDir)
	}
	os.Exit(code)
}

// openSSLSign has the program do b.N operations and reports its own clock, so that neither starting a process nor calls
// between Go and C count.
func openSSLSign(b *testing.B, a bench.Algorithm, content []byte, impl string) {
	if a.Scheme.Whole {
		b.Skip("OpenSSL 3.0 has no " + a.Name + " in CMS")
	}
	program, err := openSSLProgram()
	if err != nil {
		b.Skip("no OpenSSL to compare with: ", err)
	}
	id := identity(b, a)
	key, err := x509.MarshalPKCS8PrivateKey(id.Key)
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			b.Fatal(err)
		}
		return path
	}
	mode := map[string]string{"openssl": "sign", "openssl-floor": "floor"}[impl]
	out, err := exec.CommandContext(b.Context(), program, mode,
		file("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
		file("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: id.Certificate.Raw})),
		file("content", content),
		map[crypto.Hash]string{crypto.SHA256: "SHA256", crypto.SHA384: "SHA384"}[a.Hash],
		strconv.Itoa(b.N)).CombinedOutput()
	if err != nil {
		b.Fatalf("cmssign: %v: %s", err, out)
	}
	ns, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(ns, "ns/op")
	b.ReportMetric(float64(len(content))/ns*1e9/1e6, "MB/s")
}
