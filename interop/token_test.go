//go:build cgo

package interop_test

import (
	"crypto"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// publicKey is a key of which only the public half is at hand, to make a certificate for it.
type publicKey struct{ crypto.PublicKey }

func (p publicKey) Public() crypto.PublicKey { return p.PublicKey }
func (publicKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, fmt.Errorf("the private key is on the token")
}

// softHSM makes an empty token and returns the module. The module reads its configuration from the environment of C, so
// that this runs in a process of its own.
func softHSM(t *testing.T, dir string) (module string) {
	t.Helper()
	util, err := exec.LookPath("softhsm2-util")
	if err != nil {
		missing(t, "there is no softhsm2-util in PATH (apt-get install softhsm2)")
	}
	for _, pattern := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"} {
		if found, _ := filepath.Glob(pattern); len(found) != 0 {
			module = found[0]
		}
	}
	if module == "" {
		missing(t, "there is no libsofthsm2.so (apt-get install softhsm2)")
	}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "tokens"), 0o700))
	conf := filepath.Join(dir, "softhsm2.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n", dir), 0o600))
	t.Setenv("SOFTHSM2_CONF", conf)
	out, err := exec.Command(util, "--init-token", "--free", "--label", "seal", "--so-pin", "87654321", "--pin", "1234").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return module
}

// TestTokenJob signs files with keys on a token and lets programs of others verify every one: OpenSSL, and Bouncy Castle
// where OpenSSL has no algorithm. SIGNET_TOKEN_FILES says how many files for each key; 40 by default.
func TestTokenJob(t *testing.T) {
	haveOpenSSL(t)
	n := 40
	if text := os.Getenv("SIGNET_TOKEN_FILES"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	w := newWorld(t)
	module := softHSM(t, t.TempDir())
	pin := func() pkcs11.Config {
		return pkcs11.Config{Module: module, TokenLabel: "seal", PIN: pkcs11.PIN(sign.NewSecret([]byte("1234")))}
	}
	keys, err := pkcs11.Open(t.Context(), pin())
	require.NoError(t, err)
	defer keys.Close()

	var contents []batch.Content
	files := make([]string, n)
	for i := range n {
		files[i] = w.write(fmt.Sprintf("file-%05d", i), w.content[:1024+(i*7919)%(len(w.content)-1024)])
		contents = append(contents, sign.File(files[i]))
	}
	for i, c := range []struct {
		kind   pkcs11.KeyKind
		scheme sign.Scheme
	}{
		{pkcs11.RSA2048, testpki.Must(sign.PKCS1(crypto.SHA256))}, {pkcs11.RSA2048, testpki.Must(sign.PSS(crypto.SHA256))},
		{pkcs11.P256, testpki.Must(sign.ECDSA(crypto.SHA256))}, {pkcs11.Ed25519, sign.Ed25519()},
	} {
		t.Run(c.scheme.Name, func(t *testing.T) {
			label := fmt.Sprintf("key %d", i)
			made, err := keys.GenerateKey(t.Context(), pkcs11.NewKey{Kind: c.kind, Label: label})
			require.NoError(t, err)
			id := w.pki.LeafOf(publicKey{made.Public}, label)
			require.NoError(t, keys.ImportCertificate(t.Context(), id.Certificate(), w.pki.Authority.Certificate()))
			signer, err := sign.Open(t.Context(), keys, sign.Ref{Label: label}, sign.WithScheme(c.scheme))
			require.NoError(t, err)
			require.Equal(t, id.Certificate(), signer.Certificate())
			results, err := batch.Sign(t.Context(), signer, &cades.Options{}, contents, nil)
			require.NoError(t, err)
			verifyAll(t, w, files, results, c.kind == pkcs11.Ed25519)
		})
	}
}

func verifyAll(t *testing.T, w *world, files []string, results []batch.Result, ed25519 bool) {
	t.Helper()
	for i, r := range results {
		require.NoError(t, r.Err)
		require.Equal(t, files[i], r.Name)
		require.NoError(t, os.WriteFile(files[i]+".p7s", r.Signature, 0o600))
	}
	if ed25519 {
		bc.need(t)
		for _, file := range files {
			bc.must(t, "verify", file+".p7s", file, w.path("root.pem"))
		}
		return
	}
	work := make(chan string)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for file := range work {
				out, err := tryOpenSSL(t, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", file+".p7s", "-content", file, "-CAfile", w.path("root.pem"), "-purpose", "any", "-out", os.DevNull)
				if err != nil {
					t.Errorf("%s: %s", file, out)
				}
			}
		})
	}
	for _, file := range files {
		work <- file
	}
	close(work)
	wg.Wait()
}
