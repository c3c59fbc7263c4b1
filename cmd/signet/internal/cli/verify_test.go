package cli_test

import (
	"encoding/base64"
	"encoding/pem"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
)

type verifiedLine struct {
	Signature, Content, Error, Hint string
	OK, Valid                       bool
	Trusted                         *bool
	Report                          struct {
		Signatures []struct {
			Level, Indication, Cause string
			Signer                   struct{ Name string }
			Checks                   []struct{ Name, Status, Detail string }
		}
	}
}

func TestVerify(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	require.Equal(t, cli.ExitOK, w.run("sign", "--key", "@key.pem", "@a").code)
	require.Equal(t, cli.ExitOK, w.run("sign", "--key", "@key.pem", "--attached", "@a").code)
	der := w.read("a.p7s")
	w.write("other", "other content")
	w.write("roots/one.pem", certPEM(testpki.New(t).Root.Certificate()))
	w.write("both.pem", w.read("roots/one.pem")+w.read("root.pem"))
	w.write("root.der", string(w.pki.Root.Certificate().Raw))
	w.write("pem.p7s", string(pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: []byte(der)})))
	w.write("cms.p7s", "\ufeffSome words first\n"+string(pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: []byte(der)})))
	w.write("cms2.p7s", "\n"+string(pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: []byte(der)})))
	w.write("b64.p7s", strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(der)), "A", "A\r\n"))
	w.write("bent.p7s", der[:len(der)-1]+string([]byte{der[len(der)-1] ^ 1}))
	w.write("b.p7s", der)
	w.write("c.p7s", der)
	w.write("b", "not the content")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"trusted":                  {[]string{"--trust", "@root.pem", "@a.p7s"}, cli.ExitOK, ": VALID\n"},
		"trusted, DER":             {[]string{"--trust", "@root.der", "@a.p7s"}, cli.ExitOK, ": VALID\n"},
		"trusted, one of two":      {[]string{"--trust", "@both.pem", "@a.p7s"}, cli.ExitOK, ": VALID\n"},
		"trusted, given twice":     {[]string{"--trust", "@roots", "--trust", "@root.pem", "@a.p7s"}, cli.ExitOK, ": VALID\n"},
		"not asked for trust":      {[]string{"@a.p7s"}, cli.ExitOpen, "VALID, but the signer was not checked against any root; give trusted certificates with --trust FILE"},
		"not trusted":              {[]string{"--trust", "@roots", "@a.p7s"}, cli.ExitOpen, "NOT KNOWN: chain: "},
		"at a time":                {[]string{"--trust", "@root.pem", "--at", "2030-01-02", "@a.p7s"}, cli.ExitOK, ": VALID\n"},
		"at a time too early":      {[]string{"--trust", "@root.pem", "--at", "2020-01-02T03:04:05Z", "@a.p7s"}, cli.ExitOpen, "NOT VALID: chain: "},
		"attached":                 {[]string{"@a.p7m"}, cli.ExitOpen, "(as claimed): VALID, but"},
		"attached, and content":    {[]string{"--content", "@a", "@a.p7m"}, cli.ExitOpen, "VALID"},
		"attached, and another":    {[]string{"--content", "@other", "@a.p7m"}, cli.ExitFailed, "NOT VALID: message-digest: "},
		"other content":            {[]string{"--content", "@other", "@a.p7s"}, cli.ExitFailed, "NOT VALID: message-digest: "},
		"other content beside":     {[]string{"@b.p7s"}, cli.ExitFailed, "NOT VALID: message-digest: "},
		"content in a folder":      {[]string{"--content", "@", "@a.p7s"}, cli.ExitOpen, "VALID"},
		"content is a folder":      {[]string{"--content", "@", "@roots.p7s"}, cli.ExitFailed, "no such file"},
		"no content":               {[]string{"@c.p7s"}, cli.ExitOpen, "NOT KNOWN: the signature is detached and its content @c is not there"},
		"no content, but forged":   {[]string{"@bent.p7s"}, cli.ExitFailed, "NOT VALID: signature value: "},
		"signature value bent":     {[]string{"--content", "@a", "@bent.p7s"}, cli.ExitFailed, "NOT VALID: signature value: "},
		"PEM":                      {[]string{"--content", "@a", "@pem.p7s"}, cli.ExitOpen, "VALID"},
		"PEM after words":          {[]string{"--content", "@a", "@cms.p7s"}, cli.ExitOpen, "VALID"},
		"PEM after an empty line":  {[]string{"--content", "@a", "@cms2.p7s"}, cli.ExitOpen, "VALID"},
		"base64":                   {[]string{"--content", "@a", "@b64.p7s"}, cli.ExitOpen, "VALID"},
		"two, one of them invalid": {[]string{"@a.p7s", "@b.p7s"}, cli.ExitFailed, "VALID"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"verify"}, c.args...)
			got := w.run(args...)
			require.Equal(t, c.code, got.code, "%s%s", got.stdout, got.stderr)
			require.Contains(t, got.stdout, c.says)

			lines := objects[verifiedLine](t, w.run(append(args, "--json")...).stdout)
			ok := true
			for _, l := range lines {
				ok = ok && l.OK
				require.Equal(t, strings.Contains(strings.Join(c.args, " "), "--trust"), l.Trusted != nil)
			}
			require.Equal(t, c.code == cli.ExitOK, ok)
		})
	}
	got := w.run("verify", "--json", "@bent.p7s")
	line := objects[verifiedLine](t, got.stdout)[0]
	require.Contains(t, line.Error, "is not there")
	require.NotEmpty(t, line.Report.Signatures[0].Checks, "the rest is checked without the content")
	require.Contains(t, line.Report.Signatures[0].Signer.Name, "Signet test p256")
	require.Contains(t, w.run("verify", "--trust", "@root.pem", "@a.p7s", "@b.p7s").stderr, "1 of 2 signature files valid, 1 failed\n")
}

// TestCorpus gives signatures of others to verify and inspect, where they are at hand: each gets a verdict and a tree.
func TestCorpus(t *testing.T) {
	w := newWorld(t)
	for _, file := range testpki.Corpus(t) {
		if !strings.HasPrefix(filepath.Ext(file), ".p7") {
			continue
		}
		got := w.run("verify", file)
		require.Regexp(t, `: (NOT |)(VALID|KNOWN|CHECKED)[^\n]*\n$`, got.stdout)
		require.Equal(t, strings.Contains(got.stdout, ": NOT VALID"), got.code == cli.ExitFailed, file)
		require.Len(t, objects[verifiedLine](t, w.run("verify", "--json", file).stdout), 1)
		got = w.run("inspect", "--json", file)
		if strings.Contains(file, "malformed") {
			require.Equal(t, cli.ExitFailed, got.code)
			continue
		}
		require.Equal(t, cli.ExitOK, got.code, file)
		require.Len(t, objects[map[string]any](t, got.stdout), 1)
	}
}
