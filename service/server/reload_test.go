package server

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/keys"
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

// TestReloadTakesANameOfTheProgram: keys of the program and of the configuration are one list.
func TestReloadTakesANameOfTheProgram(t *testing.T) {
	w := newWorld(t)
	given := keys.Key{Name: "given", Store: &keys.Store{Name: "given", Open: func(ctx context.Context) (sign.Provider, error) {
		return soft.Open(ctx, w.path("seal.pem"), soft.Config{})
	}}}
	s, err := New(t.Context(), w.load(""), &Options{Output: w.log, Keys: []keys.Key{given}})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.Len(t, s.keys.Status(t.Context()), 2)
	good, err := os.ReadFile(w.path("signet.yaml"))
	require.NoError(t, err)
	w.write("signet.yaml", []byte(strings.Replace(string(good), "name: seal,", "name: given,", 1)+"log: {level: debug}\n"))
	require.ErrorContains(t, s.Reload(t.Context()), `two keys have the name "given"`)
	require.Equal(t, slog.LevelInfo, s.level.Level())
	require.Len(t, s.keys.Status(t.Context()), 2)
}

// TestNotReady: a service starts without its key, and says what is wrong with it to those who may know.
func TestNotReady(t *testing.T) {
	w := newWorld(t)
	key, err := os.ReadFile(w.path("seal.pem"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(w.path("seal.pem")))
	r := w.run("metrics: {listen: 'unix:m'}\n")
	ready := r.do("GET", "/readyz", "", nil)
	require.Equal(t, http.StatusServiceUnavailable, ready.status)
	require.JSONEq(t, `{"status":"not ready","keys":{"usable":0,"configured":1},"audit":"off"}`, ready.body)
	require.Equal(t, http.StatusOK, r.do("GET", "/healthz", "", nil).status, "the process is there")
	operator := &running{t: t, base: "http://m", client: unixClient(t, w.path("m"))}
	require.Contains(t, operator.do("GET", "/readyz", "", nil).body, "seal.pem")
	require.Contains(t, operator.do("GET", "/metrics", "", nil).body, `signet_key_ready{key="seal",store="seal.pem"} 0`)
	w.write("seal.pem", key)
	require.NoError(t, r.Reload(t.Context()))
	require.Eventually(t, func() bool { return r.do("GET", "/readyz", "", nil).status == http.StatusOK }, waitLong, 50*tick)
	r.signs(w, w.token)
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
	require.Equal(t, http.StatusOK, r.do("GET", "/readyz", "", nil).status) // the look of the start is over: it would enter something, too
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

// TestAuditMends: a log that could not be opened is tried again by health, without a request.
func TestAuditMends(t *testing.T) {
	w := newWorld(t)
	mended := &trail{config: Audit{Path: Path(w.path("later/audit.log"))}, failures: newMetrics().auditFail}
	require.NoError(t, mended.health(t.Context()), "nothing was tried")
	require.Error(t, mended.Record(t.Context(), &audit.Record{Event: "sign"}))
	require.Error(t, mended.health(t.Context()))
	require.NoError(t, os.Mkdir(w.path("later"), 0o700))
	require.NoError(t, mended.health(t.Context()))
	require.NoError(t, mended.Record(t.Context(), &audit.Record{Event: "sign"}))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_ = mended.Record(gone, &audit.Record{Event: "sign"})
	require.NoError(t, mended.health(t.Context()), "a caller who goes away says nothing about the log")
	require.NoError(t, mended.close())
	require.ErrorContains(t, mended.Record(t.Context(), &audit.Record{Event: "sign"}), "is being stopped")
}

// TestRef: what a key says of itself goes before what the URI of its store says.
func TestRef(t *testing.T) {
	of := sign.Ref{Label: "of the URI"}
	ref, err := (&Key{ID: "01:ab"}).ref(of)
	require.NoError(t, err)
	require.Equal(t, sign.Ref{ID: []byte{1, 0xab}}, ref)
	ref, err = (&Key{}).ref(of)
	require.NoError(t, err)
	require.Equal(t, of, ref)
}

// TestReloadUnderLoad: no request fails because of reloads, whatever else they replace.
func TestReloadUnderLoad(t *testing.T) {
	w := newWorld(t)
	r := w.run("")
	body := w.body("one", "two")
	var callers sync.WaitGroup
	var failed atomic.Int64
	ended := make(chan struct{})
	for range 4 {
		callers.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				a, err := r.try("POST", "/v2/sign", w.token, strings.NewReader(body))
				if err != nil || a.status != http.StatusOK || strings.Count(a.body, `"ErrorMessage":null`) != 2 {
					failed.Add(1)
				}
			}
		})
	}
	for range 30 {
		require.NoError(t, r.Reload(t.Context()))
	}
	close(ended)
	callers.Wait()
	require.Zero(t, failed.Load())
	requests, waiting, signatures := r.state.Load().gate.Load()
	require.Equal(t, [3]int{}, [3]int{requests, waiting, signatures})
}
