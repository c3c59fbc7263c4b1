package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cmd/signet/internal/cli"
	"github.com/seed-116355fd/signet/internal/testpki"
)

const serveWait = 30 * time.Second

// served is a service as a process.
type served struct {
	t        *testing.T
	cmd      *exec.Cmd
	mu       sync.Mutex
	out, err bytes.Buffer
	ended    chan error
	base     string
}

var listening = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)

// serve starts the program and waits until it listens.
func (w *world) serve(t *testing.T, program string, args ...string) *served {
	t.Helper()
	if runtime.GOOS == "windows" {
		w.t.Skip("there are no such signals there")
	}
	s := &served{t: t, ended: make(chan error, 1)}
	s.cmd, _, _ = w.command(program, append([]string{"serve"}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = &lockedWriter{&s.mu, &s.out}, &lockedWriter{&s.mu, &s.err}
	require.NoError(w.t, s.cmd.Start())
	go func() { s.ended <- s.cmd.Wait() }()
	w.t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		err := <-s.ended
		s.ended <- err
	})
	require.Eventually(w.t, func() bool {
		m := listening.FindStringSubmatch(s.stderr())
		if m != nil {
			s.base = "http://" + m[1]
		}
		return m != nil
	}, serveWait, 5*time.Millisecond, "it does not listen")
	return s
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (s *served) stdout() string { s.mu.Lock(); defer s.mu.Unlock(); return s.out.String() }
func (s *served) stderr() string { s.mu.Lock(); defer s.mu.Unlock(); return s.err.String() }

// says waits until standard error has a text.
func (s *served) says(text string) {
	s.t.Helper()
	if !assertEventually(func() bool { return strings.Contains(s.stderr(), text) }) {
		require.FailNow(s.t, "it does not say", "%q is not in:\n%s", text, s.stderr())
	}
}

func assertEventually(f func() bool) bool {
	for end := time.Now().Add(serveWait); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if f() {
			return true
		}
	}
	return f()
}

func (s *served) signal(sig os.Signal) { require.NoError(s.t, s.cmd.Process.Signal(sig)) }

// end waits for the end of the program.
func (s *served) end() int {
	s.t.Helper()
	select {
	case err := <-s.ended:
		s.ended <- err
		return exitCode(s.t, err)
	case <-time.After(serveWait):
		require.FailNow(s.t, "it does not end", s.stderr())
		return 0
	}
}

func (s *served) do(method, path, token string, body io.Reader) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, s.base+path, body)
	require.NoError(s.t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return resp.StatusCode, string(data)
}

var tokenText = regexp.MustCompile(`signet_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}`)

// TestServeDemo is what somebody sees who has nothing configured: a token once, and a line that works when it is pasted.
func TestServeDemo(t *testing.T) {
	signet := program(t)
	w := newWorld(t)
	s := w.serve(t, signet, "--key", "demo", "--listen", "127.0.0.1:0")
	require.True(t, assertEventually(func() bool { return strings.Contains(s.stdout(), "Contents") }))
	token := tokenText.FindString(s.stdout())
	require.NotEmpty(t, token, s.stdout())
	require.NotContains(t, s.stderr(), token)
	require.Equal(t, 2, strings.Count(s.stdout(), token))

	sh := needs(t, "sh", "a shell")
	needs(t, "curl", "curl")
	for line := range strings.Lines(s.stdout()) {
		if strings.Contains(line, "curl") {
			cmd, stdout, stderr := w.command(sh, "-c", line)
			require.NoError(t, cmd.Run(), stderr)
			require.Contains(t, stdout.String(), `"ErrorMessage":null`)
			var result string
			_, err := fmt.Sscanf(stdout.String(), `[{"Result":%q`, &result)
			require.NoError(t, err)
			der, err := base64.StdEncoding.DecodeString(result)
			require.NoError(t, err)
			w.write("hello", "hello")
			w.write("hello.p7s", string(der))
			require.Equal(t, cli.ExitOK, w.run("verify", "--trust", "demo", "@hello.p7s").code)
		}
	}
	status, metrics := s.do("GET", "/metrics", "", nil)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, metrics, `signet_contents_signed_total{key="demo"} 1`)
	status, _ = s.do("GET", "/readyz", "", nil)
	require.Equal(t, http.StatusOK, status)
	w.raisesDemo(s, token)
	s.signal(syscall.SIGHUP)
	s.says("the configuration was read again")
	status, keys := s.do("GET", "/v1/keys", token, nil)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, keys, `"demo"`)
	s.signal(syscall.SIGTERM)
	require.Equal(t, cli.ExitOK, s.end(), s.stderr())

	// Only the hash of the token is kept, and where others cannot read it.
	require.NoError(t, filepath.WalkDir(w.env["XDG_STATE_HOME"], func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NotContains(t, string(data), token[len(token)-40:], path)
		}
		return err
	}))
	s = w.serve(t, signet, "--key", "demo", "--listen", "unix:"+w.path("s"))
	s.says("the token was printed at the first start; make another one with: ")
	require.Empty(t, s.stdout())
	_, command, _ := strings.Cut(s.stderr(), "make another one with: signet ")
	command, _, _ = strings.Cut(command, "\n")
	cmd, stdout, stderr := w.command(sh, "-c", signet+" "+command)
	require.NoError(t, cmd.Run(), stderr)
	another := strings.TrimSpace(stdout.String())
	require.True(t, assertEventually(func() bool { // a new token is noticed within a second
		cmd, stdout, stderr = w.command("curl", "-s", "--unix-socket", w.path("s"), "-H", "Authorization: Bearer "+another, "http://localhost/v1/keys")
		require.NoError(t, cmd.Run(), stderr)
		return strings.Contains(stdout.String(), `"demo"`)
	}), "%s", stdout)
	s.signal(os.Interrupt)
	require.Equal(t, cli.ExitOK, s.end(), s.stderr())
}

// raisesDemo raises what the demo key signed to the highest level, which the service then finds valid.
func (w *world) raisesDemo(s *served, token string) {
	w.t.Helper()
	der, err := os.ReadFile(w.path("hello.p7s"))
	require.NoError(w.t, err)
	body, err := json.Marshal(map[string]any{"key": "demo", "level": "lta", "signature": der, "content": []byte("hello")})
	require.NoError(w.t, err)
	status, answer := s.do("POST", "/v1/extend", token, bytes.NewReader(body))
	require.Equal(w.t, http.StatusOK, status, answer)
	var raised struct {
		Signature []byte
		Level     string
	}
	require.NoError(w.t, json.Unmarshal([]byte(answer), &raised))
	require.Equal(w.t, "CAdES-LTA", raised.Level)
	for path, body := range map[string]any{
		"/v3/validate": map[string]any{"Signature": raised.Signature, "Content": []byte("hello")},
		"/v1/verify":   map[string]any{"signature": raised.Signature, "content": []byte("hello")},
	} {
		data, err := json.Marshal(body)
		require.NoError(w.t, err)
		status, answer = s.do("POST", path, token, bytes.NewReader(data))
		require.Equal(w.t, http.StatusOK, status, answer)
		require.Contains(w.t, strings.ToLower(answer), `"verdict":"passed"`)
		require.Contains(w.t, answer, "leads to a trusted root")
	}
}

// TestServeTokenLost: a token that nobody saw is none, and the next start makes another.
func TestServeTokenLost(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("SKIPPED: there is no /dev/full here")
	}
	defer func() { _ = full.Close() }()
	signet := program(t)
	w := newWorld(t)
	cmd, _, stderr := w.command(signet, "serve", "--key", "demo", "--listen", "127.0.0.1:0")
	cmd.Stdout = full
	require.Equal(t, cli.ExitFailed, exitCode(t, cmd.Run()))
	require.Contains(t, stderr.String(), "signet: standard output: ")
	require.NotRegexp(t, tokenText, stderr.String())
	s := w.serve(t, signet, "--key", "demo", "--listen", "127.0.0.1:0")
	require.True(t, assertEventually(func() bool { return tokenText.MatchString(s.stdout()) }))
}

// TestServeKey serves a file with a password; a token for the demo key is not good for it.
func TestServeKey(t *testing.T) {
	signet := program(t)
	w := newWorld(t)
	w.write("seal.pass", password)
	w.writeP12("seal.p12", password, w.id)
	demo := w.serve(t, signet, "--key", "demo", "--listen", "127.0.0.1:0")
	require.True(t, assertEventually(func() bool { return tokenText.MatchString(demo.stdout()) }))
	s := w.serve(t, signet, "--key", "seal.p12", "--password-file", "seal.pass", "--listen", "127.0.0.1:0")
	require.True(t, assertEventually(func() bool { return tokenText.MatchString(s.stdout()) }))
	token := tokenText.FindString(s.stdout())
	require.Contains(t, s.stdout(), fmt.Sprintf("%X", sha1.Sum(w.id.Certificate().Raw)))
	status, _ := s.do("GET", "/v1/keys", token, nil)
	require.Equal(t, http.StatusOK, status)
	status, _ = s.do("GET", "/v1/keys", tokenText.FindString(demo.stdout()), nil)
	require.Equal(t, http.StatusUnauthorized, status)
	status, _ = s.do("GET", "/metrics", "", nil)
	require.Equal(t, http.StatusNotFound, status, "metrics are for the demo")

	address := strings.TrimPrefix(s.base, "http://")
	cmd, _, stderr := w.command(signet, "serve", "--key", "demo", "--listen", address)
	require.Equal(t, cli.ExitFailed, exitCode(t, cmd.Run()))
	require.Contains(t, stderr.String(), "signet: "+address+" is taken by another program; end that one, or listen on another address\n")

	open := w.serve(t, signet, "--key", "demo", "--listen", "0.0.0.0:0")
	open.says("others reach this address")
}

// config writes a configuration that works.
func (w *world) config(more string) {
	w.t.Helper()
	w.write("signet.yaml", "listen: {addresses: '127.0.0.1:0'}\nstores: [{name: s, file: key.pem}]\nkeys: [{name: seal, store: s}]\nauth: {tokens: tokens}\n"+more)
}

// TestServeConfiguration goes through the life of a configured service.
func TestServeConfiguration(t *testing.T) {
	signet := program(t)
	w := newWorld(t)
	w.config("audit: {path: audit.log}\n")
	made := w.run("token", "new", "--file", "@tokens", "--name", "tester", "--keys", "seal")
	require.Equal(t, cli.ExitOK, made.code, made.stderr)
	token := strings.TrimSpace(made.stdout)

	checked := w.run("serve", "--config", "@signet.yaml", "--check", "--sign")
	require.Equal(t, cli.ExitOK, checked.code, "%s%s", checked.stdout, checked.stderr)
	require.Contains(t, checked.stdout, "ok       key seal: ")
	require.Contains(t, checked.stdout, "octets was made in")
	require.Contains(t, checked.stdout, "all well\n")
	require.NoError(t, os.Chmod(w.path("key.pem"), 0o644))
	checked = w.run("serve", "--config", "@signet.yaml", "--check")
	require.Equal(t, cli.ExitOK, checked.code)
	require.Contains(t, checked.stdout, "it works, with 1 warning\n")
	require.NotContains(t, checked.stdout, "all well")
	require.NoError(t, os.Chmod(w.path("key.pem"), 0o600))

	s := w.serve(t, signet, "--config", "signet.yaml")
	body := fmt.Sprintf(`{"Thumbprint":"%X","Contents":["aGVsbG8="]}`, sha1.Sum(w.id.Certificate().Raw))
	status, answer := s.do("POST", "/v2/sign", token, strings.NewReader(body))
	require.Equal(t, http.StatusOK, status, answer)
	require.Empty(t, s.stdout())

	// A broken configuration changes nothing, a good one does.
	w.config("lgo: {}\n")
	s.signal(syscall.SIGHUP)
	s.says("did you mean log?")
	status, _ = s.do("GET", "/v1/keys", token, nil)
	require.Equal(t, http.StatusOK, status)
	w.config("audit: {path: audit.log}\nlog: {level: debug}\n")
	s.signal(syscall.SIGHUP)
	s.says("the configuration was read again")
	s.says(`"msg":"keys reloaded"`)

	// A request that was let in is finished, and nobody else is let in.
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "POST /v2/sign HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", token, len(body))
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue")
	_, err = r.ReadString('\n')
	require.NoError(t, err)
	s.signal(syscall.SIGTERM)
	s.says(`"msg":"stopping","requests":1`)
	_, err = io.WriteString(conn, body)
	require.NoError(t, err)
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.True(t, resp.Close)
	require.Equal(t, cli.ExitOK, s.end(), s.stderr())
	require.Contains(t, s.stderr(), `"msg":"stopped"`)
	audited := w.run("audit", "verify", "@audit.log")
	require.Equal(t, cli.ExitOK, audited.code, audited.stderr)
}

// TestServeSecondSignal ends at once what does not want to end.
func TestServeSecondSignal(t *testing.T) {
	signet := program(t)
	w := newWorld(t)
	w.config("")
	token := strings.TrimSpace(w.run("token", "new", "--file", "@tokens", "--name", "tester", "--keys", "seal").stdout)
	s := w.serve(t, signet, "--config", "signet.yaml")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "POST /v2/sign HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n", token)
	require.NoError(t, err)
	_, err = bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	s.signal(os.Interrupt)
	s.says(`"msg":"stopping","requests":1`)
	s.signal(os.Interrupt)
	err = <-s.ended
	s.ended <- err
	state := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, state.Signaled() && state.Signal() == syscall.SIGINT, "%v", err)
}

// TestServeCheck: every fault of a configuration is told at once, and the exit code says what kind it is.
func TestServeCheck(t *testing.T) {
	w := newWorld(t)
	w.write("bad.yaml", "lisen: {}\nlimits: {body: x}\nkeys: [{name: a, stroe: b}]\nstores: [{name: s, file: x, password: hunter2}]\n")
	bad := w.run("serve", "--config", "@bad.yaml", "--check")
	require.Equal(t, cli.ExitUsage, bad.code)
	for _, said := range []string{
		`bad.yaml:1: "lisen" is not known at the top; did you mean listen?`, `bad.yaml:2: limits.body: "x" is no size`,
		`bad.yaml:3: "stroe" is not known in keys[0]; did you mean store?`, `bad.yaml:4: stores[0].password: a secret does not stand`,
	} {
		require.Contains(t, bad.stderr, said)
	}
	require.Equal(t, 5, strings.Count(bad.stderr, "\n"), bad.stderr)
	require.Contains(t, bad.stderr, "docs/service.md describes the configuration\n")
	one := w.run("serve", "--config", "@no.yaml")
	require.Contains(t, one.stderr, "(see docs/service.md)\n")
	require.NotContains(t, one.stderr, "--help)")
	require.NotContains(t, bad.stderr, "hunter2")

	require.Equal(t, cli.ExitOK, w.run("token", "new", "--file", "@tokens", "--name", "tester", "--keys", "seal").code)
	w.config("audit: {path: no/audit.log}\n")
	out := w.run("serve", "--config", "@signet.yaml", "--check")
	require.Equal(t, cli.ExitFailed, out.code)
	require.Contains(t, out.stdout, "failed   audit: ")
	require.NotContains(t, out.stdout, "all well")
	w.write("key.pem", "no key")
	out = w.run("serve", "--config", "@signet.yaml", "--check")
	require.Equal(t, cli.ExitKey, out.code)
	require.Contains(t, out.stdout, "failed   key seal: cannot be used: ")
	out = w.run("serve", "--key", "demo", "--check")
	require.Equal(t, cli.ExitOK, out.code, "%s%s", out.stdout, out.stderr)
	require.NotRegexp(t, tokenText, out.stdout, "no token is made")
}

func TestServeWrongUse(t *testing.T) {
	w := newWorld(t)
	w.writeP12("seal.p12", password, w.pki.Leaf(testpki.P256))
	w.write("wrong.pass", "wrong")
	w.config("")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, cli.ExitUsage, "what is to be served? Give --config FILE, or --key KEY, or --key demo"},
		{[]string{"demo"}, cli.ExitUsage, "serve takes no arguments"},
		{[]string{"--key", "demo", "--config", "@signet.yaml"}, cli.ExitUsage, "leave one out"},
		{[]string{"--config", "@signet.yaml", "--listen", ":1"}, cli.ExitUsage, "--listen goes with --key"},
		{[]string{"--key", "demo", "--sign"}, cli.ExitUsage, "--sign goes with --check"},
		{[]string{"--key", "demo", "--listen", "8080"}, cli.ExitUsage, "is no address; write HOST:PORT"},
		{[]string{"--key", "demo", "--listen", "unix:" + w.path("no/such/s")}, cli.ExitFailed, "is not there; make it"},
		{[]string{"--key", "demo", "--listen", "unix:@s"}, cli.ExitUsage, "is a name that everybody"},
		{[]string{"--config", "@no.yaml"}, cli.ExitUsage, "there is no file"},
		{[]string{"--config", "@signet.yaml"}, cli.ExitUsage, "signet token new"},
		{[]string{"--key", "@no.p12"}, cli.ExitKey, "there is no key file"},
		{[]string{"--key", "@seal.p12"}, cli.ExitKey, "--password-file"},
		{[]string{"--key", "@seal.p12", "--password-file", "@wrong.pass"}, cli.ExitKey, "password"},
		{[]string{"--key", "@key.pem", "--cert", "label:nobody"}, cli.ExitKey, "nobody"},
		{[]string{"--key", "pkcs11:tokn=a"}, cli.ExitUsage, "tokn"},
		{[]string{"--key", "pkcs11:token=a?module-path=/no/such.so&pin-value=hunter2"}, cli.ExitKey, "/no/such.so"},
	} {
		out := w.run(append([]string{"serve"}, c.args...)...)
		require.Equal(t, c.code, out.code, "%v: %s", c.args, out.stderr)
		require.Contains(t, out.stderr, c.says)
		require.NotContains(t, out.stderr, "hunter2")
		require.NotRegexp(t, tokenText, out.stdout, "a service that does not start shows no token")
	}
	delete(w.env, "XDG_STATE_HOME")
	out := w.run("serve", "--key", "@key.pem")
	require.Equal(t, cli.ExitFailed, out.code)
	require.Contains(t, out.stderr, "neither HOME nor XDG_STATE_HOME is set")
}
