package gate_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/gate"
)

// callers know each other by the header Caller.
func callers(r *http.Request) (*auth.Principal, error) {
	switch name := r.Header.Get("Caller"); name {
	case "":
		return nil, auth.ErrNone
	case "thief":
		return nil, fmt.Errorf("token 123: %w", auth.ErrRefused)
	case "unknown":
		return nil, errors.New("the issuer does not answer")
	case "nil":
		return nil, nil
	case "clerk":
		return &auth.Principal{Name: name, Endpoints: []string{"other"}}, nil
	default:
		return &auth.Principal{Name: name, Keys: []string{"*"}, Endpoints: []string{"*"}}, nil
	}
}

// world is a server without a network, so that its time-outs are tried in no time.
type world struct {
	t     *testing.T
	conns chan net.Conn
	log   lockedBuffer
	gate  *gate.Gate
}

func newWorld(t *testing.T, c gate.Config, f func(*gate.Call) error) *world {
	t.Helper()
	w := &world{t: t, conns: make(chan net.Conn)}
	c.Auth = auth.Func(callers)
	c.Log = slog.New(slog.NewJSONHandler(&w.log, nil))
	var err error
	w.gate, err = gate.New(c)
	require.NoError(t, err)
	server := &http.Server{Handler: w.gate.Handle("try", f), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(w)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
		time.Sleep(time.Minute) // of the bubble: net/http waits before it closes some connections
	})
	return w
}

func (w *world) Accept() (net.Conn, error) {
	c, ok := <-w.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (w *world) Close() error   { close(w.conns); return nil }
func (w *world) Addr() net.Addr { return &net.TCPAddr{} }

func (w *world) dial() net.Conn {
	client, server := net.Pipe()
	w.conns <- server
	w.t.Cleanup(func() { _ = client.Close() })
	return client
}

// do sends a request over a connection of its own.
func (w *world) do(r *http.Request) *answer {
	w.t.Helper()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return w.dial(), nil }, DisableKeepAlives: true, DisableCompression: true}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	require.NoError(w.t, err)
	return w.read(response)
}

type answer struct {
	*http.Response
	body   string
	object struct{ RequestId, Path, Method, Message, Details string }
	err    error // of reading it
}

func (w *world) read(r *http.Response) *answer {
	w.t.Helper()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	a := &answer{Response: r, body: string(body), err: err}
	if r.StatusCode >= 400 {
		require.NoError(w.t, json.Unmarshal(body, &a.object), a.body)
		require.Equal(w.t, r.Header.Get("X-Request-Id"), a.object.RequestId)
		require.NotEmpty(w.t, a.object.Message)
	}
	require.Regexp(w.t, `^[0-9A-V]{13}:[0-9A-F]{8}$`, r.Header.Get("X-Request-Id"))
	return a
}

func request(caller string, body io.Reader) *http.Request {
	r, _ := http.NewRequest(http.MethodPost, "http://service/v2/try", body)
	if caller != "" {
		r.Header.Set("Caller", caller)
	}
	return r
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func echo(c *gate.Call) error {
	data, err := io.ReadAll(c.Body())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, len(data))
}

func TestNobodyByDefault(t *testing.T) {
	_, err := gate.New(gate.Config{})
	require.ErrorContains(t, err, "nobody could call")
}

// TestWho tells those who call wrongly, and the log why.
func TestWho(t *testing.T) {
	for caller, want := range map[string]int{"": 401, "nil": 401, "thief": 401, "unknown": 503, "clerk": 403, "boss": 200} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, gate.Config{}, echo)
			a := w.do(request(caller, strings.NewReader("12345")))
			require.Equal(t, want, a.StatusCode, a.body)
			require.Equal(t, want == 401, a.Header.Get("WWW-Authenticate") != "")
			require.Equal(t, want == 503, a.Header.Get("Retry-After") != "")
			if want != 200 {
				require.Equal(t, "/v2/try", a.object.Path)
				require.Equal(t, "POST", a.object.Method)
				require.NotContains(t, a.body, "123")
				require.NotContains(t, a.body, "issuer")
			}
			synctest.Wait()
			require.Contains(t, w.log.String(), a.Header.Get("X-Request-Id"))
			require.Contains(t, w.log.String(), fmt.Sprintf(`"status":%d`, want))
			require.Equal(t, 1, strings.Count(w.log.String(), "\n"), "one line a request")
		})
	}
}

// TestErrors gives each error its status, and tells the caller of none what is for the operator.
func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		text   string
	}{
		"ours":     {&gate.Error{Status: 418, Message: "no coffee", Err: errors.New("secret cause")}, 418, "no coffee"},
		"bad":      {gate.Bad("field %s", "A"), 400, "field A"},
		"wrapped":  {fmt.Errorf("while: %w", gate.TooLarge("too much")), 413, "too much"},
		"internal": {errors.New("secret cause"), 500, "its log says why"},
		"panic":    {nil, 500, "its log says why"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, gate.Config{}, func(*gate.Call) error {
				if c.err == nil {
					panic("secret cause")
				}
				return c.err
			})
			a := w.do(request("boss", nil))
			require.Equal(t, c.status, a.StatusCode, name)
			require.Contains(t, a.object.Message, c.text, name)
			require.NotContains(t, a.body, "secret", name)
			synctest.Wait()
			require.Equal(t, name != "bad" && name != "wrapped", strings.Contains(w.log.String(), "secret cause"), name)
		})
	}
}

// TestRefuse tells those who call what is not there, and the log, without asking who they are or reading what they send.
func TestRefuse(t *testing.T) {
	var log lockedBuffer
	g, err := gate.New(gate.Config{Auth: auth.Func(callers), Log: slog.New(slog.NewJSONHandler(&log, nil))})
	require.NoError(t, err)
	ids := map[string]bool{}
	for range 2 {
		w := httptest.NewRecorder()
		g.Refuse(w, httptest.NewRequest(http.MethodPost, "/nothing", iotest.ErrReader(errors.New("it was read"))), http.StatusNotFound, "nothing here")
		var o map[string]string
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &o))
		require.Equal(t, map[string]string{"RequestId": w.Header().Get("X-Request-Id"), "Path": "/nothing", "Method": "POST", "Message": "nothing here", "Details": "Api.RoutingException: nothing here"}, o)
		require.Equal(t, 404, w.Code)
		require.Contains(t, log.String(), o["RequestId"])
		ids[o["RequestId"]] = true
	}
	require.Len(t, ids, 2)
	require.NotContains(t, log.String(), "it was read")
}

// TestCut does not let a half be taken for the whole.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, gate.Config{}, func(c *gate.Call) error {
			_, err := c.Write([]byte("[1,2"))
			if err == nil {
				err = c.Flush()
			}
			return errors.Join(err, errors.New("failed"))
		})
		a := w.do(request("boss", nil))
		require.Equal(t, 200, a.StatusCode)
		require.Error(t, a.err)
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, gate.Config{}, func(c *gate.Call) error {
			_, err := c.Write([]byte("[1,2]"))
			return errors.Join(err, gate.Told(errors.New("some failed")))
		})
		a := w.do(request("boss", nil))
		require.NoError(t, a.err)
		require.Equal(t, "[1,2]", a.body)
		synctest.Wait()
		require.Contains(t, w.log.String(), "some failed")
	})
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data)
	_ = z.Close()
	return b.Bytes()
}

// TestBody bounds it in every form, and takes it as it is up to there.
func TestBody(t *testing.T) {
	const most = 3 << 20
	random := make([]byte, most+1)
	for i := range random {
		random[i] = byte(i * i >> 3)
	}
	noise := bytes.Repeat([]byte("abcdefghijklmnopqrstuvwxyz0123456789"), 40)
	for name, c := range map[string]struct {
		body     []byte
		encoding string
		chunked  bool
		status   int
		text     string
	}{
		"empty":            {nil, "", false, 200, "0"},
		"whole":            {random[:most], "", false, 200, fmt.Sprint(most)},
		"whole, chunked":   {random[:most], "", true, 200, fmt.Sprint(most)},
		"larger":           {random, "", false, 413, "larger than 3 MiB"},
		"larger, chunked":  {random, "", true, 413, "larger than 3 MiB"},
		"identity":         {noise, "identity", false, 200, fmt.Sprint(len(noise))},
		"gzip":             {gzipped(noise), "gzip", false, 200, fmt.Sprint(len(noise))},
		"GZIP":             {gzipped(noise), "GZip", false, 200, fmt.Sprint(len(noise))},
		"a bomb":           {gzipped(make([]byte, 2<<20)), "gzip", false, 413, "100-fold"},
		"a bomb in a bomb": {gzipped(gzipped(make([]byte, 64<<20))), "gzip", false, 200, ""},
		"not gzip":         {noise, "gzip", false, 400, "is not gzip"},
		"gzip, cut":        {gzipped(noise)[:40], "gzip", false, 400, "broken"},
		"brotli":           {noise, "br", false, 415, "compressed in a way"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, gate.Config{Limits: gate.Limits{Body: most}}, echo)
				var body io.Reader = bytes.NewReader(c.body)
				if c.chunked {
					body = iotest.HalfReader(struct{ io.Reader }{body})
				}
				r := request("boss", body)
				if c.encoding != "" {
					r.Header.Set("Content-Encoding", c.encoding)
				}
				a := w.do(r)
				require.Equal(t, c.status, a.StatusCode, a.body)
				require.Contains(t, a.body, c.text)
			})
		})
	}
}

// TestPlaces bounds requests: of one caller by 429, of all by 503 after a while, and gives the places back.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		w := newWorld(t, gate.Config{Limits: gate.Limits{Requests: 3, PerCaller: 2, Waiting: 1, Wait: 5 * time.Second}}, func(c *gate.Call) error {
			<-leave
			return nil
		})
		var wg sync.WaitGroup
		var mu sync.Mutex
		statuses := map[string][]int{}
		call := func(caller string) {
			wg.Go(func() {
				a := w.do(request(caller, nil))
				mu.Lock()
				defer mu.Unlock()
				statuses[caller] = append(statuses[caller], a.StatusCode)
				if a.StatusCode != 200 {
					require.NotEmpty(t, a.Header.Get("Retry-After"))
				}
			})
			synctest.Wait()
		}
		call("a")
		call("a")
		call("a") // one too many of a
		call("b")
		call("b") // waits, and in vain
		call("c") // finds that enough wait
		requests, waiting, _ := w.gate.Load()
		require.Equal(t, []int{3, 1}, []int{requests, waiting})
		time.Sleep(6 * time.Second)
		call("b") // waits, and gets in: the one in vain does not count any more
		close(leave)
		wg.Wait()
		require.Equal(t, map[string][]int{"a": {429, 200, 200}, "b": {503, 200, 200}, "c": {503}}, statuses)
		requests, waiting, _ = w.gate.Load()
		require.Zero(t, requests+waiting)
	})
}

type fakeAudit struct {
	records []audit.Record
	err     error
}

func (f *fakeAudit) Record(_ context.Context, r *audit.Record) error {
	f.records = append(f.records, *r)
	return f.err
}

type fakeObserver struct {
	begun, ended int
	last         gate.Outcome
	steps        []string
}

type traced struct{}

func (f *fakeObserver) Begin(r *http.Request, _ string) (context.Context, func(gate.Outcome)) {
	f.begun++
	return context.WithValue(r.Context(), traced{}, "yes"), func(o gate.Outcome) { f.ended, f.last = f.ended+1, o }
}

func (f *fakeObserver) Step(ctx context.Context, key string, step batch.Observation) {
	f.steps = append(f.steps, fmt.Sprint(ctx.Value(traced{}), key, step.Step))
}

// TestRecords tells the audit log and the observer who did what, and hands out nothing that could not be recorded.
func TestRecords(t *testing.T) {
	for _, fails := range []error{nil, errors.New("disk full")} {
		synctest.Test(t, func(t *testing.T) {
			log, seen := &fakeAudit{err: fails}, &fakeObserver{}
			w := newWorld(t, gate.Config{Audit: log, Observer: seen}, func(c *gate.Call) error {
				c.Contents, c.Failed = 3, 1
				c.Observer("seal").Observe(c.Context(), batch.Observation{Step: batch.StepKey})
				require.True(t, c.Audited())
				if err := c.Record(&audit.Record{Event: "sign"}); err != nil {
					return err
				}
				return c.JSON(200, "signed")
			})
			a := w.do(request("boss", strings.NewReader("12345")))
			synctest.Wait()
			require.Equal(t, []string{"yessealkey"}, seen.steps)
			require.Equal(t, 1, seen.ended)
			require.Equal(t, 3, seen.last.Contents)
			require.Equal(t, "boss", seen.last.Principal)
			require.Len(t, log.records, 1)
			require.Equal(t, "boss", log.records[0].Principal)
			require.Equal(t, "POST /v2/try", log.records[0].Endpoint)
			require.Equal(t, a.Header.Get("X-Request-Id"), log.records[0].RequestID)
			if fails == nil {
				require.Equal(t, 200, a.StatusCode)
				return
			}
			require.Equal(t, 503, a.StatusCode)
			require.NotContains(t, a.body, "signed")
			require.NotContains(t, a.body, "disk full")
			require.ErrorIs(t, seen.last.Err, fails)
		})
	}
}

// TestGone tells a handler that the client has gone.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noticed := make(chan struct{})
		w := newWorld(t, gate.Config{}, func(c *gate.Call) error {
			_, _ = io.ReadAll(c.Body())
			<-c.Context().Done()
			close(noticed)
			return c.Context().Err()
		})
		conn := w.dial()
		_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: service\r\nCaller: boss\r\nContent-Length: 3\r\n\r\nabc")
		require.NoError(t, err)
		synctest.Wait()
		_ = conn.Close()
		<-noticed
		synctest.Wait()
		require.Contains(t, w.log.String(), `"status":499`)
	})
}
