package cli_test

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

type stamped struct {
	Kind, Error string
	OK, Valid   bool
	Trusted     *bool
	Timestamp   *struct {
		Time              time.Time
		Authority, Serial string
		Digest            string `json:"digestAlgorithm"`
		Checks            []struct{ Name, Status, Detail string }
	}
}

// TestTimestampFiles verifies time-stamps, and answers of authorities, over their document.
func TestTimestampFiles(t *testing.T) {
	w := newWorld(t)
	authority := w.pki.TSA(testpki.P256)
	for name, content := range map[string]string{"a": "content", "other": "other content", "rfc822": "Subject: x\n"} {
		w.write(name, content)
	}
	sum := sha256.Sum256([]byte("content"))
	request, err := tsp.NewRequest(testpki.Must(sign.NewDigest(crypto.SHA256, sum[:])), "")
	require.NoError(t, err)
	response := testpki.TimestampResponse(t, authority, request.Raw)
	token, err := request.Token(response, nil)
	require.NoError(t, err)
	w.write("a.tst", string(token.Raw))
	w.write("a.tsr", string(response))
	w.write("a.tsq", string(request.Raw))
	w.write("x.tsr", string(response))
	w.write("bent.tst", strings.Replace(string(token.Raw), string(sum[:8]), "\x00\x00\x00\x00\x00\x00\x00\x00", 1))
	w.write("refused.tsr", "\x30\x11\x30\x0f\x02\x01\x02\x30\x05\x0c\x03no!\x03\x03\x04\x05\x20")
	w.write("foreign.pem", certPEM(testpki.New(t).Root.Certificate()))
	bare := testpki.TimestampResponse(t, w.pki.TSA(testpki.P256), request.Raw, func(o *testpki.Timestamp) { o.Certificates = []*x509.Certificate{} })
	w.write("bare.tsr", string(bare))
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"token":             {[]string{"--trust", "@root.pem", "@a.tst"}, cli.ExitOK, ": VALID\n"},
		"answer":            {[]string{"--trust", "@root.pem", "@a.tsr"}, cli.ExitOK, ": VALID\n"},
		"own trust":         {[]string{"--trust", "@foreign.pem", "--timestamp-trust", "@root.pem", "@a.tsr"}, cli.ExitOK, ": VALID\n"},
		"own trust, other":  {[]string{"--trust", "@root.pem", "--timestamp-trust", "@foreign.pem", "@a.tsr"}, cli.ExitOpen, "NOT KNOWN: chain: "},
		"no trust":          {[]string{"@a.tsr"}, cli.ExitOpen, "VALID, but the authority was not checked"},
		"foreign trust":     {[]string{"--trust", "@foreign.pem", "@a.tsr"}, cli.ExitOpen, "NOT KNOWN: chain: "},
		"named content":     {[]string{"--content", "@a", "@x.tsr"}, cli.ExitOpen, "VALID, but"},
		"other content":     {[]string{"--content", "@other", "@a.tsr"}, cli.ExitFailed, "NOT VALID: imprint: "},
		"no content":        {[]string{"@x.tsr"}, cli.ExitOpen, "NOT KNOWN: the time-stamp is over a document, and @x is not there"},
		"content of a name": {[]string{"@bent.tst", "--content", "@a"}, cli.ExitFailed, "NOT VALID: imprint: "},
		"refusal":           {[]string{"@refused.tsr"}, cli.ExitFailed, "which refused"},
		"request":           {[]string{"--content", "@a", "@a.tsq"}, cli.ExitFailed, "a request for a time-stamp"},
		"no certificate":    {[]string{"--content", "@a", "@bare.tsr"}, cli.ExitOpen, "NOT KNOWN: certificate: the certificate of the authority is not in the token"},
	} {
		got := w.run(append([]string{"verify"}, c.args...)...)
		require.Equal(t, c.code, got.code, "%s: %s%s", name, got.stdout, got.stderr)
		require.Contains(t, got.stdout, c.says, name)
		lines := objects[stamped](t, w.run(append([]string{"verify", "--json"}, c.args...)...).stdout)
		require.Len(t, lines, 1)
		require.Equal(t, c.code == cli.ExitOK, lines[0].OK, name)
	}
	got := w.run("verify", "--json", "--trust", "@root.pem", "@a.tsr")
	line := objects[stamped](t, got.stdout)[0]
	require.Equal(t, "time-stamp", line.Kind)
	require.True(t, line.Valid && *line.Trusted)
	require.Contains(t, line.Timestamp.Authority, "Signet test")
	require.Equal(t, token.GenTime.UTC(), line.Timestamp.Time)
	require.Equal(t, "SHA-256", line.Timestamp.Digest)
	for _, c := range line.Timestamp.Checks {
		require.Equal(t, "passed", c.Status, c.Name)
	}
	w.stdin = strings.NewReader(string(response))
	require.Zero(t, w.run("verify", "--trust", "@root.pem", "--content", "@a", "-").code)

	for file, says := range map[string]string{"a.tst": "TSTInfo", "a.tsr": "status: granted", "a.tsq": "nonce: 0x", "refused.tsr": "failure: badDataFormat"} {
		got := w.run("inspect", "@"+file)
		require.Zero(t, got.code, got.stderr)
		require.Contains(t, got.stdout, says)
	}
	require.Contains(t, w.run("inspect", "@refused.tsr").stdout, `text: "no!"`)
	got = w.run("extend", "--level", "t", "--tsa", "demo", "@a.tst")
	require.Equal(t, cli.ExitFailed, got.code)
	require.Contains(t, got.stderr, "this is a time-stamp token and not the signature of a document")
}

// TestBadTimestampFiles finds what is wrong with a time-stamp, each kind by its name.
func TestBadTimestampFiles(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	sum := sha256.Sum256([]byte("content"))
	request, err := tsp.NewRequest(testpki.Must(sign.NewDigest(crypto.SHA256, sum[:])), "")
	require.NoError(t, err)
	good := w.pki.TSA(testpki.P256)
	bent := func(bend func(*testpki.Timestamp)) []byte {
		return testpki.TimestampResponse(t, good, request.Raw, bend)
	}
	for name, c := range map[string]struct {
		response []byte
		code     int
		says     string
	}{
		"good":              {bent(func(*testpki.Timestamp) {}), cli.ExitOK, ": VALID\n"},
		"signature":         {bent(func(o *testpki.Timestamp) { o.SpoilSignature = true }), cli.ExitFailed, "NOT VALID: signature: "},
		"message digest":    {bent(func(o *testpki.Timestamp) { o.MessageDigest = make([]byte, 32) }), cli.ExitFailed, "NOT VALID: attributes: "},
		"version":           {bent(func(o *testpki.Timestamp) { o.Version = 2 }), cli.ExitFailed, "NOT VALID: version: "},
		"other certificate": {bent(func(o *testpki.Timestamp) { o.Bound = w.id.Chain[0] }), cli.ExitOpen, "NOT KNOWN: "},
		"not bound":         {bent(func(o *testpki.Timestamp) { o.Unbound = true }), cli.ExitOpen, "NOT KNOWN: signing-certificate: "},
		"time":              {bent(func(o *testpki.Timestamp) { o.GenTime = testpki.NotBefore().Add(-time.Hour) }), cli.ExitOpen, "NOT VALID: validity: "},
		"usage":             {testpki.TimestampResponse(t, w.id, request.Raw), cli.ExitOpen, "NOT VALID: key-usage: "},
	} {
		w.write("a.tsr", string(c.response))
		got := w.run("verify", "--trust", "@root.pem", "@a.tsr")
		require.Equal(t, c.code, got.code, "%s: %s", name, got.stdout)
		require.Contains(t, got.stdout, c.says, name)
		line := objects[stamped](t, w.run("verify", "--json", "--trust", "@root.pem", "@a.tsr").stdout)[0]
		require.Equal(t, c.code == cli.ExitOK, line.OK && *line.Trusted && line.Valid, name)
	}
}

// TestTimestampTrust judges time-stamps inside of signatures by their own trust.
func TestTimestampTrust(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	require.Zero(t, w.run("sign", "--key", "@key.pem", "--level", "t", "--tsa", "demo", "@a").code)
	got := w.run("verify", "-v", "--trust", "@root.pem", "--timestamp-trust", "demo", "@a.p7s")
	require.Zero(t, got.code, got.stdout)
	require.Regexp(t, `passed +time-stamp`, got.stdout)
	got = w.run("verify", "-v", "--trust", "@root.pem", "@a.p7s")
	require.NotRegexp(t, `passed +time-stamp`, got.stdout, "its authority is below another root")
	got = w.run("verify", "--trust", "demo", "--timestamp-trust", "demo", "@a.p7s")
	require.NotZero(t, got.code, "who stamps is not trusted to sign")
}

// TestOpenSSLTimestamps reads what openssl ts makes, and takes the same for good.
func TestOpenSSLTimestamps(t *testing.T) {
	w := newWorld(t)
	id := w.pki.TSA(testpki.RSA2048)
	w.write("tsa.pem", keyPEM(t, id))
	w.write("a", "content\n")
	w.write("serial", "01\n")
	w.write("ca.pem", certPEM(id.Chain[1])+w.read("root.pem"))
	w.write("tsa.cnf", "[tsa]\nserial=serial\nsigner_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256,sha512\ness_cert_id_alg=sha256\naccuracy=secs:1\n")
	for _, hash := range []string{"-sha256", "-sha512"} {
		testpki.OpenSSL(t, w.dir, "ts", "-query", "-data", "a", hash, "-cert", "-out", "a.tsq")
		testpki.OpenSSL(t, w.dir, "ts", "-reply", "-config", "tsa.cnf", "-section", "tsa", "-queryfile", "a.tsq", "-signer", "tsa.pem", "-inkey", "tsa.pem", "-chain", "ca.pem", "-out", "a.tsr")
		testpki.OpenSSL(t, w.dir, "ts", "-reply", "-in", "a.tsr", "-token_out", "-out", "a.tst")
		testpki.OpenSSL(t, w.dir, "ts", "-verify", "-data", "a", "-in", "a.tsr", "-CAfile", "ca.pem")
		for _, file := range []string{"@a.tsr", "@a.tst"} {
			got := w.run("verify", "-v", "--trust", "@root.pem", file)
			require.Zero(t, got.code, got.stdout)
			require.Contains(t, got.stdout, "under policy 1.2.3.4")
			require.Zero(t, w.run("inspect", file).code)
		}
	}
}
