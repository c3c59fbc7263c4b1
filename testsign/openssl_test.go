package testsign_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/testsign"
)

// TestOpenSSL has OpenSSL judge what a world gives: signatures, time-stamps, lists and answers about certificates.
func TestOpenSSL(t *testing.T) {
	w := testsign.New(t)
	w.Listen()
	dir := t.TempDir()
	write := func(name string, data []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	p7s := signed(t, w.Signer(), w.Options(cades.LevelT))
	m, err := cades.Parse(p7s)
	require.NoError(t, err)
	chain := w.Signer().Chain()
	write("content", []byte("a contract"))
	write("value", m.Signatures()[0].Value())
	write("root.pem", w.RootPEM())
	write("leaf.pem", testpki.CertPEM(chain[0]))
	write("issuer.pem", testpki.CertPEM(chain[1]))
	write("p7s", p7s)
	write("token", m.Signatures()[0].Timestamps()[0].Token.Raw)

	out := testpki.OpenSSL(t, dir, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "p7s", "-content", "content", "-CAfile", "root.pem", "-out", os.DevNull)
	require.Contains(t, out, "CAdES Verification successful")
	out = testpki.OpenSSL(t, dir, "ts", "-verify", "-token_in", "-in", "token", "-data", "value", "-CAfile", "root.pem")
	require.Contains(t, out, "Verification: OK")

	state := func() string {
		return testpki.OpenSSL(t, dir, "ocsp", "-issuer", "issuer.pem", "-cert", "leaf.pem", "-url", w.OCSP.URL(), "-CAfile", "root.pem", "-no_cert_checks")
	}
	out = state()
	require.Contains(t, out, "Response verify OK")
	require.Contains(t, out, "leaf.pem: good")
	list := func() string {
		r, err := http.Get(chain[0].CRLDistributionPoints[0])
		require.NoError(t, err)
		defer r.Body.Close()
		der, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		write("crl", der)
		return testpki.OpenSSL(t, dir, "crl", "-inform", "DER", "-in", "crl", "-CAfile", "issuer.pem", "-noout", "-text")
	}
	out = list()
	require.Contains(t, out, "verify OK")
	require.Contains(t, out, "No Revoked Certificates")

	w.Revoke(chain[0])
	require.Contains(t, state(), "leaf.pem: revoked")
	require.Contains(t, list(), "Key Compromise")
}
