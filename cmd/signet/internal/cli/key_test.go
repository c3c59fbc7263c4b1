package cli_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

const password = "correct horse"

func (w *world) writeP12(name, password string, id testpki.Identity) {
	w.t.Helper()
	der, err := pkcs12.Modern.Encode(id.Key, id.Chain[0], id.Chain[1:], password)
	require.NoError(w.t, err)
	w.write(name, string(der))
}

func TestPassword(t *testing.T) {
	w := newWorld(t)
	w.writeP12("seal.p12", password, w.id)
	w.writeP12("open.p12", "", w.id)
	w.write("pass", password+"\n")
	w.write("wrong", "battery staple")
	w.write("a", "a")
	for name, c := range map[string]struct {
		key, file, env string
		code           int
		says           string
	}{
		"from a file":              {"seal.p12", "pass", "", cli.ExitOK, ""},
		"from the environment":     {"seal.p12", "", password, cli.ExitOK, ""},
		"file before environment":  {"seal.p12", "pass", "battery staple", cli.ExitOK, ""},
		"wrong in a file":          {"seal.p12", "wrong", "", cli.ExitKey, "password from @wrong"},
		"wrong in the environment": {"seal.p12", "", "battery staple", cli.ExitKey, "password from SIGNET_PASSWORD"},
		"none, and no terminal":    {"seal.p12", "", "", cli.ExitKey, "give --password-file FILE or set SIGNET_PASSWORD"},
		"a file that is not there": {"seal.p12", "no", "", cli.ExitKey, "@no"},
		"empty":                    {"open.p12", "", "", cli.ExitOK, ""},
		"not needed":               {"key.pem", "no", "battery staple", cli.ExitOK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			delete(w.env, "SIGNET_PASSWORD")
			if c.env != "" {
				w.env["SIGNET_PASSWORD"] = c.env
			}
			args := []string{"sign", "--key", "@" + c.key, "--out", "@out", "@a"}
			if c.file != "" {
				args = append(args, "--password-file", "@"+c.file)
			}
			got := w.run(args...)
			require.Equal(t, c.code, got.code, got.stderr)
			require.Contains(t, got.stderr, c.says)
			for _, secret := range []string{password, "battery"} {
				require.NotContains(t, got.stdout+got.stderr, secret)
			}
			if c.code != cli.ExitOK {
				require.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
			}
		})
	}
	delete(w.env, "SIGNET_PASSWORD")
	w.env["SIGNET_KEY"] = w.path("open.p12")
	require.Equal(t, cli.ExitOK, w.run("sign", "--out", "@out", "@a").code)
	require.Equal(t, cli.ExitKey, w.run("sign", "--key", "@seal.p12", "--out", "@out", "@a").code, "the flag wins")
	require.NotContains(t, w.run("sign", "--help").stdout, w.dir)
}

func TestPasswordFileForAll(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are of other systems")
	}
	w := newWorld(t)
	w.writeP12("seal.p12", password, w.id)
	w.write("a", "a")
	require.NoError(t, os.Chmod(w.write("pass", password), 0o644))
	got := w.run("sign", "--key", "@seal.p12", "--password-file", "@pass", "@a")
	require.Equal(t, cli.ExitOK, got.code)
	require.Contains(t, got.stderr, "warning: everybody on this machine can read the password file @pass; chmod 600")
	require.NoError(t, os.Chmod(w.path("pass"), 0o640))
	require.NotContains(t, w.run("sign", "--key", "@seal.p12", "--password-file", "@pass", "@a").stderr, "warning")
}

// TestReferences chooses one key of a folder in each way.
func TestReferences(t *testing.T) {
	w := newWorld(t)
	rsa, ed := w.pki.Leaf(testpki.RSA2048), w.pki.Leaf(testpki.Ed25519)
	w.write("keys/one.pem", keyPEM(t, rsa))
	w.write("keys/two.pem", keyPEM(t, ed))
	w.write("two.crt", certPEM(ed.Certificate()))
	w.write("bare.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8(t, w.id.Key)})))
	w.write("bare.crt", certPEM(w.id.Chain[0])+certPEM(w.id.Chain[1]))
	w.write("a", "a")
	thumbprint := sign.Thumbprint(rsa.Certificate())
	for name, c := range map[string]struct {
		key, ref, subject string
	}{
		"thumbprint":          {"keys", thumbprint, "rsa-2048"},
		"pasted thumbprint":   {"keys", "\u200e" + strings.ToLower(thumbprint[:4]+" "+thumbprint[4:]), "rsa-2048"},
		"label":               {"keys", "label:two.pem", "ed25519"},
		"file":                {"keys", "@two.crt", "ed25519"},
		"key without a chain": {"bare.pem", "@bare.crt", "p256"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.run("sign", "--key", "@"+c.key, "--cert", c.ref, "@a")
			require.Equal(t, cli.ExitOK, got.code, got.stderr)
			got = w.run("verify", "--trust", "@root.pem", "@a.p7s")
			require.Equal(t, cli.ExitOK, got.code, got.stdout)
			require.Contains(t, got.stdout, "Signet test "+c.subject)
		})
	}
	got := w.run("sign", "--key", "@keys", "@a")
	require.Equal(t, cli.ExitKey, got.code)
	require.Contains(t, got.stderr, "choose with --cert")
	require.Contains(t, got.stderr, thumbprint)
	got = w.run("sign", "--key", "@bare.pem", "@a")
	require.Equal(t, cli.ExitKey, got.code)
	require.Contains(t, got.stderr, "give the file of its certificate with --cert")
	got = w.run("sign", "--key", "@key.pem", "--cert", "@two.crt", "@a")
	require.Equal(t, cli.ExitKey, got.code)
}

func pkcs8(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return der
}

func TestKeys(t *testing.T) {
	w := newWorld(t)
	w.write("keys/one.pem", keyPEM(t, w.pki.Leaf(testpki.RSA2048)))
	old := w.pki.Leaf(testpki.P384, func(c *x509.Certificate) {
		c.NotAfter = w.now.AddDate(0, 0, -1)
		c.Subject.CommonName = "old \x1b[31m one"
	})
	w.write("keys/two.pem", keyPEM(t, old))
	got := w.run("keys", "--key", "@keys")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	for _, want := range []string{"RSA-2048", "P-384", "(expired)", `old \x1b[31m one`, sign.Thumbprint(old.Certificate()), "rsa-pss-sha512", "two.pem"} {
		require.Contains(t, got.stdout, want)
	}
	all := objects[struct {
		Thumbprint, Algorithm, Label string
		Schemes                      []string
	}](t, w.run("keys", "--key", "@keys", "--json").stdout)
	require.Len(t, all, 2)
	require.Equal(t, "P-384", all[1].Algorithm)
	require.Equal(t, "ecdsa-sha384", all[1].Schemes[0])

	w.write("a", "a")
	got = w.run("sign", "--key", "@keys", "--cert", all[1].Thumbprint, "@a")
	require.NotEqual(t, cli.ExitOK, got.code)
	require.Contains(t, got.stderr, "expired on")
	require.NoFileExists(t, w.path("a.p7s"))
	got = w.run("sign", "--key", "@keys", "--any-certificate", "--cert", all[1].Thumbprint, "@a")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stderr, "expired on")
}

// TestSignWarns says that the certificate outlives what is thought of its key, and signs.
func TestSignWarns(t *testing.T) {
	w := newWorld(t)
	w.write("a", "a")
	w.write("rsa.pem", keyPEM(t, w.pki.Leaf(testpki.RSA2048)))
	w.write("p256.pem", keyPEM(t, w.pki.Leaf(testpki.P256)))
	got := w.run("sign", "--key", "@rsa.pem", "@a")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stderr, "warning: the certificate is valid until 2049-12-31, and RSASSA-PKCS1-v1_5 with RSA of 2048 bits does not count after ")
	got = w.run("sign", "--key", "@p256.pem", "--out", w.path("out"), "@a")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.NotContains(t, got.stderr, "warning")
}

func TestDemo(t *testing.T) {
	w := newWorld(t)
	w.write("a", "a")
	got := w.run("sign", "--key", "demo", "@a")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stderr, `made a demo key for "Signet demo, not for real use" in @state/signet/demo`)
	if runtime.GOOS != "windows" {
		for name, mode := range map[string]os.FileMode{"": 0o700, "demo": 0o700, "demo/key.pem": 0o600} {
			info, err := os.Stat(w.path("state/signet/" + name))
			require.NoError(t, err)
			require.Equal(t, mode, info.Mode().Perm(), name)
		}
	}
	key := w.read("state/signet/demo/key.pem")
	got = w.run("sign", "--key", "demo", "@a")
	require.Contains(t, got.stderr, `using the demo key of "Signet demo, not for real use"`)
	require.Equal(t, key, w.read("state/signet/demo/key.pem"))
	require.Equal(t, cli.ExitOK, w.run("verify", "--trust", "demo", "@a.p7s").code)
	require.Equal(t, cli.ExitOpen, w.run("verify", "--trust", "@root.pem", "@a.p7s").code)
	require.Contains(t, w.run("keys", "--key", "demo").stdout, "Signet demo, not for real use")

	w.now = w.now.AddDate(4, 0, 0)
	got = w.run("sign", "--key", "demo", "@a")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Contains(t, got.stderr, "the demo identity expired on")
	require.NotEqual(t, key, w.read("state/signet/demo/key.pem"))
	require.Equal(t, cli.ExitOK, w.run("verify", "--trust", "demo", "@a.p7s").code)

	w.write("state/signet/demo/key.pem", "broken")
	got = w.run("sign", "--key", "demo", "@a")
	require.Equal(t, cli.ExitKey, got.code)
	require.Contains(t, got.stderr, "remove the folder")

	delete(w.env, "XDG_STATE_HOME")
	got = w.run("sign", "--key", "demo", "@a")
	require.Equal(t, cli.ExitKey, got.code)
	require.Contains(t, got.stderr, "HOME")
}

// TestDemoRace starts many first uses at once: all of them sign with one and the same key.
func TestDemoRace(t *testing.T) {
	for _, expired := range []bool{false, true} {
		t.Run(fmt.Sprintf("expired=%t", expired), func(t *testing.T) {
			w := newWorld(t)
			w.write("a", "a")
			if expired {
				require.Equal(t, cli.ExitOK, w.run("sign", "--key", "demo", "@a").code)
				w.now = w.now.AddDate(4, 0, 0)
			}
			const n = 12
			var all sync.WaitGroup
			var errs [n]bytes.Buffer
			var codes [n]int
			for i := range n {
				all.Go(func() {
					codes[i] = cli.Run(context.Background(), cli.World{
						Args:  []string{"sign", "--key", "demo", "--out", w.path(fmt.Sprintf("out%02d", i)), w.path("a")},
						Stdin: strings.NewReader(""), Stdout: &errs[i], Stderr: &errs[i],
						LookupEnv: func(name string) (string, bool) { v, ok := w.env[name]; return v, ok },
						Now:       func() time.Time { return w.now },
					})
				})
			}
			all.Wait()
			made := 0
			for i := range n {
				require.Equal(t, 0, codes[i], errs[i].String())
				made += strings.Count(errs[i].String(), "made a demo key")
				// All roots are needed only if the race was lost: this trusts the one that stayed.
				got := w.run("verify", "--trust", "@state/signet/demo/ca.pem", "--content", "@a", fmt.Sprintf("@out%02d/a.p7s", i))
				require.Equal(t, 0, got.code, got.stdout)
			}
			require.Equal(t, 1, made)
			entries, err := os.ReadDir(filepath.Join(w.dir, "state", "signet"))
			require.NoError(t, err)
			for _, e := range entries {
				require.False(t, strings.HasPrefix(e.Name(), "."), "a temporary folder is left: %s", e.Name())
			}
		})
	}
}
