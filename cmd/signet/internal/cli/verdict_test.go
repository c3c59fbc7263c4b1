package cli_test

import (
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestVerifyLines: one line for each signature, and with -v the tree below it.
func TestVerifyLines(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--attached", "@a").code)
	got := w.run("verify", "--trust", "@root.pem", "@a.p7m")
	require.Regexp(t, `^@a\.p7m: Signet test p256 0, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(as claimed\): VALID\n$`, got.stdout)
	got = w.run("verify", "-v", "--trust", "@root.pem", "@a.p7m")
	for _, line := range []string{"CAdES-BES, level B-B", "content inside", "signer       CN=Signet test p256 0", "passed     signature value", "passed     chain"} {
		require.Contains(t, got.stdout, line)
	}
	require.Zero(t, w.run("countersign", "--key", "@key.pem", "@a.p7m").code)
	got = w.run("verify", "-v", "--trust", "@root.pem", "@a.p7m")
	require.Contains(t, got.stdout, "  counter-signature 1: Signet test p256 0, ")
	require.Contains(t, got.stdout, "TOTAL-PASSED\n")
}

func TestVerifyPolicy(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--attached", "@a").code)
	w.write("stamped.json", `{"requireTimestamp": true}`)
	w.write("slip.json", `{"requireTimeStamp": true}`)
	w.write("named.json", `{"preset": "lenient", "name": "ours"}`)
	for _, c := range []struct {
		policy string
		code   int
		stdout string
		stderr string
	}{
		{"default", cli.ExitOK, ": VALID\n", ""},
		{"lenient", cli.ExitOK, ": VALID\n", ""},
		{"strict", cli.ExitOpen, "NOT KNOWN: revocation: ", ""},
		{"@stamped.json", cli.ExitOpen, "NOT VALID: constraints: the policy demands a trusted time-stamp", ""},
		{"@named.json", cli.ExitOK, ": VALID\n", ""},
		{"@slip.json", cli.ExitUsage, "", `there is no field "requireTimeStamp"`},
		{"@no.json", cli.ExitUsage, "", "choose default, strict, lenient, or a file"},
		{"", cli.ExitUsage, "", "choose default, strict, lenient, or a file"},
	} {
		got := w.run("verify", "--policy", c.policy, "--trust", "@root.pem", "@a.p7m")
		require.Equal(t, c.code, got.code, "%s: %s%s", c.policy, got.stdout, got.stderr)
		require.Contains(t, got.stdout, c.stdout)
		require.Contains(t, got.stderr, c.stderr)
	}
	var line struct{ Report validate.Report }
	require.NoError(t, json.Unmarshal([]byte(w.run("verify", "--json", "--policy", "@named.json", "--trust", "@root.pem", "@a.p7m").stdout), &line))
	require.Equal(t, "ours", line.Report.Policy)
	require.Equal(t, validate.ReportVersion, line.Report.Version)
	require.Equal(t, validate.CausePassed, line.Report.Signatures[0].Cause)
}

func TestExplainLevel(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--attached", "@a").code)
	got := w.run("verify", "--explain-level", "lta", "--trust", "@root.pem", "@a.p7m")
	require.Equal(t, cli.ExitOK, got.code)
	require.Contains(t, got.stdout, "  B-B is reached\n  B-T is not reached:\n    missing    signature-time-stamp: there is no time-stamp over the signature\n  B-LT is not reached:\n")
	require.Contains(t, got.stdout, "B-LTA is not reached")
	got = w.run("verify", "--explain-level", "B-T", "@a.p7m")
	require.Contains(t, got.stdout, "B-T is not reached")
	require.NotContains(t, got.stdout, "B-LT")
	require.Equal(t, cli.ExitUsage, w.run("verify", "--explain-level", "x", "@a.p7m").code)
	require.Equal(t, cli.ExitUsage, w.run("verify", "--explain-level", "t", "--json", "@a.p7m").code)
}

// TestBareDigestInfo: what the report hints at is a flag.
func TestBareDigestInfo(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "..", "cades", "validate", "testdata", "algorithms")
	w := newWorld(t)
	for _, name := range []string{"8-digestinfo-without-null.p7m", "root.pem"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		w.write("bare-"+name, string(data))
	}
	file, root := "@bare-8-digestinfo-without-null.p7m", "@bare-root.pem"
	got := w.run("verify", "--trust", root, "--at", "2026-11-27T12:30:00Z", file)
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stdout, "; let it count with --allow-bare-digestinfo")
	got = w.run("verify", "--trust", root, "--at", "2026-11-27T12:30:00Z", "--allow-bare-digestinfo", file)
	require.Equal(t, cli.ExitOK, got.code, got.stdout)
}

// TestNotChecked: an algorithm that is not known here is named, and says nothing against the signature or the time-stamp.
func TestNotChecked(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	id := w.pki.Leaf(testpki.RSA2048)
	w.write("signer.pem", keyPEM(t, id))
	w.write("issuer.pem", certPEM(id.Chain[1]))
	// OpenSSL signs no copy of the algorithms, as the makers of old files did not.
	testpki.OpenSSL(t, w.dir, "cms", "-sign", "-cades", "-binary", "-nodetach", "-nosmimecap", "-in", "a", "-signer", "signer.pem", "-certfile", "issuer.pem", "-outform", "DER", "-out", "a.p7m")
	// The last arc of the identifier of SHA-256 becomes one that nobody has given away.
	known, unknown := "\x60\x86\x48\x01\x65\x03\x04\x02\x01", "\x60\x86\x48\x01\x65\x03\x04\x02\x63"
	w.write("b.p7m", strings.ReplaceAll(w.read("a.p7m"), known, unknown))
	got := w.run("verify", "--trust", "@root.pem", "@b.p7m")
	require.Equal(t, cli.ExitOpen, got.code, got.stdout)
	require.Contains(t, got.stdout, "NOT CHECKED: message-digest: the hash 2.16.840.1.101.3.4.2.99 is not known here")
	require.NotContains(t, got.stdout, "FAILED")

	digest := sha256.Sum256([]byte("content"))
	request, err := tsp.NewRequest(testpki.Must(sign.NewDigest(crypto.SHA256, digest[:])), "")
	require.NoError(t, err)
	w.write("t.tsr", strings.ReplaceAll(string(testpki.TimestampResponse(t, w.pki.TSA(testpki.P256), request.Raw)), known, unknown))
	got = w.run("verify", "--trust", "@root.pem", "--content", "@a", "@t.tsr")
	require.Contains(t, got.stdout, "NOT CHECKED: ")
	require.Equal(t, cli.ExitOpen, got.code)
}

// TestVerifyFolder: all that is named like a signature or a time-stamp, and what was left out is said.
func TestVerifyFolder(t *testing.T) {
	w := newWorld(t)
	w.write("in/a", "content")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "@in/a").code)
	der := w.read("in/a.p7s")
	for _, ext := range []string{".sig", ".sgn", ".cms", ".P7S"} {
		w.write("in/a"+ext, der)
	}
	w.write("in/deep/b", "content")
	w.write("in/deep/b.SIG", der)
	w.write("in/notes.txt", "text")
	got := w.run("verify", "--trust", "@root.pem", "@in")
	require.Equal(t, 6, strings.Count(got.stdout, "\n"), got.stdout)
	require.Contains(t, got.stdout, "@in/a.cms: Signet test p256 0")
	require.Contains(t, got.stderr, "1 file in @in left out, which is not named like a signature")
}
