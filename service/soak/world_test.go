//go:build cgo && unix

package soak

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/internal/softhsmtest"
)

const (
	// patience is how long the test waits for something that another process has to do.
	patience = 60 * time.Second
	tick     = 20 * time.Millisecond
	// sessions of each token, at most.
	sessionLimit = 4
	password     = "a password"
)

// recoverTime is how long calls wait for a token that is out: the "recover" of the configuration.
func recoverTime() time.Duration { return min(max(*duration/20, time.Second), 3*time.Second) }

// world is a service as a process, with its keys, and what the clients have to know of it.
type world struct {
	t       *testing.T
	dir     string
	pki     *testpki.PKI
	signet  string // the program
	process *exec.Cmd
	ended   chan error
	base    string // https://…
	address string
	metrics *http.Client
	token   string
	roots   *x509.CertPool // of TLS
	single  *removable
	group   [2]*removable
	judge   *judge
	client  *http.Client // of the operator
	tokens  sync.Mutex   // between PIN files and tokens of groups, in the short form
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// write replaces a file as one, as careful operators do.
func (w *world) write(name string, data []byte) {
	require.NoError(w.t, os.WriteFile(w.path(name+".new"), data, 0o600))
	require.NoError(w.t, os.Rename(w.path(name+".new"), w.path(name)))
}

const config = `
listen: {addresses: ["127.0.0.1:0"], idle: 6s, header: 3s}
tls: {certificate: server.pem}
metrics: {listen: "unix:metrics.sock"}
stores:
  - {name: file, file: seal.p12, password: "file:seal.pass"}
  - {name: whole, file: whole.pem}
  - {name: single, token: "%s", pin: "file:single.pin", certificates: issuers.pem, sessions: %d, recover: %s}
  - {name: group, token: ["%s", "%s"], pin: "file:group.pin", certificates: issuers.pem, sessions: %d, recover: %s}
keys:
  - {name: file, store: file}
  - {name: whole, store: whole, attached: true}
  - {name: single, store: single, label: seal}
  - {name: group, store: group, label: seal}
auth: {tokens: tokens}
verify: {roots: root.pem}
limits: {idle: 3s}
audit: {path: audit.log, key: "file:audit.key", max-size: %s}
shutdown: {grace: 20s}
log: {level: %s}
`

func (w *world) config(level string) []byte {
	size := "4MiB"
	if brief() {
		size = "256KiB"
	}
	return fmt.Appendf(nil, config, w.single.uri(), sessionLimit, recoverTime(), w.group[0].uri(), w.group[1].uri(), sessionLimit, recoverTime(), size, level)
}

func newWorld(t *testing.T, race bool) *world {
	t.Helper()
	// Not in t.TempDir, whose name is too long for some and which hides the log when the test fails.
	dir, err := os.MkdirTemp("", "signet-soak-")
	require.NoError(t, err)
	w := &world{t: t, dir: dir, pki: testpki.New(t), ended: make(chan error, 1), roots: x509.NewCertPool()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log, keys and audit log of the service are in %s", dir)
		} else {
			_ = os.RemoveAll(dir)
		}
	})
	single, pair, whole := w.pki.Leaf(testpki.RSA2048), w.pki.Leaf(testpki.P256), w.pki.Leaf(testpki.P256)
	w.single = newRemovable(t, dir, single)
	w.group = [2]*removable{newRemovable(t, dir, pair), newRemovable(t, dir, pair)}
	w.judge = newJudge(w, map[string]*x509.Certificate{"single": single.Certificate(), "group": pair.Certificate(), "whole": whole.Certificate()})
	w.write("whole.pem", append(testpki.KeyPEM(t, whole.Key), testpki.CertPEM(whole.Chain...)...))
	w.newSeal(false)
	w.judge.settled()
	w.roots.AddCert(w.pki.Root.Certificate())
	w.newServerCertificate()
	w.write("seal.pass", []byte(password+"\n"))
	w.write("single.pin", []byte(pin+"\n"))
	w.write("group.pin", []byte(pin+"\n"))
	w.write("issuers.pem", testpki.CertPEM(w.pki.Authority.Certificate()))
	w.write("root.pem", testpki.CertPEM(w.pki.Root.Certificate()))
	random := make([]byte, 48)
	_, _ = rand.Read(random)
	w.write("audit.key", []byte(base64.StdEncoding.EncodeToString(random)+"\n"))
	w.write("signet.yaml", w.config("info"))
	text, _, err := auth.AddToken(w.path("tokens"), auth.Token{Name: "soak", Keys: []string{"*"}, Endpoints: []string{"*"}, Created: time.Now()})
	require.NoError(t, err)
	w.token = string(text.Bytes())

	w.signet = w.path("signet")
	args := []string{"build", "-o", w.signet}
	if race {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, ".")...)
	build.Dir = filepath.Join("..", "..", "cmd", "signet")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	w.client = w.newClient(false)
	w.metrics = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", w.path("metrics.sock"))
	}}}
	w.start()
	return w
}

// newSeal puts a new certificate into the PKCS #12 file, of the key that is there or of another one.
func (w *world) newSeal(sameKey bool) {
	id := w.pki.Leaf(testpki.P256)
	if sameKey {
		old := w.judge.seal()
		id = w.pki.LeafOf(old.Key, "Signet test renewed")
	}
	data, err := pkcs12.Modern.Encode(id.Key, id.Chain[0], id.Chain[1:], password)
	require.NoError(w.t, err)
	w.judge.renewed(id) // before the service can see it
	w.write("seal.p12", data)
}

func (w *world) newServerCertificate() {
	id := w.pki.Leaf(testpki.P256, func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
		c.KeyUsage, c.ExtKeyUsage, c.UnknownExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, nil
	})
	w.write("server.pem", append(testpki.KeyPEM(w.t, id.Key), testpki.CertPEM(id.Chain...)...))
}

func (w *world) newClient(two bool) *http.Client {
	transport := &http.Transport{TLSClientConfig: w.tls(), IdleConnTimeout: 2 * time.Second, ForceAttemptHTTP2: two} // less than the service's
	if !two {
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	return &http.Client{Transport: transport, Timeout: patience}
}

func (w *world) tls() *tls.Config { return &tls.Config{RootCAs: w.roots, ServerName: "localhost"} }

var listening = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)

func (w *world) start() {
	log, err := os.Create(w.path("log"))
	require.NoError(w.t, err)
	// The clients need the other processor, and people who use this machine both.
	w.process = exec.Command(softhsmtest.Find(w.t, "coreutils", "nice"), "-n", "5", w.signet, "serve", "--config", w.path("signet.yaml"))
	w.process.Env = append(os.Environ(), "SOFTHSM2_CONF="+w.path("softhsm2.conf"), "GORACE=halt_on_error=1")
	w.process.Stdout, w.process.Stderr = log, log
	require.NoError(w.t, w.process.Start())
	require.NoError(w.t, log.Close())
	go func() { w.ended <- w.process.Wait() }()
	w.t.Cleanup(func() {
		_ = w.process.Process.Kill()
		w.ended <- <-w.ended
	})
	require.Eventually(w.t, func() bool {
		data, _ := os.ReadFile(w.path("log"))
		if m := listening.FindSubmatch(data); m != nil {
			w.address = string(m[1])
			w.base = "https://" + w.address
		}
		return w.base != ""
	}, patience, tick, "it does not listen")
	require.Eventually(w.t, func() bool {
		status, _ := w.get("/readyz")
		return status == http.StatusOK
	}, patience, tick, "it is not ready")
	// A line for each request of an hour is of no use; that the level is taken up is.
	w.write("signet.yaml", w.config("warn"))
	w.reload("ok")
}

func (w *world) get(path string) (int, string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(data)
}

// figures are the metrics, by name and labels as they stand in the text.
type figures map[string]float64

// sum adds up all that begin with a name.
func (f figures) sum(prefix string) float64 {
	sum := 0.0
	for name, v := range f {
		if strings.HasPrefix(name, prefix) && (len(name) == len(prefix) || strings.HasSuffix(prefix, "{") || name[len(prefix)] == '{') {
			sum += v
		}
	}
	return sum
}

// stores adds up a state of signet_store_sessions.
func (f figures) stores(state string) float64 {
	sum := 0.0
	for name, v := range f {
		if strings.HasPrefix(name, "signet_store_sessions{") && strings.Contains(name, `state="`+state+`"`) {
			sum += v
		}
	}
	return sum
}

func (w *world) figures() (figures, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://metrics/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := w.metrics.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	f := figures{}
	for line := range strings.Lines(string(data)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if at := strings.LastIndex(line, "} "); at >= 0 {
			name, value = line[:at+1], strings.TrimSpace(line[at+2:])
		}
		if v, err := strconv.ParseFloat(value, 64); ok && !strings.HasPrefix(line, "#") && err == nil && !math.IsNaN(v) {
			f[name] = v
		}
	}
	return f, nil
}

// mustFigures may be called from any goroutine; what it cannot read is a fault.
func (w *world) mustFigures() figures {
	f, err := w.figures()
	if err != nil {
		w.judge.fault("metrics cannot be read: %v", err)
	}
	return f
}

// reload sends SIGHUP, and waits until the configuration was read again with this result.
func (w *world) reload(result string) {
	name := `signet_reloads_total{result="` + result + `"}`
	before := w.mustFigures()[name]
	if err := w.process.Process.Signal(syscall.SIGHUP); err != nil {
		w.judge.fault("SIGHUP: %v", err)
	}
	w.eventually(func() bool { return w.mustFigures()[name] > before }, "SIGHUP does not end as "+result)
}

// eventually waits for what another process has to do, from any goroutine; a failure ends the soak.
func (w *world) eventually(f func() bool, what string) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(tick) {
		if f() {
			return true
		}
	}
	w.judge.fault("%s", what)
	return false
}

// stop ends the service as its operator does.
func (w *world) stop() {
	require.NoError(w.t, w.process.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-w.ended:
		w.ended <- err
		log, _ := os.ReadFile(w.path("log"))
		require.NoError(w.t, err, "%s", log[max(0, len(log)-4000):])
		require.False(w.t, bytes.Contains(log, []byte(`"msg":"panic"`)), "there was a panic: %s", w.path("log"))
	case <-time.After(patience):
		require.FailNow(w.t, "the service does not stop")
	}
}
