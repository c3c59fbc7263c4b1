package server

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// TestReload takes up a key, a token, limits and the level of the log, while a request goes on with what it began with.
func TestReload(t *testing.T) {
	w := newWorld(t)
	r := w.run("log: {level: error}\n")
	goOn, got := r.halfRequest(w)
	second := w.pki.Leaf(testpki.P256)
	w.writeKey("second.pem", second)
	other := w.newToken("others", "other", "second")
	w.write("signet.yaml", []byte(`
listen: {addresses: "127.0.0.1:0"}
stores: [{name: second.pem, file: second.pem}]
keys: [{name: second, store: second.pem}]
auth: {tokens: others}
limits: {contents: 1}
log: {level: info}
metrics: {listen: "127.0.0.1:1"}
audit: {path: audit.log}
`))
	require.NoError(t, r.Reload(t.Context()))
	require.Equal(t, http.StatusUnauthorized, r.do("GET", "/v1/keys", w.token, nil).status)
	w.id = second
	a := r.do("POST", "/v2/sign", other, strings.NewReader(w.body("one")))
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, r.do("POST", "/v2/sign", other, strings.NewReader(w.body("one", "two"))).body, "1 content", "the new limit holds")
	goOn()
	a = <-got
	require.Equal(t, http.StatusOK, a.status, "a request goes on with the key it began with: %s", a.body)
	for _, said := range []string{"audit was changed and is not taken up", "metrics was changed and is not taken up", `"msg":"the configuration was read again"`} {
		require.Contains(t, w.log.String(), said)
	}
	require.NotContains(t, w.log.String(), "listen was changed")
	require.NoError(t, r.Reload(t.Context()))
	require.Equal(t, 2, strings.Count(w.log.String(), "audit was changed"), "it is said as long as it is so")
	require.EqualValues(t, 2, testutil.ToFloat64(r.metrics.reloads.WithLabelValues("ok")))
	require.NoFileExists(t, w.path("audit.log"))
}

// TestReloadOfBrokenConfiguration: whatever is wrong, everything stays.
func TestReloadOfBrokenConfiguration(t *testing.T) {
	w := newWorld(t)
	w.serverCert("localhost")
	r := w.run("")
	good, err := os.ReadFile(w.path("signet.yaml"))
	require.NoError(t, err)
	faults := map[string]string{
		"stroes: []\n": "did you mean stores?", "{": "not YAML", "": "is empty",
		string(good) + "log: {level: loud}\n":                                                         "log.level",
		string(good) + "tls: {certificate: server.pem}\n":                                             "tls cannot be turned on or off",
		string(good) + "verify: {roots: no.pem}\n":                                                    "verify.roots",
		strings.Replace(string(good), "tokens: tokens", "tokens: signet.yaml", 1):                     "signet.yaml",
		strings.Replace(string(good), "tokens: tokens", "tokens: no", 1):                              "signet token new",
		strings.Replace(string(good), "store: seal.pem}", "store: seal.pem, certificate: no.pem}", 1): "there is no file",
	}
	for config, says := range faults {
		w.write("signet.yaml", []byte(config))
		require.ErrorContains(t, r.Reload(t.Context()), says)
		r.signs(w, w.token)
	}
	require.EqualValues(t, len(faults), testutil.ToFloat64(r.metrics.reloads.WithLabelValues("failed")))
	require.Contains(t, w.log.String(), "the service goes on as before")
	require.NoError(t, os.Remove(w.path("signet.yaml")))
	require.ErrorContains(t, r.Reload(t.Context()), "there is no file")
	w.write("signet.yaml", good)

	// A key that cannot be opened anew stays what it was, and the rest is taken up.
	w.write("seal.pem", []byte("broken"))
	require.NoError(t, r.Reload(t.Context()))
	r.signs(w, w.token)
	require.Contains(t, w.log.String(), "keys reloaded, not all of them")
}

// TestRenewedCertificate: the key file is replaced by one with a new certificate of the same key.
func TestRenewedCertificate(t *testing.T) {
	w := newWorld(t)
	r := w.run("")
	r.signs(w, w.token)
	before := sign.Thumbprint(w.id.Certificate())
	w.id = w.pki.Leaf(testpki.P256)
	w.writeKey("seal.pem", w.id)
	require.NoError(t, r.Reload(t.Context()))
	r.signs(w, w.token)
	a := r.do("POST", "/v2/sign", w.token, strings.NewReader(`{"Thumbprint":"`+before+`","Contents":["YQ=="]}`))
	require.Equal(t, http.StatusBadRequest, a.status)
}

// TestAuditFails: nothing is signed that cannot be entered, /readyz says so, and all is well again when the log is.
func TestAuditFails(t *testing.T) {
	w := newWorld(t)
	r := w.run("audit: {path: audit.log}\n")
	r.trail.mu.Lock()
	require.NoError(t, r.trail.log.Close()) // what a lost disk looks like to the server
	r.trail.mu.Unlock()
	a := r.do("POST", "/v2/sign", w.token, strings.NewReader(w.body("one")))
	require.Equal(t, http.StatusServiceUnavailable, a.status, a.body)
	require.Contains(t, a.body, "audit log")
	require.NotContains(t, a.body, `"Result"`)
	require.EqualValues(t, 1, testutil.ToFloat64(r.metrics.auditFail))
	r.health.stale()
	ready := r.do("GET", "/readyz", "", nil)
	require.Equal(t, http.StatusServiceUnavailable, ready.status)
	require.Contains(t, ready.body, `"audit":"failing"`)
	require.NotContains(t, ready.body, w.dir, "strangers do not learn paths")
	require.NoError(t, r.Reload(t.Context()))
	r.signs(w, w.token)
	require.Equal(t, http.StatusOK, r.do("GET", "/readyz", "", nil).status)
	require.NoError(t, r.end())
}
