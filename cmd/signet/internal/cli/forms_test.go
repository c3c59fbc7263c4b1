package cli_test

import (
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// TestForms reads signatures in the spellings of portals, mail gateways and shells with every command that reads one.
func TestForms(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--attached", "@a").code)
	der := w.read("a.p7m")
	for name, text := range map[string]string{
		"unpadded": base64.RawStdEncoding.EncodeToString([]byte(der)),
		"url":      base64.URLEncoding.EncodeToString([]byte(der)),
		"twice":    base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(der)))),
		"gpgsm":    string(pem.EncodeToMemory(&pem.Block{Type: "SIGNED MESSAGE", Bytes: []byte(der)})),
		"certutil": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(der)})),
		"blank":    "\r\n" + der,
	} {
		file := "@" + name + ".p7m"
		w.write(name+".p7m", text)
		got := w.run("verify", "--trust", "@root.pem", file)
		require.Zero(t, got.code, "%s: %s", name, got.stdout)
		require.Zero(t, w.run("inspect", file).code, name)
		got = w.run("extend", "--level", "t", "--tsa", "demo", "--out", "@raised", file)
		require.Zero(t, got.code, "%s: %s", name, got.stderr)
		require.Zero(t, w.run("verify", "--trust", "@root.pem", "--trust", "demo", "@raised/"+name+".p7m").code, name)
	}
}

// TestMail verifies what OpenSSL signs as mail, and never puts a signature in the place of a mail.
func TestMail(t *testing.T) {
	w := newWorld(t)
	id := w.pki.Leaf(testpki.RSA2048)
	w.write("signer.pem", keyPEM(t, id))
	w.write("issuer.pem", certPEM(id.Chain[1]))
	w.write("a", "line one\nline two\n")
	sign := func(args ...string) {
		testpki.OpenSSL(t, w.dir, append([]string{"cms", "-sign", "-cades", "-in", "a", "-signer", "signer.pem", "-certfile", "issuer.pem"}, args...)...)
	}
	sign("-out", "two.eml")
	sign("-out", "one.eml", "-nodetach")
	sign("-out", "a.p7s", "-outform", "DER")
	got := w.run("verify", "-v", "--trust", "@root.pem", "@two.eml")
	require.Zero(t, got.code, got.stdout)
	require.Contains(t, got.stdout, "content in the mail")
	got = w.run("verify", "-v", "--trust", "@root.pem", "@one.eml")
	require.Zero(t, got.code, got.stdout)
	require.Contains(t, got.stdout, "content inside")

	mail := w.read("two.eml")
	w.write("bent.eml", strings.Replace(mail, "line two", "line 2", 1))
	got = w.run("verify", "--trust", "@root.pem", "@bent.eml")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stdout, "NOT VALID: message-digest: ")
	require.NotContains(t, got.stdout, "CR LF")
	got = w.run("verify", "--content", "@a", "@two.eml")
	require.Equal(t, cli.ExitFailed, got.code, "what --content says goes before what is in the mail")

	got = w.run("extend", "--level", "t", "--tsa", "demo", "@two.eml")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, "give --out DIR")
	require.Equal(t, mail, w.read("two.eml"))
	w.write("roots/root.pem", w.read("root.pem"))
	got = w.run("extend", "--level", "t", "--tsa", "demo", "--out", "@raised", "@two.eml")
	require.Zero(t, got.code, got.stderr)

	// The same signature beside the text as it was: the line ends are what is wrong.
	got = w.run("verify", "--json", "--trust", "@root.pem", "@a.p7s")
	require.Equal(t, cli.ExitFailed, got.code)
	type hinted struct{ Hint string }
	require.Contains(t, objects[hinted](t, got.stdout)[0].Hint, "CR LF")
	require.Contains(t, w.run("verify", "@a.p7s").stdout, "the content fits when every line of it ends with CR LF")
	w.write("a", "line one\r\nline two\r\n")
	require.Zero(t, w.run("verify", "--trust", "@root.pem", "@a.p7s").code)
	require.Zero(t, w.run("sign", "--key", "@key.pem", "@a").code)
	w.write("a", "line one\nline two\n")
	require.Contains(t, w.run("verify", "@a.p7s").stdout, "CR LF")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "@a").code)
	w.write("a", "line one\r\nline two\r\n")
	require.Contains(t, w.run("verify", "@a.p7s").stdout, "ends with LF:")
	w.write("a", "line one\r\nline three\r\n")
	require.NotContains(t, w.run("verify", "@a.p7s").stdout, "LF")
}

// TestOtherFiles names what is given instead of a signature, in all commands.
func TestOtherFiles(t *testing.T) {
	w := newWorld(t)
	w.writeP12("k.p12", password, w.id)
	w.write("cert.pem", certPEM(w.id.Chain[0]))
	w.write("key", keyPEM(t, w.id))
	w.write("a", "content")
	w.write("d.pdf", "%PDF-1.7\n")
	testpki.OpenSSL(t, w.dir, "req", "-new", "-key", "key.pem", "-subj", "/CN=x", "-out", "r.csr")
	testpki.OpenSSL(t, w.dir, "cms", "-encrypt", "-in", "a", "-outform", "DER", "-out", "e.p7m", "cert.pem")
	testpki.OpenSSL(t, w.dir, "ts", "-query", "-data", "a", "-cert", "-out", "q.tsq")
	for file, says := range map[string]string{
		"cert.pem": "this is a certificate of O=Signet tests", "k.p12": "this is a file of keys (PKCS #12) and not a signature", "r.csr": "a request for a certificate",
		"e.p7m": "this is an encrypted message (EnvelopedData) and not a signature; decrypt it first", "q.tsq": "a request for a time-stamp", "d.pdf": "a PDF document",
		"key": "this is a private key and not a signature",
	} {
		for _, args := range [][]string{
			{"verify", "@" + file}, {"inspect", "@" + file}, {"extend", "--level", "t", "--tsa", "demo", "@" + file}, {"countersign", "--key", "@key.pem", "@" + file},
		} {
			command, before := args[0], w.read(file)
			got := w.run(args...)
			require.Equal(t, before, w.read(file))
			if command == "inspect" && got.code == cli.ExitOK { // some are shown
				require.Contains(t, "cert.pem q.tsq", file)
				continue
			}
			require.Equal(t, cli.ExitFailed, got.code, file)
			require.Contains(t, got.stdout+got.stderr, says, command)
			require.NotContains(t, got.stdout+got.stderr, "offset", command)
		}
	}
	require.Contains(t, w.run("inspect", "@q.tsq").stdout, "SHA-256")
	require.Contains(t, w.run("inspect", "@cert.pem").stdout, "certificate 1: O=Signet tests")
	left, err := filepath.Glob(w.path(".signet-*"))
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, os.Remove(w.path("a")))
}
