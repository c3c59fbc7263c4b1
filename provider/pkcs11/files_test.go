//go:build unix && !signet_static

package pkcs11_test

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

var files = flag.Int("files", 10, "files that are signed with each key by TestFilesThroughOpenSSL")

// TestFilesThroughOpenSSL signs files with keys of a token, and has OpenSSL verify each of them. With -files 2500 these
// are 10,000. OpenSSL 3.0 does not verify Ed25519 in CMS, so for that the bare signature over each file is verified.
func TestFilesThroughOpenSSL(t *testing.T) {
	openssl := find(t, "apt-get install openssl", "openssl")
	module, label := newToken(t)
	pki := testpki.New(t)
	dir := t.TempDir()
	root := filepath.Join(dir, "root.pem")
	require.NoError(t, os.WriteFile(root, testpki.CertPEM(pki.Root.Certificate()), 0o600))
	rsaID, p256 := pki.Leaf(testpki.RSA2048), pki.Leaf(testpki.P256)
	importKey(t, module, label, rsaID, "01", "rsa")
	importKey(t, module, label, p256, "02", "p256")
	generate(t, pki, module, label, testpki.Ed25519, "03", "ed25519")
	importCert(t, module, label, pki.Authority.Certificate(), "ff", "authority")
	p := open(t, pkcs11.Config{Module: module, TokenLabel: label})

	var contents []sign.Content
	for i := range *files {
		file := filepath.Join(dir, fmt.Sprintf("%d.txt", i))
		require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "file %d", i), 0o600))
		contents = append(contents, sign.File(file))
	}
	for _, c := range []struct {
		label  string
		scheme sign.Scheme
	}{{"rsa", testpki.Must(sign.PKCS1(crypto.SHA256))}, {"rsa", testpki.Must(sign.PSS(crypto.SHA256))}, {"p256", testpki.Must(sign.ECDSA(crypto.SHA256))}} {
		t.Run(c.scheme.Name, func(t *testing.T) {
			signer, err := sign.Open(t.Context(), p, sign.Ref{Label: c.label}, sign.WithScheme(c.scheme))
			require.NoError(t, err)
			start := time.Now()
			results, err := batch.Sign(t.Context(), signer, &cades.Options{}, contents, nil)
			require.NoError(t, err)
			t.Logf("%d files in %v", len(results), time.Since(start).Round(time.Millisecond))
			each(len(results), func(i int) {
				signature := contents[i].Name + ".p7s"
				if results[i].Err != nil || os.WriteFile(signature, results[i].Signature, 0o600) != nil {
					t.Errorf("%s: %v", contents[i].Name, results[i].Err)
					return
				}
				out, err := exec.Command(openssl, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", signature, "-content", contents[i].Name,
					"-CAfile", root, "-purpose", "any", "-out", os.DevNull).CombinedOutput()
				if err != nil {
					t.Errorf("%s: %v: %s", contents[i].Name, err, out)
				}
			})
		})
	}
	t.Run("ed25519", func(t *testing.T) {
		key, err := p.Key(t.Context(), sign.Ref{Label: "ed25519"})
		require.NoError(t, err)
		spki, err := x509.MarshalPKIXPublicKey(key.Public())
		require.NoError(t, err)
		public := filepath.Join(dir, "ed25519.pem")
		require.NoError(t, os.WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), 0o600))
		each(len(contents), func(i int) {
			name := contents[i].Name
			signature, err := key.SignContext(t.Context(), fmt.Appendf(nil, "file %d", i), crypto.Hash(0))
			if err == nil {
				err = os.WriteFile(name+".sig", signature, 0o600)
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			out, err := exec.Command(openssl, "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public, "-sigfile", name+".sig", "-in", name).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v: %s", name, err, out)
			}
		})
	})
}

// each calls f for all numbers below n, on all processors.
func each(n int, f func(i int)) {
	var wait sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
}
