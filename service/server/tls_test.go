package server

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
)

func pair(id testpki.Identity) *tls.Certificate {
	c := &tls.Certificate{PrivateKey: id.Key}
	for _, one := range id.Chain {
		c.Certificate = append(c.Certificate, one.Raw)
	}
	return c
}

// TestTLS has HTTP/2, a client with a certificate that a rule names, one that no rule names, and one without.
func TestTLS(t *testing.T) {
	w := newWorld(t)
	w.serverCert("localhost")
	w.write("clients.pem", testpki.CertPEM(w.pki.Root.Certificate()))
	client := w.pki.Leaf(testpki.P256, func(c *x509.Certificate) {
		c.Subject.CommonName, c.DNSNames = "billing", []string{"billing.example"}
		c.ExtKeyUsage, c.UnknownExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, nil
	})
	more := `tls: {certificate: server.pem, client-ca: clients.pem}
`
	w.config("")
	text, err := os.ReadFile(w.path("signet.yaml"))
	require.NoError(t, err)
	w.write("signet.yaml", []byte(strings.Replace(string(text), "auth: {tokens: tokens}", "auth: {tokens: tokens, certificates: {dns: billing.example, keys: seal, endpoints: [sign, keys]}}", 1)+more))
	c, err := Load(w.path("signet.yaml"))
	require.NoError(t, err)
	r := w.runConfig(c)
	root := w.pki.Root.Certificate()

	anybody := r.over(root, nil)
	require.Equal(t, "HTTP/2.0", anybody.signs(w, w.token).proto)
	require.Equal(t, http.StatusUnauthorized, anybody.do("GET", "/v1/keys", "", nil).status)
	billing := r.over(root, pair(client))
	billing.signs(w, "")
	require.Equal(t, http.StatusForbidden, billing.do("GET", "/v2/certificates", "", nil).status)
	require.Contains(t, w.log.String(), `"principal":"billing"`)
	unnamed := r.over(root, pair(w.pki.Leaf(testpki.P256, func(c *x509.Certificate) {
		c.ExtKeyUsage, c.UnknownExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, nil
	})))
	a := unnamed.do("GET", "/v1/keys", "", nil)
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Contains(t, a.body, "client certificate that is not known here")
	require.Contains(t, w.log.String(), "the client certificate is not known here (no rule names the client certificate with the SHA-256 ")
	unnamed.signs(w, w.token)
	require.NotContains(t, anybody.do("GET", "/v1/keys", "", nil).body, "certificate")
	stranger := r.over(root, pair(testpki.New(t).Leaf(testpki.P256)))
	_, err = stranger.try("GET", "/v1/keys", "", nil)
	require.Error(t, err, "a certificate of another authority ends the handshake")
	require.Equal(t, http.StatusBadRequest, r.do("GET", "/healthz", "", nil).status, "nothing is answered without TLS")
	require.NoError(t, r.end())
}

func TestClientAuthRequired(t *testing.T) {
	w := newWorld(t)
	w.serverCert("localhost")
	w.write("clients.pem", testpki.CertPEM(w.pki.Root.Certificate()))
	r := w.run("tls: {certificate: server.pem, client-ca: clients.pem, client-auth: require, min-version: 1.3}\n")
	_, err := r.over(w.pki.Root.Certificate(), nil).try("GET", "/healthz", "", nil)
	require.Error(t, err)
	id := w.pki.Leaf(testpki.P256, func(c *x509.Certificate) {
		c.ExtKeyUsage, c.UnknownExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, nil
	})
	require.Equal(t, http.StatusOK, r.over(w.pki.Root.Certificate(), pair(id)).do("GET", "/healthz", "", nil).status)
	old := r.over(w.pki.Root.Certificate(), pair(id))
	old.client.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS12
	_, err = old.try("GET", "/healthz", "", nil)
	require.ErrorContains(t, err, "protocol version")
}

// TestH2C: HTTP/2 without TLS is there only when the configuration says so.
func TestH2C(t *testing.T) {
	for _, on := range []bool{false, true} {
		w := newWorld(t)
		c := w.load("")
		c.Listen.H2C = on
		r := w.runConfig(c)
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		r.client = &http.Client{Transport: &http.Transport{Protocols: protocols}}
		a, err := r.try("GET", "/healthz", "", nil)
		if on {
			require.NoError(t, err)
			require.Equal(t, "HTTP/2.0", a.proto)
		} else {
			require.Error(t, err)
		}
	}
}

// TestCertificateIsReplaced: new connections get the new certificate, and a broken one changes nothing.
func TestCertificateIsReplaced(t *testing.T) {
	w := newWorld(t)
	_, first := w.serverCert("localhost")
	r := w.run("tls: {certificate: server.pem}\n")
	serial := func() string {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(r.base, "http://"), &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	refresh := func() (bool, error) {
		r.reloading.Lock()
		defer r.reloading.Unlock()
		return r.certs.refresh()
	}
	require.Equal(t, first.Certificate().SerialNumber.String(), serial())
	changed, err := refresh()
	require.NoError(t, err)
	require.False(t, changed)

	good, err := os.ReadFile(w.path("server.pem"))
	require.NoError(t, err)
	w.write("server.pem", good[:len(good)/2])
	_, err = refresh()
	require.ErrorContains(t, err, "tls.certificate")
	changed, err = refresh()
	require.NoError(t, err, "the same fault is told once")
	require.False(t, changed)
	require.Error(t, r.Reload(t.Context()), "and by SIGHUP each time")
	require.Equal(t, first.Certificate().SerialNumber.String(), serial())
	require.NoError(t, os.Remove(w.path("server.pem")))
	_, err = refresh()
	require.ErrorContains(t, err, "there is no file")

	_, second := w.serverCert("localhost")
	changed, err = refresh()
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, second.Certificate().SerialNumber.String(), serial())

	_, third := w.serverCert("localhost")
	require.NoError(t, r.Reload(t.Context()))
	require.Equal(t, third.Certificate().SerialNumber.String(), serial())
}

// TestWatchCertificate looks at the files in the time of a fake clock.
func TestWatchCertificate(t *testing.T) {
	w := newWorld(t)
	w.serverCert("localhost")
	c, err := newCerts(TLS{Certificate: Path(w.path("server.pem"))})
	require.NoError(t, err)
	good, err := os.ReadFile(w.path("server.pem"))
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		go c.watch(t.Context(), time.Second, func() func() { return func() {} }, newLog(&Log{}, new(slog.LevelVar), j))
		w.write("server.pem", []byte("broken"))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, strings.Count(j.String(), "the old one stays"), "%s", j)
		w.write("server.pem", good)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.NotContains(t, j.String(), "was read again", "it is the one that is in use")
		_, next := w.serverCert("localhost")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, strings.Count(j.String(), "was read again"))
		expiry, ok := c.expiry()
		require.True(t, ok)
		require.Equal(t, next.Certificate().NotAfter, expiry)
	})
}
