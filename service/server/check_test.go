package server

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

func text(all []Finding) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "%s %s: %s\n", f.Severity, f.What, f.Text)
	}
	return b.String()
}

// checked is what Check says of a configuration.
func (w *world) checked(config string, bend ...func(*Options)) string {
	w.t.Helper()
	w.write("signet.yaml", []byte(config))
	c, err := Load(w.path("signet.yaml"))
	require.NoError(w.t, err)
	o := &Options{Output: w.log}
	for _, b := range bend {
		b(o)
	}
	s, err := New(w.t.Context(), c, o)
	require.NoError(w.t, err)
	found := text(s.Check(w.t.Context()))
	require.NoError(w.t, s.Close())
	return found
}

// authority is a time-stamp authority that wants a password.
func (w *world) authority() *httptest.Server {
	w.t.Helper()
	id := w.pki.Leaf(testpki.P256, testpki.Usages(true, testpki.TimeStamping))
	p, err := soft.New(id.Key, soft.Config{Certificates: id.Chain})
	require.NoError(w.t, err)
	signer, err := sign.Open(w.t.Context(), p, sign.Ref{})
	require.NoError(w.t, err)
	a, err := tsp.NewAuthority(signer, &tsp.AuthorityOptions{Accuracy: time.Second})
	require.NoError(w.t, err)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "u" || password != "hunter2" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		a.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(server.Close)
	return server
}

func TestCheckAllWell(t *testing.T) {
	w := newWorld(t)
	w.serverCert("localhost")
	tsa := w.authority()
	issuer := httptest.NewServer(nil)
	defer issuer.Close()
	issuer.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "openid-configuration") {
			_, _ = fmt.Fprintf(rw, `{"issuer":%q,"jwks_uri":%q,"id_token_signing_alg_values_supported":["ES256"]}`, issuer.URL, issuer.URL+"/keys")
			return
		}
		_, _ = io.WriteString(rw, `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","use":"sig","alg":"ES256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`)
	})
	w.write("tsa.pass", []byte("hunter2\n"))
	w.write("audit.key", []byte(strings.Repeat("k", 32)))
	found := w.checked(`
tls: {certificate: server.pem}
stores: [{name: seal.pem, file: seal.pem}]
keys: [{name: seal, store: seal.pem, level: t}]
sources: {timestamp: {url: "`+tsa.URL+`", user: u, password: file:tsa.pass}}
auth:
  tokens: tokens
  oidc: {url: "`+issuer.URL+`", audience: signet, rules: {claim: scope, value: sign, keys: "*", endpoints: "*"}}
audit: {path: audit.log, key: file:audit.key}
tracing: {endpoint: "`+issuer.URL+`"}
`, func(o *Options) { o.TestSignature = true })
	require.NotContains(t, found, "failed ")
	for _, line := range []string{
		"ok tls: the certificate is valid until", "ok key seal: in seal.pem: ecdsa-sha256, CAdES-T", "octets was made in",
		"ok authority " + tsa.URL + ": gave a time-stamp", "in the clear", "1 of 1 tokens are valid", "its keys were fetched",
		"ok audit: " + w.path("audit.log") + " will be made", "ok tracing",
	} {
		require.Contains(t, found, line)
	}
	require.NoFileExists(t, w.path("audit.log"), "nothing is written")
	require.NotContains(t, found, "hunter2")
}

func TestCheckFaults(t *testing.T) {
	w := newWorld(t)
	w.writeKey("expired.pem", w.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }))
	w.writeKey("soon.pem", w.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Hour) }))
	w.writeKey("later.pem", w.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }))
	w.writeKey("nameless.pem", w.pki.Leaf(testpki.P256))
	w.write("password", []byte("x"))
	w.write("short.key", []byte("x"))
	w.write("none", nil)
	require.NoError(t, os.Chmod(w.path("password"), 0o644))
	require.NoError(t, os.Chmod(w.path("seal.pem"), 0o644))
	_, _, err := auth.AddToken(w.path("old"), auth.Token{Name: "a", Keys: []string{"*"}, Created: time.Now(), Expires: time.Now().Add(-time.Hour)})
	require.NoError(t, err)
	tsa := w.authority()
	found := w.checked(`
listen: {addresses: ":0", plain: true}
stores:
  - {name: expired, file: expired.pem, password: file:password}
  - {name: soon, file: soon.pem, password: env:SIGNET_TEST_NO}
  - {name: later, file: later.pem}
  - {name: gone, file: gone.pem}
  - {name: unused, file: seal.pem}
keys:
  - {name: expired, store: expired}
  - {name: soon, store: soon}
  - {name: later, store: later}
  - {name: gone, store: gone, level: t, timestamp: [{url: "`+tsa.URL+`"}, {url: "http://127.0.0.1:1"}]}
auth: {tokens: old, oidc: {url: "http://127.0.0.1:1", audience: signet, rules: {claim: a, value: b, keys: "*", endpoints: "*"}}}
audit: {path: audit.log, key: file:short.key}
tracing: {endpoint: "http://127.0.0.1:1"}
`, func(o *Options) { o.TestSignature = true })
	for _, line := range []string{
		"warning listen: :0 has no TLS here",
		"failed key expired: the certificate expired on", "warning key soon: the certificate expires on", "failed key later: the certificate is not valid before",
		"failed key gone: cannot be used: ", "warning store unused: no key of it is used",
		"failed authority " + tsa.URL + ": gave no time-stamp", "failed authority http://127.0.0.1:1: gave no time-stamp",
		"warning tokens " + w.path("old") + ": there are 1 tokens in it, and none is valid", "failed issuer http://127.0.0.1:1: ",
		"failed password of store soon: the variable SIGNET_TEST_NO is not set", "warning password of store expired: everybody on this machine can read",
		"warning store unused: everybody on this machine can read", "failed audit: audit.key: a key has 32 octets at least", "warning tracing: nobody takes traces",
	} {
		require.Contains(t, found, line)
	}

	require.NoError(t, os.Chmod(w.path("nameless.pem"), 0o644))
	found = w.checked("tls: {certificate: nameless.pem}\nstores: [{name: s, file: seal.pem}]\nkeys: [{name: seal, store: s}]\nauth: {tokens: none}\naudit: {path: no/audit.log}\n")
	for _, line := range []string{
		"warning tls: the certificate names no host", "warning tls: everybody on this machine can read the private key",
		"warning tokens " + w.path("none") + ": there are 0 tokens", "failed audit: there is no folder " + w.path("no") + " for audit.log; make it",
	} {
		require.Contains(t, found, line)
	}
	found = w.checked("stores: [{name: s, file: seal.pem}]\nkeys: [{name: seal, store: s}]\nauth: {tokens: none}\n")
	require.Contains(t, found, "warning audit: nobody keeps a record")
	require.NoError(t, os.Mkdir(w.path("folder"), 0o700))
	found = w.checked("stores: [{name: s, file: seal.pem}]\nkeys: [{name: seal, store: s}]\nauth: {tokens: none}\naudit: {path: folder}\n")
	require.Contains(t, found, "failed audit: "+w.path("folder")+" cannot be written")
	require.NotEqual(t, Severity(0), Fine)
}
