package connect_test

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

func TestCheck(t *testing.T) {
	proxy, roots := &url.URL{Scheme: "http", Host: "proxy"}, x509.NewCertPool()
	for name, o := range map[string]connect.Options{
		"client and proxy": {HTTP: &http.Client{}, Proxy: proxy}, "client and roots": {HTTP: &http.Client{}, Roots: roots},
		"ftp": {Proxy: &url.URL{Scheme: "ftp", Host: "proxy"}}, "no host": {Proxy: &url.URL{Scheme: "http"}},
		"password alone": {Password: sign.NewSecret([]byte("x"))}, "colon": {User: "a:b"},
	} {
		require.ErrorIs(t, o.Check(), sign.ErrInput, name)
		_, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: "http://a/", Connect: o}}})
		require.ErrorIs(t, err, sign.ErrInput, name)
		_, err = revocation.NewClient(revocation.Config{Servers: map[string]connect.Options{"http://a": o}})
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
	for _, secret := range []connect.Options{{User: "a"}, {Header: http.Header{"A": {"b"}}}, {Certificates: []tls.Certificate{{}}}} {
		_, err := revocation.NewClient(revocation.Config{Connect: secret})
		require.ErrorIs(t, err, sign.ErrInput, "it would be sent to whom certificates of strangers name")
	}
	for _, name := range []string{"ocsp.example", "http://a/path", "ftp://a", "http://u@a"} {
		_, err := revocation.NewClient(revocation.Config{Servers: map[string]connect.Options{name: {}}})
		require.ErrorIs(t, err, sign.ErrInput, name)
	}
}

// TestReached asks authorities of time-stamps and of revocation that want to know who connects, by TLS of an authority of one's own
// and through a proxy.
func TestReached(t *testing.T) {
	pki := testpki.New(t)
	tsa := testlevels.Authority(t, pki, testpki.Now)
	var leaf *x509.Certificate
	var seen []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		seen = append(seen, user+":"+password+":"+r.Header.Get("X-Key")+":"+r.TLS.PeerCertificates[0].Subject.CommonName)
		switch {
		case user == "refused":
			http.Error(w, "no time-stamps left for you\nthe rest", http.StatusPaymentRequired)
		case r.URL.Path == "/tsr":
			tsa.ServeHTTP(w, r)
		default:
			_, _ = w.Write(testpki.OCSPResponse(t, leaf, pki.Authority))
		}
	}))
	clients := x509.NewCertPool()
	clients.AddCert(pki.Root.Certificate())
	clients.AddCert(pki.Authority.Certificate())
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	var through []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		through = append(through, r.Method+" "+r.Host)
		tunnel(t, w, r)
	}))
	t.Cleanup(proxy.Close)
	proxyURL, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	me := pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.Subject.CommonName = "client" })
	o := connect.Options{
		Proxy: proxyURL, Roots: roots, Certificates: []tls.Certificate{{Certificate: [][]byte{me.Certificate().Raw}, PrivateKey: me.Key}},
		User: "seal", Password: sign.NewSecret([]byte("secret")), Header: http.Header{"X-Key": {"k"}},
	}
	leaf = pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.OCSPServer = []string{server.URL + "/ocsp"} }).Certificate()

	client, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: server.URL + "/tsr", Connect: o}}, Clock: testpki.Now})
	require.NoError(t, err)
	sum := make([]byte, 32)
	_, err = client.Timestamp(t.Context(), testpki.Must(sign.NewDigest(crypto.SHA256, sum)))
	require.NoError(t, err)
	source, err := revocation.NewClient(revocation.Config{Servers: map[string]connect.Options{server.URL: o}, AllowPrivate: true, Clock: testpki.Now, Methods: []revocation.Method{revocation.OCSP}})
	require.NoError(t, err)
	_, err = source.Status(t.Context(), leaf, pki.Authority.Certificate(), testpki.Now())
	require.NoError(t, err)
	require.Equal(t, []string{"seal:secret:k:client", "seal:secret:k:client"}, seen)
	host := strings.TrimPrefix(server.URL, "https://")
	require.Equal(t, []string{"CONNECT " + host, "CONNECT " + host}, through)

	// What is for one server is not for the others, and without it there is an answer that says why.
	client, err = tsp.NewClient(tsp.Config{Connect: connect.Options{Roots: roots}, Endpoints: []tsp.Endpoint{{URL: server.URL + "/tsr"}}})
	require.NoError(t, err)
	_, err = client.Timestamp(t.Context(), testpki.Must(sign.NewDigest(crypto.SHA256, sum)))
	require.ErrorIs(t, err, tsp.CheckTransport)
	o.User = "refused"
	client, err = tsp.NewClient(tsp.Config{Connect: o, Endpoints: []tsp.Endpoint{{URL: server.URL + "/tsr"}}})
	require.NoError(t, err)
	_, err = client.Timestamp(t.Context(), testpki.Must(sign.NewDigest(crypto.SHA256, sum)))
	require.ErrorIs(t, err, tsp.CheckHTTPStatus)
	require.ErrorContains(t, err, `HTTP 402: "no time-stamps left for you"`)
	source, err = revocation.NewClient(revocation.Config{Servers: map[string]connect.Options{server.URL: o}, AllowPrivate: true, Clock: testpki.Now})
	require.NoError(t, err)
	_, err = source.Status(t.Context(), leaf, pki.Authority.Certificate(), testpki.Now())
	require.ErrorContains(t, err, `HTTP 402: "no time-stamps left for you"`)
}
