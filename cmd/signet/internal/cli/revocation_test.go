package cli_test

import (
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// TestRevocation verifies with what is given, what is asked for, and without either.
func TestRevocation(t *testing.T) {
	w := newArchives(t)
	w.make("a", "bes", "")
	list := func(issuer testpki.Identity, revoked ...*x509.Certificate) []byte {
		return testpki.RevocationList(t, issuer, revoked, func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = w.now.Add(-time.Hour), w.now.Add(time.Hour)
			for i := range l.RevokedCertificateEntries {
				l.RevokedCertificateEntries[i].RevocationTime = w.now.Add(-2 * time.Hour)
			}
		})
	}
	text := func(der []byte) string { return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})) }
	w.write("root.crl", string(list(w.pki.Root)))
	w.write("lower.crl", string(list(w.pki.Authority)))
	w.write("both.pem", text(list(w.pki.Root))+text(list(w.pki.Authority)))
	w.write("revoked.crl", string(list(w.pki.Authority, w.id.Chain[0])))
	w.write("leaf.ors", string(testpki.OCSPResponse(t, w.id.Chain[0], w.pki.Authority, func(o *testpki.OCSP) { o.ThisUpdate, o.NextUpdate = w.now.Add(-time.Hour), w.now.Add(time.Hour) })))
	w.write("words", "words")
	verify := []string{"verify", "--trust", "@root.pem", "@a.p7s"}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"nothing":         {nil, cli.ExitOpen, "and nobody was asked (INDETERMINATE, TRY_LATER); let it be asked with --fetch, give its list with --crl FILE, or leave the question out with --revocation off"},
		"fetched":         {[]string{"--fetch", "--allow-private"}, cli.ExitOK, ": VALID\n"},
		"fetched, cached": {[]string{"--fetch", "--allow-private", "--cache", "@cache"}, cli.ExitOK, ": VALID\n"},
		"not reached":     {[]string{"--fetch"}, cli.ExitOpen, "; --allow-private lets it be asked where it is yours (INDETERMINATE, TRY_LATER); give its list with --crl FILE"},
		"given":           {[]string{"--crl", "@root.crl", "--crl", "@lower.crl"}, cli.ExitOK, ": VALID\n"},
		"given in PEM":    {[]string{"--crl", "@both.pem"}, cli.ExitOK, ": VALID\n"},
		"one of two":      {[]string{"--crl", "@lower.crl"}, cli.ExitOpen, "NOT KNOWN: revocation"},
		"OCSP":            {[]string{"--crl", "@root.crl", "--crl", "@leaf.ors"}, cli.ExitOK, ": VALID\n"},
		"revoked":         {[]string{"--crl", "@root.crl", "--crl", "@revoked.crl"}, cli.ExitOpen, "NOT VALID: revocation"},
		"off":             {[]string{"--revocation", "off"}, cli.ExitOK, ": VALID\n"},
		"words":           {[]string{"--crl", "@words"}, cli.ExitUsage, "--crl @words: there is neither a CRL nor an OCSP response in it"},
		"certificate":     {[]string{"--crl", "@root.pem"}, cli.ExitUsage, "it is a certificate, and neither a CRL nor an OCSP response"},
		"no such file":    {[]string{"--crl", "@no"}, cli.ExitUsage, "no such file"},
		"off and on":      {[]string{"--revocation", "off", "--fetch"}, cli.ExitUsage, "give one of them"},
		"other mode":      {[]string{"--revocation", "soft"}, cli.ExitUsage, "choose on or off"},
		"cache alone":     {[]string{"--cache", "@cache"}, cli.ExitUsage, "--cache is for --fetch"},
		"private alone":   {[]string{"--allow-private"}, cli.ExitUsage, "--allow-private is for --fetch"},
	} {
		got := w.run(append(append([]string(nil), verify...), c.args...)...)
		require.Equal(t, c.code, got.code, "%s: %s%s", name, got.stdout, got.stderr)
		require.Contains(t, got.stdout+got.stderr, c.says, name)
	}
}
