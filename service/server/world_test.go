package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/sign"
)

// waitLong is how long a test waits for something that another goroutine or the system has to do.
const (
	waitLong = 20 * time.Second
	tick     = 2 * time.Millisecond
)

// world is a folder with a key, a token, and a configuration.
type world struct {
	t     testing.TB
	dir   string
	pki   *testpki.PKI
	id    testpki.Identity
	token string
	log   *journal
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), pki: testpki.New(t), log: &journal{}}
	w.id = w.pki.Leaf(testpki.P256)
	w.writeKey("seal.pem", w.id)
	w.token = w.newToken("tokens", "tester", "*")
	return w
}

// path turns a name in the folder into a path.
func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name string, content []byte) string {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(w.path(name), content, 0o600))
	return w.path(name)
}

func (w *world) writeKey(name string, id testpki.Identity) string {
	w.t.Helper()
	return w.write(name, append(testpki.KeyPEM(w.t, id.Key), testpki.CertPEM(id.Chain...)...))
}

func (w *world) newToken(file, name string, keys ...string) string {
	w.t.Helper()
	text, _, err := auth.AddToken(w.path(file), auth.Token{Name: name, Keys: keys, Endpoints: []string{"*"}, Created: time.Now()})
	require.NoError(w.t, err)
	return string(text.Bytes())
}

// config is one that works, with more behind it.
func (w *world) config(more string) string {
	w.t.Helper()
	return w.write("signet.yaml", []byte(`
listen: {addresses: ["127.0.0.1:0"]}
stores: [{name: seal.pem, file: seal.pem}]
keys: [{name: seal, store: seal.pem}]
auth: {tokens: tokens}
`+more))
}

func (w *world) load(more string) *Config {
	w.t.Helper()
	c, err := Load(w.config(more))
	require.NoError(w.t, err)
	return c
}

func (w *world) server(more string) *Server {
	w.t.Helper()
	s, err := New(w.t.Context(), w.load(more), &Options{Output: w.log})
	require.NoError(w.t, err)
	return s
}

// running is a server that runs.
type running struct {
	*Server
	t       testing.TB
	base    string // http://HOST:PORT
	client  *http.Client
	stop    func()
	stopped chan error
}

// run starts a server, which is stopped at the end of the test.
func (w *world) run(more string) *running { w.t.Helper(); return w.runConfig(w.load(more)) }

func (w *world) runConfig(c *Config) *running {
	w.t.Helper()
	started := make(chan []net.Addr, 1)
	s, err := New(w.t.Context(), c, &Options{Output: w.log, Started: func(all []net.Addr) { started <- all }})
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(w.t.Context())
	r := &running{Server: s, t: w.t, client: &http.Client{Transport: &http.Transport{}}, stop: cancel, stopped: make(chan error, 1)}
	go func() { r.stopped <- s.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		select {
		case err := <-r.stopped:
			r.stopped <- err
		case <-time.After(waitLong):
			w.t.Error("the server does not stop")
		}
		r.client.CloseIdleConnections()
	})
	select {
	case all := <-started:
		r.base = "http://" + all[0].String()
	case err := <-r.stopped:
		require.FailNow(w.t, "it did not start", "%v", err)
	}
	return r
}

// end stops the server and returns what Run did.
func (r *running) end() error {
	r.t.Helper()
	r.stop()
	select {
	case err := <-r.stopped:
		r.stopped <- err // for the cleanup
		return err
	case <-time.After(waitLong):
		require.FailNow(r.t, "it does not stop")
		return nil
	}
}

// over makes the client trust a root and use HTTP/2.
func (r *running) over(root *x509.Certificate, certificate *tls.Certificate) *running {
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}
	config.RootCAs.AddCert(root)
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	with := *r
	with.client = &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}
	r.t.Cleanup(with.client.CloseIdleConnections)
	with.base = strings.Replace(r.base, "http://", "https://", 1)
	return &with
}

type answered struct {
	status int
	header http.Header
	body   string
	proto  string
	closes bool // the connection
}

func (r *running) do(method, path, token string, body io.Reader) answered {
	r.t.Helper()
	a, err := r.try(method, path, token, body)
	require.NoError(r.t, err)
	return a
}

func (r *running) try(method, path, token string, body io.Reader) (answered, error) {
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.base+path, body)
	if err != nil {
		return answered{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return answered{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return answered{resp.StatusCode, resp.Header, string(data), resp.Proto, resp.Close}, err
}

// body of POST /v2/sign.
func (w *world) body(contents ...string) string {
	for i := range contents {
		contents[i] = base64.StdEncoding.EncodeToString([]byte(contents[i]))
	}
	data, err := json.Marshal(struct {
		Thumbprint string
		Contents   []string
	}{sign.Thumbprint(w.id.Certificate()), contents})
	require.NoError(w.t, err)
	return string(data)
}

// signs asks for two signatures, and gets them.
func (r *running) signs(w *world, token string) answered {
	r.t.Helper()
	a := r.do(http.MethodPost, "/v2/sign", token, strings.NewReader(w.body("one", "two")))
	require.Equal(r.t, http.StatusOK, a.status, a.body)
	require.Equal(r.t, 2, strings.Count(a.body, `"ErrorMessage":null`), a.body)
	return a
}

// unixClient speaks to a socket.
func unixClient(t testing.TB, path string) *http.Client {
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// journal is a log that can be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// serverCert makes a certificate for localhost.
func (w *world) serverCert(names ...string) (file string, id testpki.Identity) {
	w.t.Helper()
	id = w.pki.Leaf(testpki.P256, func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = names, []net.IP{net.IPv4(127, 0, 0, 1)}
		c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		c.UnknownExtKeyUsage = nil
	})
	return w.writeKey("server.pem", id), id
}
