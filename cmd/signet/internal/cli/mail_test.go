package cli_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// TestMails verifies mails of OpenSSL, as text and as binary parts, with a multipart inside, and tells changed ones.
func TestMails(t *testing.T) {
	w := newWorld(t)
	w.write("signer.pem", certPEM(w.id.Certificate()))
	w.write("issuer.pem", certPEM(w.id.Chain[1]))
	w.write("text", "Content-Type: multipart/mixed; boundary=in\n\n--in\n\nline one\n--in\nContent-Type: text/plain\n\nline two\n--in--\n")
	for name, args := range map[string][]string{"text.eml": nil, "binary.eml": {"-binary"}, "opaque.eml": {"-nodetach"}, "opaque-binary.eml": {"-nodetach", "-binary"}} {
		testpki.OpenSSL(t, w.dir, append([]string{"cms", "-sign", "-in", "text", "-signer", "signer.pem", "-inkey", "key.pem", "-certfile", "issuer.pem", "-out", name}, args...)...)
		mail := w.read(name)
		require.NotContains(t, mail, "BEGIN")
		o := w.run("verify", "--trust", "@root.pem", "--revocation", "off", "@"+name)
		require.Zero(t, o.code, "%s: %s%s", name, o.stdout, o.stderr)
		require.NotContains(t, o.stderr, "part of this mail")
		o = w.run("extract", "--out", "-", "@"+name)
		require.Zero(t, o.code, o.stderr)
		require.Equal(t, w.read("text"), strings.ReplaceAll(o.stdout, "\r\n", "\n"))
		require.Contains(t, w.run("inspect", "@"+name).stdout, "signedData")

		w.write("list.eml", "Content-Type: multipart/mixed; boundary=list\n\n--list\n"+mail+"\n--list\n\na footer\n--list--\n")
		o = w.run("verify", "--trust", "@root.pem", "--revocation", "off", "@list.eml")
		require.Zero(t, o.code, o.stdout)
		require.Contains(t, o.stderr, "a part of this mail is signed, and not all of it")
		if strings.Contains(mail, "line two") {
			w.write("changed.eml", strings.Replace(mail, "line two", "line 2", 1))
			o = w.run("verify", "--trust", "@root.pem", "--revocation", "off", "@changed.eml")
			require.Equal(t, cli.ExitFailed, o.code)
			require.Contains(t, o.stdout, "the content is not the one that was signed")
		}
	}
}
