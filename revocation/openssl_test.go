package revocation_test

import (
	"bufio"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
)

func write(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
}

func read(t testing.TB, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return b
}

// opensslCA is an authority that OpenSSL runs: its index, its CRL and its OCSP responder.
type opensslCA struct {
	t     testing.TB
	dir   string
	files *httptest.Server // CRL and certificate of the authority
	ocsp  string           // the address of the responder
}

func newOpenSSLCA(t testing.TB) *opensslCA {
	ca := &opensslCA{t: t, dir: t.TempDir()}
	ca.files = httptest.NewServer(http.FileServer(http.Dir(ca.dir)))
	t.Cleanup(ca.files.Close)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ca.ocsp = free.Addr().String()
	require.NoError(t, free.Close())
	write(t, ca.dir, "ca.cnf", fmt.Appendf(nil, `[ca]
default_ca = d
[d]
dir = .
database = index.txt
new_certs_dir = .
serial = serial
crlnumber = crlnumber
certificate = ca.crt
private_key = ca.key
default_md = sha256
default_days = 30
default_crl_days = 7
policy = p
copy_extensions = none
unique_subject = no
crl_extensions = crl
[p]
commonName = supplied
[crl]
authorityKeyIdentifier = keyid:always
[leaf]
keyUsage = critical,digitalSignature
authorityInfoAccess = OCSP;URI:http://%[1]s/,caIssuers;URI:%[2]s/ca.der
crlDistributionPoints = URI:%[2]s/ca.crl
[responder]
keyUsage = critical,digitalSignature
extendedKeyUsage = OCSPSigning
crlDistributionPoints = URI:%[2]s/ca.crl
`, ca.ocsp, ca.files.URL))
	for name, text := range map[string]string{"index.txt": "", "serial": "0AFF\n", "crlnumber": "01\n"} {
		write(t, ca.dir, name, []byte(text))
	}
	testpki.OpenSSL(t, ca.dir, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=OpenSSL authority", "-days", "60",
		"-addext", "keyUsage=critical,keyCertSign,cRLSign")
	testpki.OpenSSL(t, ca.dir, "x509", "-in", "ca.crt", "-outform", "DER", "-out", "ca.der")
	return ca
}

// issue makes a certificate with the extensions of a section.
func (ca *opensslCA) issue(name, section string) *x509.Certificate {
	ca.t.Helper()
	testpki.OpenSSL(ca.t, ca.dir, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name+".key", "-out", name+".csr", "-subj", "/CN="+name)
	testpki.OpenSSL(ca.t, ca.dir, "ca", "-batch", "-config", "ca.cnf", "-extensions", section, "-in", name+".csr", "-out", name+".crt", "-notext")
	return ca.certificate(name)
}

func (ca *opensslCA) certificate(name string) *x509.Certificate {
	ca.t.Helper()
	block, _ := pem.Decode(read(ca.t, ca.dir, name+".crt"))
	require.NotNil(ca.t, block)
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(ca.t, err)
	return c
}

func (ca *opensslCA) crl() {
	ca.t.Helper()
	testpki.OpenSSL(ca.t, ca.dir, "ca", "-config", "ca.cnf", "-gencrl", "-out", "crl.pem")
	testpki.OpenSSL(ca.t, ca.dir, "crl", "-in", "crl.pem", "-outform", "DER", "-out", "ca.crl")
}

// respond runs `openssl ocsp` as a responder that signs as name, until the test stops it.
func (ca *opensslCA) respond(name string, args ...string) (stop func()) {
	ca.t.Helper()
	_, port, err := net.SplitHostPort(ca.ocsp)
	require.NoError(ca.t, err)
	cmd := exec.Command("openssl", append([]string{"ocsp", "-index", "index.txt", "-port", port, "-CA", "ca.crt", "-rsigner", name + ".crt", "-rkey", name + ".key"}, args...)...)
	cmd.Dir = ca.dir
	out, err := cmd.StderrPipe()
	require.NoError(ca.t, err)
	require.NoError(ca.t, cmd.Start())
	lines := bufio.NewScanner(out)
	// It ends at the first connection that says nothing, so that it is not tried by one.
	for ready := false; !ready; ready = strings.Contains(lines.Text(), "waiting for OCSP client connections") {
		require.True(ca.t, lines.Scan(), "the responder does not start")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// TestOpenSSL runs everything against real programs over loopback.
func TestOpenSSL(t *testing.T) {
	ca := newOpenSSLCA(t)
	good, bad := ca.issue("good", "leaf"), ca.issue("bad", "leaf")
	responder := ca.issue("responder", "responder")
	issuer := ca.certificate("ca")
	testpki.OpenSSL(t, ca.dir, "ca", "-config", "ca.cnf", "-revoke", "bad.crt", "-crl_reason", "keyCompromise")
	ca.crl()
	client := func(bend ...func(*revocation.Config)) *revocation.Client {
		o := revocation.Config{AllowPrivate: true, Timeout: 10 * time.Second}
		for _, b := range bend {
			b(&o)
		}
		c, err := revocation.NewClient(o)
		require.NoError(t, err)
		return c
	}
	ocspOnly := func(o *revocation.Config) { o.Methods = []revocation.Method{revocation.OCSP} }
	states := func(c *revocation.Client, m revocation.Method) {
		t.Helper()
		s, err := c.Status(t.Context(), good, issuer, time.Time{})
		require.NoError(t, err)
		require.Equal(t, revocation.Good, s.State)
		require.Equal(t, m, s.Method)
		s, err = c.Status(t.Context(), bad, issuer, time.Now())
		require.NoError(t, err)
		require.Equal(t, revocation.Revoked, s.State)
		require.Equal(t, revocation.KeyCompromise, s.Reason)
		require.WithinDuration(t, time.Now(), s.RevokedAt, time.Minute)
	}
	t.Run("nobody answers", func(t *testing.T) { states(client(), revocation.CRLs) })
	for _, method := range []string{"POST with a nonce", "GET"} {
		for _, name := range []string{"ca", "responder"} {
			t.Run(method+" to "+name, func(t *testing.T) {
				defer ca.respond(name, "-ndays", "1")()
				states(client(ocspOnly, func(o *revocation.Config) {
					o.NoNonce = method == "GET"
					o.RequireNonce = !o.NoNonce
				}), revocation.OCSP)
			})
		}
	}
	t.Run("by key", func(t *testing.T) {
		defer ca.respond("responder", "-ndays", "1", "-resp_key_id")()
		states(client(ocspOnly), revocation.OCSP)
	})
	t.Run("collect", func(t *testing.T) {
		defer ca.respond("responder", "-ndays", "1")()
		c := client()
		chain, err := c.Chain(t.Context(), good, nil)
		require.NoError(t, err)
		require.Len(t, chain, 2)
		all, err := c.Collect(t.Context(), [][]*x509.Certificate{chain, {bad, issuer}}, nil)
		require.NoError(t, err)
		require.Len(t, all.OCSP, 2)
		require.Len(t, all.CRLs, 1, "for the responder")
		require.Contains(t, all.Certificates, responder)
		require.Equal(t, bad, all.Revoked()[0].Certificate)
		write(t, ca.dir, "resp.der", all.OCSP[0])
		require.Contains(t, testpki.OpenSSL(t, ca.dir, "ocsp", "-respin", "resp.der", "-issuer", "ca.crt", "-cert", "good.crt", "-CAfile", "ca.crt", "-no_nonce"), "good.crt: good")
	})
	t.Run("a responder that is none", func(t *testing.T) {
		defer ca.respond("good", "-ndays", "1")()
		_, err := client(ocspOnly).Status(t.Context(), bad, issuer, time.Time{})
		require.ErrorIs(t, err, revocation.CheckResponder)
		require.ErrorContains(t, err, "OCSPSigning")
		states(client(), revocation.CRLs)
	})
	t.Run("responder of another authority", func(t *testing.T) {
		defer ca.respond("ca", "-nmin", "5")()
		pki := testpki.New(t)
		stranger := pki.Leaf(testpki.P256, func(c *x509.Certificate) {
			c.OCSPServer = []string{"http://" + ca.ocsp + "/"}
			c.SerialNumber = big.NewInt(1)
		}).Certificate()
		_, err := client(ocspOnly).Status(t.Context(), stranger, pki.Authority.Certificate(), time.Time{})
		require.ErrorIs(t, err, revocation.CheckResponder)
	})
	t.Run("other scopes", func(t *testing.T) {
		cnf := string(read(t, ca.dir, "ca.cnf"))
		for ext, check := range map[string]revocation.Check{
			"issuingDistributionPoint = critical,@idp\n[idp]\nindirectCRL = TRUE\n": "",
			"issuingDistributionPoint = critical,@idp\n[idp]\nonlyCA = TRUE\n":      revocation.CheckScope,
			"deltaCRL = critical,DER:020101\n2.5.29.27 = critical,DER:020101\n":     revocation.CheckDelta,
		} {
			ext = strings.Replace(ext, "deltaCRL = critical,DER:020101\n", "", 1)
			write(t, ca.dir, "ca.cnf", []byte(strings.Replace(cnf, "[crl]\n", "[crl]\n"+ext+"[rest]\n", 1)))
			ca.crl()
			_, err := client(func(o *revocation.Config) { o.Methods = []revocation.Method{revocation.CRLs} }).Status(t.Context(), good, issuer, time.Time{})
			if check == "" {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, check)
		}
	})
}
