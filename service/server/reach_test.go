package server

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// closed serves a handler by https to those who show a certificate of the authority, and writes what a client needs: root.pem,
// client.p12, client.pass.
func (w *world) closed(h http.Handler) *httptest.Server {
	w.t.Helper()
	_, id := w.serverCert("localhost")
	client := w.pki.Leaf(testpki.P256, func(c *x509.Certificate) {
		c.KeyUsage, c.ExtKeyUsage, c.UnknownExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, nil
	})
	inside, err := pkcs12.Modern.Encode(client.Key, client.Chain[0], client.Chain[1:], "open-sesame")
	require.NoError(w.t, err)
	w.write("client.p12", inside)
	w.write("client.pass", []byte("open-sesame\n"))
	w.write("root.pem", testpki.CertPEM(w.pki.Root.Certificate()))
	roots := x509.NewCertPool()
	roots.AddCert(w.pki.Root.Certificate())
	shown := tls.Certificate{PrivateKey: id.Key}
	for _, c := range id.Chain {
		shown.Certificate = append(shown.Certificate, c.Raw)
	}
	server := httptest.NewUnstartedServer(h)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{shown}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert}
	server.StartTLS()
	w.t.Cleanup(server.Close)
	return server
}

// TestAuthorityThatAsksWho signs with time-stamps of an authority that wants a client certificate, a password and a header, tells its state
// in the metrics, and that it does not answer any more in the log.
func TestAuthorityThatAsksWho(t *testing.T) {
	w := newWorld(t)
	inner := w.authority() // which wants user and password
	tsa := w.closed(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != "key-8812" {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		inner.Config.Handler.ServeHTTP(rw, r)
	}))
	w.write("tsa.pass", []byte("hunter2\n"))
	w.write("api.key", []byte("key-8812\n"))
	all := []string{"user: u", "password: file:tsa.pass", "ca: root.pem", "cert: client.p12", "cert-password: file:client.pass", "headers: {X-Api-Key: 'file:api.key'}"}
	config := func(settings []string) string {
		return `
listen: {addresses: "127.0.0.1:0"}
stores: [{name: seal.pem, file: seal.pem}]
keys: [{name: seal, store: seal.pem, level: t}]
auth: {tokens: tokens}
sources: {timestamp: {url: "` + tsa.URL + `", ` + strings.Join(settings, ", ") + `}}
`
	}
	require.Contains(t, w.checked(config(all)), "ok authority "+tsa.URL+": gave a time-stamp")
	for leave, says := range map[int]string{2: "gave no time-stamp", 3: "gave no time-stamp", 5: "403"} { // each is needed
		some := append([]string{}, all[:leave]...)
		if leave == 3 {
			some = append(some, all[5])
		} else {
			some = append(some, all[leave+1:]...)
		}
		require.Contains(t, w.checked(config(some)), says, "without %s", all[leave])
	}

	w.write("signet.yaml", []byte(config(all)))
	c, err := Load(w.path("signet.yaml"))
	require.NoError(t, err)
	r := w.runConfig(c)
	r.signs(w, w.token)
	metrics := func() string {
		rec := httptest.NewRecorder()
		r.metrics.handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
		return rec.Body.String()
	}
	labels := `{kind="timestamp",place="` + tsa.URL + `"} `
	require.Contains(t, metrics(), "signet_authority_resting"+labels+"0")
	require.Contains(t, metrics(), "signet_authority_failures"+labels+"0")
	tsa.CloseClientConnections()
	tsa.Listener.Close()
	for range 4 {
		_ = r.do("POST", "/v2/sign", w.token, strings.NewReader(w.body("one")))
	}
	require.Contains(t, metrics(), "signet_authority_resting"+labels+"1")
	require.Contains(t, metrics(), "signet_authority_failures"+labels+"3")
	require.Eventually(t, func() bool {
		return strings.Contains(metrics(), `signet_events_total{kind="authority rests"} 1`) && strings.Contains(w.log.String(), `"level":"WARN","msg":"authority rests","event":{`)
	}, waitLong, 10*time.Millisecond)
	require.NoError(t, r.end())
	for _, secret := range []string{"hunter2", "open-sesame", "key-8812"} {
		require.NotContains(t, w.log.String(), secret)
	}
}

// TestRevocationServerThatAsksWho fetches a list of revoked certificates by https from a server that wants a client certificate.
func TestRevocationServerThatAsksWho(t *testing.T) {
	w := newWorld(t)
	var list []byte
	server := w.closed(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(list) }))
	leaf := w.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.CRLDistributionPoints = []string{server.URL + "/ca.crl"} })
	list = testpki.RevocationList(t, w.pki.Authority, nil, func(l *x509.RevocationList) {
		l.ThisUpdate, l.NextUpdate = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	})
	who := Reach{Cert: Path(w.path("client.p12")), CertPassword: SecretFile(w.path("client.pass")), CA: []Path{Path(w.path("root.pem"))}}
	for name, c := range map[string]struct {
		r    Revocation
		good bool
	}{
		"all that is needed":    {Revocation{AllowPrivate: true, Servers: []RevocationServer{{server.URL, who}}}, true},
		"of another server":     {Revocation{AllowPrivate: true, CA: who.CA, Servers: []RevocationServer{{"https://ocsp.example", who}}}, false},
		"nobody is trusted":     {Revocation{AllowPrivate: true, Servers: []RevocationServer{{server.URL, Reach{Cert: who.Cert, CertPassword: who.CertPassword}}}}, false},
		"without a certificate": {Revocation{AllowPrivate: true, CA: who.CA}, false},
	} {
		all := newClients(func(sign.Event) {})
		source, err := all.revocation(&c.r)
		require.NoError(t, err, name)
		_, err = source.(*revocation.Client).Status(t.Context(), leaf.Certificate(), w.pki.Authority.Certificate(), time.Time{})
		require.Equal(t, c.good, err == nil, "%s: %v", name, err)
		found := 0
		all.each(func(kind string, s sign.AuthorityState) {
			require.Equal(t, "revocation", kind)
			require.Equal(t, server.URL, s.Place)
			require.Equal(t, c.good, s.Failures == 0)
			found++
		})
		require.Equal(t, 1, found)
	}
	_, err := newClients(nil).revocation(&Revocation{Servers: []RevocationServer{{server.URL, Reach{Cert: who.Cert}}}})
	require.ErrorContains(t, err, "add cert-password: file:PATH")
}

// TestProxyOfAuthorities goes through a proxy with a password.
func TestProxyOfAuthorities(t *testing.T) {
	w := newWorld(t)
	w.write("tsa.pass", []byte("hunter2\n"))
	w.write("proxy.pass", []byte("open-sesame\n"))
	inner := w.authority()
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Host+" "+r.Header.Get("Proxy-Authorization"))
		inner.Config.Handler.ServeHTTP(rw, r)
	}))
	defer proxy.Close()
	found := w.checked(`
stores: [{name: seal.pem, file: seal.pem}]
keys: [{name: seal, store: seal.pem, level: t}]
auth: {tokens: tokens}
sources: {timestamp: {url: "http://tsa.invalid/tsr", user: u, password: file:tsa.pass, proxy: "` + proxy.URL + `", proxy-user: p, proxy-password: file:proxy.pass}}
`)
	require.Contains(t, found, "ok authority http://tsa.invalid/tsr: gave a time-stamp")
	require.Equal(t, []string{"tsa.invalid Basic cDpvcGVuLXNlc2FtZQ=="}, asked)
}
