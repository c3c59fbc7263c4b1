package cli_test

import (
	"encoding/pem"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// TestCSR makes requests with keys of every kind, without a certificate, and lets OpenSSL read them.
func TestCSR(t *testing.T) {
	w := newWorld(t)
	for _, kind := range testpki.Kinds() {
		if kind == testpki.RSA3072 || kind == testpki.RSA4096 {
			continue
		}
		file := string(kind) + ".pem"
		w.write(file, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8(t, w.pki.Leaf(kind).Key)})))
		got := w.run("csr", "--key", "@"+file, "--subject", "CN=Seal")
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		require.Empty(t, got.stderr)
		w.write("r.csr", got.stdout)
		openssl(t, "req", "-in", w.path("r.csr"), "-noout", "-verify")

		own, text := string(kind)+".crt", string(kind)+".txt"
		got = w.run("csr", "--key", "@"+file, "--subject", "CN=Seal", "--self-signed", "365", "--out", "@"+own)
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		openssl(t, "verify", "-check_ss_sig", "-CAfile", w.path(own), w.path(own))
		w.write(text, "content")
		got = w.run("sign", "--key", "@"+file, "--cert", "@"+own, "@"+text)
		require.Equal(t, cli.ExitOK, got.code, got.stderr)
		got = w.run("verify", "--trust", "@"+own, "@"+text+".p7s")
		require.Equal(t, cli.ExitOK, got.code, got.stdout+got.stderr)
	}
	got := w.run("csr", "--key", "@rsa-2048.pem", "--subject", "CN=Seal", "--scheme", "rsa-pss-sha384", "--out", "@r.csr")
	require.Equal(t, cli.ExitOK, got.code, got.stderr)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "made @r.csr")
	require.Contains(t, openssl(t, "req", "-in", w.path("r.csr"), "-noout", "-verify", "-text"), "rsassaPss")

	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no subject":            {[]string{"--key", "@p256.pem"}, cli.ExitUsage, "--subject 'CN=…,O=…'"},
		"no key":                {[]string{"--subject", "CN=x"}, cli.ExitUsage, "which key?"},
		"no such scheme":        {[]string{"--key", "@p256.pem", "--subject", "CN=x", "--scheme", "x"}, cli.ExitUsage, "no such scheme"},
		"scheme of another key": {[]string{"--key", "@p256.pem", "--subject", "CN=x", "--scheme", "ed25519"}, cli.ExitKey, "signet keys"},
		"a folder":              {[]string{"--key", "@p256.pem", "--subject", "CN=x", "--out", w.dir}, cli.ExitFailed, "it is a folder"},
		"no folder for it":      {[]string{"--key", "@p256.pem", "--subject", "CN=x", "--out", "@no/r.csr"}, cli.ExitFailed, "write @no/r.csr"},
		"no days":               {[]string{"--key", "@p256.pem", "--subject", "CN=x", "--self-signed", "-1"}, cli.ExitUsage, "give 1 to 36525 days"},
		"an argument":           {[]string{"--subject", "CN=x", "@p256.pem"}, cli.ExitUsage, "--key @p256.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.run(append([]string{"csr"}, c.args...)...)
			require.Equal(t, c.code, got.code, got.stderr)
			require.Contains(t, got.stderr, c.says)
			require.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
		})
	}
}

// TestSubject compares names with what OpenSSL reads of them.
func TestSubject(t *testing.T) {
	w := newWorld(t)
	for text, want := range map[string]string{
		"CN=Seal":                   "CN=Seal",
		"CN=Seal,O=Example,C=DE":    "CN=Seal,O=Example,C=DE",
		" CN = Seal , O = Example ": "CN=Seal,O=Example",
		"/C=DE/O=Example/CN=Seal":   "CN=Seal,O=Example,C=DE",
		`CN=a\,b\+c\\d`:             `CN=a\,b\+c\\d`,
		`CN="a, b"`:                 `CN=a\, b`,
		`CN=\C3\A4`:                 `CN=ä`,
		`/CN=a\/b`:                  `CN=a/b`,
		`/CN=a;b`:                   `CN=a\;b`,
		`CN=a\;b,O="c;d"`:           `CN=a\;b,O=c\;d`,
		`CN=\#1`:                    `CN=\#1`,
		`O=The "Seal",C=DE`:         `O=The \"Seal\",C=DE`,
		"CN=Печать,O=ООО \\\"Ромашка\\\"":      `CN=Печать,O=ООО \"Ромашка\"`,
		"CN=x+serialNumber=7,DC=example":       "serialNumber=7+CN=x,DC=example",
		"2.5.4.3=x,OID.2.5.4.10=y":             "CN=x,O=y",
		"emailAddress=a@example.org,cn=x,c=DE": "emailAddress=a@example.org,CN=x,C=DE",
		"INN=007700000000,SNILS=12345678901":   "INN=007700000000,SNILS=12345678901",
	} {
		got := w.run("csr", "--key", "@key.pem", "--subject", text, "--out", "@r.csr")
		require.Equal(t, cli.ExitOK, got.code, "%s: %s", text, got.stderr)
		subject := openssl(t, "req", "-in", w.path("r.csr"), "-noout", "-subject", "-nameopt", "rfc2253,-esc_msb,utf8")
		require.Equal(t, "subject="+want+"\n", subject, text)
	}
	for text, says := range map[string]string{
		"Seal":                               "not NAME=VALUE",
		"CN=":                                "CN is empty",
		"CN=a,":                              "not NAME=VALUE",
		"XY=a":                               `"XY" is not known`,
		"C=Germany":                          "two letters",
		"c=D":                                "two letters",
		"CN=" + strings.Repeat("a", 65):      "more than 64",
		`CN=a\`:                              "backslash",
		`CN="a,O=b`:                          "not closed",
		`CN=a;O=b`:                           "a comma stands between",
		"CN=#0c0161":                         "begins with #",
		"/CN=a/b":                            "slash",
		"CN=Example, Inc.,C=DE":              "a backslash before it",
		"emailAddress=ä@b":                   "not allowed",
		"INN=x":                              "not allowed",
		"CN=a\nb":                            "not allowed",
		`CN=\ff`:                             "not UTF-8",
		"9.9.9=x":                            "dotted OID",
		"CN=" + strings.Repeat("a,CN=", 999): "too long",
	} {
		got := w.run("csr", "--key", "@key.pem", "--subject", text)
		require.Equal(t, cli.ExitUsage, got.code, text)
		require.Contains(t, got.stderr, says, text)
		require.Empty(t, got.stdout)
	}
}
