package cli_test

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// TestWhatWasMeant names what people confuse: document and signature, a signature and trusted certificates.
func TestWhatWasMeant(t *testing.T) {
	w := newWorld(t)
	w.write("a", "a")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "@a").code)
	w.write("b", "b")
	w.write("b.p7m", "")
	w.write("c", "c")
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"the document":               {[]string{"@a"}, "; its signature may be @a.p7s\n"},
		"the document of another":    {[]string{"@b"}, "; its signature may be @b.p7m\n"},
		"a document alone":           {[]string{"@c"}, "a mail with one (S/MIME)\n"},
		"exchanged":                  {[]string{"--content", "@a.p7s", "@a"}, "; what --content names is a signature: exchange the two\n"},
		"a content that is no other": {[]string{"--content", "@b", "@c"}, "a mail with one (S/MIME)\n"},
	} {
		got := w.run(append([]string{"verify"}, c.args...)...)
		require.Equal(t, cli.ExitFailed, got.code, name)
		require.Contains(t, got.stdout, c.says, name)
	}
	line := objects[verifiedLine](t, w.run("verify", "--json", "@a").stdout)[0]
	require.Contains(t, line.Hint, "its signature may be ")

	got := w.run("verify", "--trust", "@a.p7s", "@a.p7s")
	require.Contains(t, got.stderr, "--trust @a.p7s is a signature, and every certificate in it is trusted now")
	require.NotContains(t, w.run("verify", "--trust", "@root.pem", "--cert", "@a.p7s", "@a.p7s").stderr, "is trusted now")
	require.NotContains(t, w.run("verify", "--trust", "@root.pem", "@a.p7s").stderr, "is trusted now")
}

// TestManyOfOneContent: each of those who signed a document has sent a signature.
func TestManyOfOneContent(t *testing.T) {
	w := newWorld(t)
	w.write("a", "a")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--out", "@one", "@a").code)
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--out", "@two", "@a").code)
	require.NoError(t, os.Rename(w.path("two/a.p7s"), w.path("two/anna.p7s")))
	got := w.run("verify", "--trust", "@root.pem", "--content", "@a", "@one/a.p7s", "@two/anna.p7s")
	require.Zero(t, got.code, got.stdout+got.stderr)
	require.Contains(t, got.stderr, "2 of 2 signature files valid\n")
	w.write("b", "b")
	got = w.run("verify", "--trust", "@root.pem", "--content", "@b", "@one/a.p7s", "@two/anna.p7s", "@no.p7s")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, "0 of 3 signature files valid, 3 failed\n")
}

// TestHintsOfTheirSignature: a hint stands at the signature that it helps, once.
func TestHintsOfTheirSignature(t *testing.T) {
	w := newWorld(t)
	w.write("a", "a")
	block, rest := pem.Decode([]byte(w.read("key.pem"))) // the key and its certificate, without the issuer
	next, _ := pem.Decode(rest)
	w.write("alone.pem", string(pem.EncodeToMemory(block))+string(pem.EncodeToMemory(next)))
	require.Zero(t, w.run("sign", "--key", "@alone.pem", "@a").code)
	got := w.run("verify", "--trust", "@root.pem", "@a.p7s")
	require.Equal(t, cli.ExitOpen, got.code, got.stdout)
	require.Contains(t, got.stdout, "of whom no certificate is known (INDETERMINATE, NO_CERTIFICATE_CHAIN_FOUND); let it be asked for with --fetch, or give that certificate with --cert FILE, or with --trust FILE when you trust it\n")
}

// TestFoldersOfOthers: other programs have endings of their own.
func TestFoldersOfOthers(t *testing.T) {
	w := newWorld(t)
	w.write("in/a", "a")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "@in/a").code)
	der := w.read("in/a.p7s")
	require.NoError(t, os.Remove(w.path("in/a.p7s")))
	w.write("in/a.csig", der)
	w.write("in/a.PKCS7", der)
	got := w.run("verify", "--trust", "@root.pem", "@in")
	require.Zero(t, got.code, got.stdout+got.stderr)
	require.Contains(t, got.stderr, "2 of 2 signature files valid\n")
	require.NotContains(t, got.stderr, "left out")
}

// TestFetchedIssuer: the certificate of the issuer is not inside, and that of the signer says where it is.
func TestFetchedIssuer(t *testing.T) {
	w := newWorld(t)
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = rw.Write(w.pki.Authority.Certificate().Raw)
	}))
	defer server.Close()
	id := w.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.IssuingCertificateURL = []string{server.URL + "/ca.crt"} })
	id.Chain = id.Chain[:1]
	w.write("alone.pem", keyPEM(t, id))
	w.write("a", "a")
	require.Zero(t, w.run("sign", "--key", "@alone.pem", "@a").code)
	verify := []string{"verify", "--trust", "@root.pem", "@a.p7s"}
	require.Equal(t, cli.ExitOpen, w.run(verify...).code)
	require.Equal(t, cli.ExitOpen, w.run(append(verify, "--fetch")...).code, "the address is a private one")
	require.Zero(t, asked, "nobody is asked who was not to be")
	got := w.run(append(verify, "--fetch", "--allow-private")...)
	require.Zero(t, got.code, got.stdout+got.stderr)
	require.Contains(t, got.stdout, ": VALID\n")
	require.Equal(t, 1, asked)
	w.write("other", "another content")
	got = w.run(append(verify, "--fetch", "--allow-private", "--content", "@other")...)
	require.Equal(t, cli.ExitFailed, got.code, got.stdout)
	w.stdin = strings.NewReader("a")
	got = w.run(append(verify, "--fetch", "--allow-private", "--content", "-")...)
	require.Equal(t, cli.ExitOpen, got.code, "a content that is read once is not judged a second time: %s", got.stdout)
	require.Contains(t, got.stdout, "of whom no certificate is known")

	// What is fetched is trusted by nobody.
	require.NotContains(t, w.run("verify", "--fetch", "--allow-private", "@a.p7s").stdout, ": VALID\n")
	w.write("foreign.pem", certPEM(testpki.New(t).Root.Certificate()))
	got = w.run("verify", "--trust", "@foreign.pem", "--fetch", "--allow-private", "@a.p7s")
	require.Equal(t, cli.ExitOpen, got.code, got.stdout)
}

// TestExtendForPeople: what the library says to programmers in front of its sentence is left out.
func TestExtendForPeople(t *testing.T) {
	w := newWorld(t)
	w.write("a", "a")
	w.write("b", "b")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "@a").code)
	got := w.run("extend", "--level", "t", "--tsa", "demo", "--content", "@b", "@a.p7s")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, "signet: @a.p7s: signature 0 does not verify: message-digest: ")
	require.NotContains(t, got.stderr, "cades:")
}

// TestFetchedIssuersOfMany: whoever makes a message does not decide how many places are asked.
func TestFetchedIssuersOfMany(t *testing.T) {
	w := newWorld(t)
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(rw, "there is none", http.StatusNotFound)
	}))
	defer server.Close()
	w.write("a", "a")
	var p7s []byte
	for i := range 12 {
		id := w.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.IssuingCertificateURL = []string{fmt.Sprintf("%s/%d.crt", server.URL, i)} })
		key, err := soft.NewKey(id.Key, 0)
		require.NoError(t, err)
		signer, err := sign.New(key, id.Chain[:1], testpki.Must(sign.ECDSA(crypto.SHA256)))
		require.NoError(t, err)
		if p7s == nil {
			p7s, err = cades.Sign(t.Context(), signer, sign.Bytes("", []byte("a")), nil)
		} else {
			m, parseErr := cades.Parse(p7s)
			require.NoError(t, parseErr)
			p7s, err = m.AddSignature(t.Context(), signer, sign.Bytes("", []byte("a")), nil)
		}
		require.NoError(t, err)
	}
	w.write("a.p7s", string(p7s))
	got := w.run("verify", "--trust", "@root.pem", "--fetch", "--allow-private", "@a.p7s")
	require.Equal(t, cli.ExitOpen, got.code, got.stdout)
	require.EqualValues(t, 8, asked.Load())
}
