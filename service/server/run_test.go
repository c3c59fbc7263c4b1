package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/auth"
)

// TestRun goes through the life of a service: what it answers, counts, keeps and says.
func TestRun(t *testing.T) {
	w := newWorld(t)
	socket := w.path("metrics.sock")
	r := w.run("metrics: {listen: 'unix:" + socket + "'}\naudit: {path: audit.log}\n")
	require.Equal(t, http.StatusUnauthorized, r.do("POST", "/v2/sign", "", strings.NewReader("{}")).status)
	r.signs(w, w.token)
	require.Equal(t, http.StatusOK, r.do("GET", "/v1/keys", w.token, nil).status)
	require.Equal(t, http.StatusNotFound, r.do("GET", "/metrics", w.token, nil).status, "metrics have an address of their own")
	require.Contains(t, r.do("GET", "/openapi.json", "", nil).body, `"openapi"`)
	require.Contains(t, r.do("GET", "/docs", "", nil).body, "<html")
	require.Equal(t, http.StatusNotFound, r.do("GET", "/what/a/stranger/makes/up", "", nil).status)
	require.Equal(t, http.StatusOK, r.do("GET", "/healthz", "", nil).status)

	ready := r.do("GET", "/readyz", "", nil)
	require.Equal(t, http.StatusOK, ready.status)
	require.JSONEq(t, `{"status":"ready","keys":{"usable":1,"configured":1},"audit":"ok"}`, ready.body)
	require.NotContains(t, ready.body, "seal", "strangers do not learn the names of keys")
	require.Equal(t, http.StatusMethodNotAllowed, r.do("POST", "/readyz", "", nil).status)

	operator := &running{t: t, base: "http://metrics", client: unixClient(t, socket)}
	require.Contains(t, operator.do("GET", "/readyz", "", nil).body, `"name":"seal"`)
	metrics := operator.do("GET", "/metrics", "", nil).body
	for _, line := range []string{
		`signet_requests_total{class="2xx",endpoint="/v2/sign"} 1`,
		`signet_requests_total{class="4xx",endpoint="/v2/sign"} 1`,
		`signet_requests_total{class="4xx",endpoint="other"} 2`,
		`signet_request_contents_total{endpoint="/v2/sign",result="signed"} 2`,
		`signet_contents_signed_total{key="seal"} 2`,
		`signet_step_duration_seconds_count{key="seal",step="key"} 2`,
		`signet_key_ready{key="seal",store="seal.pem"} 1`,
		`signet_audit_errors_total 0`,
		`signet_requests_under_way 0`,
		`signet_contents_under_way 0`,
		`go_goroutines `, `process_open_fds `, `signet_certificate_expiry_seconds{key="seal"} `,
	} {
		require.Contains(t, metrics, line)
	}
	require.Equal(t, http.StatusNotFound, operator.do("POST", "/v2/sign", w.token, strings.NewReader("{}")).status, "nothing is signed at the address of metrics")

	require.NoError(t, r.end())
	_, err := r.try("GET", "/healthz", "", nil)
	require.Error(t, err)
	require.NoFileExists(t, socket)
	for _, said := range []string{`"msg":"listening"`, `"msg":"a key can be used"`, `"msg":"request"`, `"msg":"stopping"`, `"msg":"stopped"`} {
		require.Contains(t, w.log.String(), said)
	}
	require.NotContains(t, w.log.String(), w.token)
	log, err := os.ReadFile(w.path("audit.log"))
	require.NoError(t, err)
	require.NotContains(t, string(log), w.token)
	summary, err := audit.VerifyFiles([]string{w.path("audit.log")}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 3, summary.Records, "start, sign, stop: %s", log)
}

// slowBody gives its first part, tells that it was read, and the rest when it may.
type slowBody struct {
	parts []string
	begun chan struct{}
	goOn  chan struct{}
}

func (b *slowBody) Read(p []byte) (int, error) {
	switch len(b.parts) {
	case 0:
		return 0, io.EOF
	case 1:
		close(b.begun)
		<-b.goOn
	}
	n := copy(p, b.parts[0])
	b.parts = b.parts[1:]
	return n, nil
}

// halfRequest begins a request that ends when the test likes. One content of it was signed already.
func (r *running) halfRequest(w *world) (goOn func(), got chan answered) {
	body := w.body("one", "two")
	half := strings.Index(body, ",\"dHdv") + 1
	slow := &slowBody{[]string{body[:half], body[half:]}, make(chan struct{}), make(chan struct{})}
	got = make(chan answered, 1)
	go func() {
		a, err := r.try("POST", "/v2/sign", w.token, slow)
		if err != nil {
			a.body = err.Error()
		}
		got <- a
	}()
	<-slow.begun
	signed := r.metrics.signed.WithLabelValues("seal")
	require.Eventually(r.t, func() bool { return testutil.ToFloat64(signed) == 1 }, waitLong, tick)
	return func() { close(slow.goOn) }, got
}

func (r *running) running_() int64 { return r.Server.running.Load() }

// TestDrain stops the service while a request is under way: it is finished, and the audit log has it.
func TestDrain(t *testing.T) {
	w := newWorld(t)
	r := w.run("audit: {path: audit.log}\nmetrics: {listen: 'unix:" + w.path("m") + "'}\n")
	goOn, got := r.halfRequest(w)
	r.stop()
	operator := &running{t: t, base: "http://metrics", client: unixClient(t, w.path("m"))}
	require.Eventually(t, func() bool {
		a := operator.do("GET", "/readyz", "", nil)
		return a.status == http.StatusServiceUnavailable && strings.Contains(a.body, "stopping")
	}, waitLong, tick)
	require.Eventually(t, func() bool { _, err := net.Dial("tcp", strings.TrimPrefix(r.base, "http://")); return err != nil }, waitLong, tick, "nobody is let in any more")
	goOn()
	a := <-got
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.NoError(t, r.end())
	summary, err := audit.VerifyFiles([]string{w.path("audit.log")}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 3, summary.Records)
}

// TestDelay keeps the listener open while /readyz says no, and tells connections to end.
func TestDelay(t *testing.T) {
	w := newWorld(t)
	r := w.run("shutdown: {delay: 1s}\n")
	r.stop()
	require.Eventually(t, func() bool {
		a, err := r.try("GET", "/readyz", "", nil)
		return err == nil && a.status == http.StatusServiceUnavailable && a.closes
	}, waitLong, tick)
	require.True(t, r.signs(w, w.token).closes, "it is still answered")
	require.NoError(t, r.end())
}

// TestCut has a request that does not end within the grace.
func TestCut(t *testing.T) {
	w := newWorld(t)
	r := w.run("shutdown: {grace: 50ms}\naudit: {path: audit.log}\n")
	goOn, got := r.halfRequest(w)
	require.ErrorContains(t, r.end(), "1 requests were cut")
	goOn()
	require.NotEqual(t, http.StatusOK, (<-got).status)
	require.Zero(t, r.running_(), "handlers have returned before the audit log was closed")
	_, err := audit.VerifyFiles([]string{w.path("audit.log")}, nil)
	require.NoError(t, err)
}

// TestUnwinding has a handler that does not notice that its connection was cut: nothing is closed under it.
func TestUnwinding(t *testing.T) {
	w := newWorld(t)
	inside, goOn := make(chan struct{}), make(chan struct{})
	started := make(chan []net.Addr, 1)
	s, err := New(t.Context(), w.load("shutdown: {grace: 50ms}\n"), &Options{Output: w.log,
		Started: func(all []net.Addr) { started <- all },
		Auth: auth.Func(func(*http.Request) (*auth.Principal, error) {
			close(inside)
			<-goOn
			return nil, auth.ErrNone
		}),
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	gone := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + (<-started)[0].String() + "/v1/keys")
		if err == nil {
			_ = resp.Body.Close()
		}
		gone <- err
	}()
	<-inside
	stop()
	require.Error(t, <-gone)
	select {
	case <-stopped:
		require.FailNow(t, "the service was closed while a request was under way")
	case <-time.After(200 * time.Millisecond): // a service that does not wait is closed long before
	}
	close(goOn)
	require.ErrorContains(t, <-stopped, "were cut")
}

func TestStartFails(t *testing.T) {
	w := newWorld(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	for more, says := range map[string]string{
		"metrics: {listen: '" + taken.Addr().String() + "'}\n": "is taken by another program; end that one, or listen on another address",
		"metrics: {listen: 'unix:no/such/folder/m'}\n":         "is not there; make it",
		"metrics: {listen: '192.0.2.1:1'}\n":                   "is no address of this machine",
		"audit: {path: no/such/folder/audit.log}\n":            "the audit log",
		"audit: {path: a, key: env:SIGNET_TEST_NO_KEY}\n":      "audit.key: the variable SIGNET_TEST_NO_KEY is not set",
	} {
		require.ErrorContains(t, w.server(more).Run(t.Context()), says)
	}
	for more, says := range map[string]string{
		"verify: {roots: no.pem}\n":    "verify.roots: there is no file",
		"verify: {roots: tokens}\n":    "there is no certificate in it",
		"tls: {certificate: no.pem}\n": "tls: there is no file",
		"tls: {certificate: tokens}\n": "tls.certificate",
		"tracing: {endpoint: 'http://127.0.0.1:1', headers: {A: env:SIGNET_TEST_NO_KEY}}\n": "tracing.headers.A",
	} {
		_, err := New(t.Context(), w.load(more), &Options{Output: w.log})
		require.ErrorContains(t, err, says)
	}
	c := w.load("")
	c.Auth.Tokens = Path(w.path("no"))
	_, err = New(t.Context(), c, nil)
	require.ErrorContains(t, err, "signet token new")
	_, err = New(t.Context(), &Config{}, nil)
	require.ErrorContains(t, err, "there is no key")
}

func TestSockets(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	address := Address("unix:" + path)
	l, err := address.listen(t.Context(), "0600")
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = address.listen(t.Context(), "")
	require.ErrorContains(t, err, "is taken by another program")
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as when the program was killed
	require.NoError(t, l.Close())
	require.FileExists(t, path)
	l, err = address.listen(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	foreign, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	_, err = address.listen(t.Context(), "")
	require.Error(t, err, "a socket of another kind is somebody's")
	require.FileExists(t, path)
	require.NoError(t, foreign.Close())
	_ = os.Remove(path)
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, err = address.listen(t.Context(), "")
	require.ErrorContains(t, err, "is there and no socket")
	require.FileExists(t, path)
}

func TestLoopback(t *testing.T) {
	for address, want := range map[Address]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true, "unix:/x": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "192.0.2.1:1": false, "localhost.example:1": false, "x": false,
	} {
		require.Equal(t, want, address.Loopback(), address)
	}
}

// TestHTTPLimits: the server itself ends clients that send no header, and has no deadline for bodies.
func TestHTTPLimits(t *testing.T) {
	w := newWorld(t)
	s := w.server("")
	h := s.httpServer(s.config.Load(), s.Handler(), context.Background())
	require.Equal(t, DefaultHeader, h.ReadHeaderTimeout)
	require.GreaterOrEqual(t, h.IdleTimeout, 60*time.Second, "clients keep connections that long")
	require.Zero(t, h.ReadTimeout)
	require.Zero(t, h.WriteTimeout)
	require.False(t, h.Protocols.UnencryptedHTTP2())
	require.NoError(t, s.Close())
}
