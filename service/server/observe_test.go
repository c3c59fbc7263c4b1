package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// TestStepCost: steps are counted several times a content, so they allocate nothing, traced or not, unless they are sampled.
func TestStepCost(t *testing.T) {
	step := batch.Observation{Step: batch.StepKey, Count: 1, Took: time.Millisecond}
	tracing := traceTo(tracetest.NewInMemoryExporter(), &Tracing{Sample: 1e-9})
	defer func() { require.NoError(t, tracing.close(t.Context())) }()
	for _, o := range []observer{{newMetrics(), nil}, {newMetrics(), tracing}} {
		var told gate.Observer = o
		ctx := t.Context()
		told.Step(ctx, "seal", step)
		require.Zero(t, testing.AllocsPerRun(100, func() { told.Step(ctx, "seal", step) }))
	}
	m := newMetrics()
	step.Step = 99
	m.step("seal", &step) // of a batch to come
	step.Step = -1
	m.step("seal", &step)
}

func TestClasses(t *testing.T) {
	wrapped := func(err error) error { return fmt.Errorf("wrapped: %w", &sign.Error{Op: "x", Class: err}) }
	for want, err := range map[string]error{
		"pin": wrapped(sign.ErrPIN), "unavailable": wrapped(sign.ErrUnavailable), "not-found": wrapped(sign.ErrKeyNotFound),
		"unsupported": wrapped(sign.ErrUnsupported), "mismatch": wrapped(sign.ErrKeyMismatch), "input": wrapped(sign.ErrInput),
		"canceled": context.Canceled, "timeout": context.DeadlineExceeded, "other": errors.New("?"), "timestamp": wrapped(tsp.CheckTransport), "revocation": wrapped(revocation.CheckTime),
		"time": wrapped(sign.ErrTime), "trust": wrapped(sign.ErrTrust), "authority": wrapped(sign.ErrAuthority),
	} {
		require.Equal(t, want, classes[classOf(err)], "%v", err)
	}
	require.Equal(t, "not-found", classes[classOf(wrapped(sign.ErrKeyAmbiguous))])
	for status, want := range map[int]string{0: "cut", 101: "cut", 200: "2xx", 304: "3xx", 404: "4xx", 503: "5xx"} {
		require.Equal(t, want, classOfStatus(status))
	}
	for path, want := range map[string]string{"/v2/sign": "/v2/sign", "/V2/Sign/": "/v2/sign", "/": "other", "/v2/sign/x": "other"} {
		require.Equal(t, want, endpointOf(path))
	}
}

// TestMetricsOfFailures counts what went wrong, by key, step and class.
func TestMetricsOfFailures(t *testing.T) {
	m := newMetrics()
	m.step("seal", &batch.Observation{Step: batch.StepKey, Count: 3, Err: sign.ErrUnavailable})
	m.step("seal", &batch.Observation{Step: batch.StepFinish, Count: 2})
	m.outcome("/v1/sign", &gate.Outcome{Contents: 5, Failed: 3, In: 7, Out: 9})
	rec := httptest.NewRecorder()
	m.handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`signet_content_failures_total{class="unavailable",key="seal",step="key"} 3`, `signet_contents_signed_total{key="seal"} 2`,
		`signet_request_contents_total{endpoint="/v1/sign",result="failed"} 3`, `signet_request_contents_total{endpoint="/v1/sign",result="signed"} 2`,
		`signet_request_octets_total{direction="in"} 7`, `signet_request_octets_total{direction="out"} 9`,
	} {
		require.Contains(t, rec.Body.String(), line)
	}
}

// TestTraces has a caller whose trace is sampled, and one whose trace is not.
func TestTraces(t *testing.T) {
	w := newWorld(t)
	exporter := tracetest.NewInMemoryExporter()
	s := w.server("")
	s.tracing = traceTo(exporter, &Tracing{Sample: 1e-9})
	next, err := s.newState(s.config.Load())
	require.NoError(t, err)
	s.state.Store(next)
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	defer func() { require.NoError(t, s.Close()) }()
	ask := func(flags string) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/v2/sign", strings.NewReader(w.body("one", "two")))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+w.token)
		req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"+flags)
		resp, err := server.Client().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 200, resp.StatusCode)
		require.NoError(t, s.tracing.provider.ForceFlush(t.Context()))
	}
	ask("00")
	require.Empty(t, exporter.GetSpans(), "the caller has said that this is not traced")
	ask("01")
	spans := exporter.GetSpans().Snapshots()
	count := map[string]int{}
	var request sdk.ReadOnlySpan
	for _, span := range spans {
		count[span.Name()]++
		require.Equal(t, "0af7651916cd43dd8448eb211c80319c", span.SpanContext().TraceID().String())
		if span.Name() == "POST /v2/sign" {
			request = span
		}
	}
	require.Equal(t, map[string]int{"POST /v2/sign": 1, batch.StepPrepare.String(): 2, batch.StepKey.String(): 2, batch.StepFinish.String(): 2}, count)
	require.Equal(t, "b7ad6b7169203331", request.Parent().SpanID().String())
	for _, span := range spans {
		if span.Name() != "POST /v2/sign" {
			require.Equal(t, request.SpanContext().SpanID(), span.Parent().SpanID())
			require.False(t, span.StartTime().Before(request.StartTime().Add(-time.Millisecond)))
		}
		for _, a := range span.Attributes() {
			require.NotContains(t, a.Value.String(), w.token)
		}
	}
}

// TestTracesAreLost: a collector that is not there is told of in the log, and stops nothing.
func TestTracesAreLost(t *testing.T) {
	w := newWorld(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	r := w.run("tracing: {endpoint: '" + gone.URL + "', sample: 1}\n")
	r.signs(w, w.token)
	gone.Close()
	require.NoError(t, r.end())
	require.Contains(t, w.log.String(), "traces could not be sent")

	var got atomic.Value
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got.Store(r.URL.Path + " " + r.Header.Get("Authorization"))
	}))
	defer collector.Close()
	w.write("otel", []byte("Basic abc\n"))
	r = w.run("tracing: {endpoint: '" + collector.URL + "', sample: 1, headers: {Authorization: 'file:otel'}}\n")
	r.signs(w, w.token)
	require.NoError(t, r.end())
	require.Equal(t, "/v1/traces Basic abc", got.Load())
}

// TestHealthIsCached: however many ask, the keys are asked once a second, and nobody waits for a look of before.
func TestHealthIsCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		fail := atomic.Bool{}
		h := &health{draining: new(atomic.Bool), check: func(context.Context) *seen {
			looks.Add(1)
			time.Sleep(100 * time.Millisecond) // of the fake clock
			found := &seen{keys: []keys.Status{{Name: "seal"}}, trail: "off"}
			if fail.Load() {
				found.keys[0].Err = sign.ErrUnavailable
			}
			return found
		}}
		ask := func() int {
			rec := httptest.NewRecorder()
			h.serve(rec, httptest.NewRequest("GET", "/readyz", nil), false)
			return rec.Code
		}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { require.Equal(t, 200, ask()) })
		}
		all.Wait()
		require.EqualValues(t, 1, looks.Load())
		fail.Store(true)
		require.Equal(t, 200, ask())
		require.EqualValues(t, 1, looks.Load())
		time.Sleep(checkEvery)
		require.Equal(t, 503, ask())
		require.EqualValues(t, 2, looks.Load())
		h.stale()
		fail.Store(false)
		require.Equal(t, 200, ask())

		// Who does not wait gets what was found before, or that nothing is known.
		time.Sleep(checkEvery)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.True(t, h.look(ctx).ready())
		synctest.Wait()
		fresh := &health{draining: new(atomic.Bool), check: h.check}
		require.False(t, fresh.look(ctx).ready(), "what is not known is not ready")
		time.Sleep(time.Second)
	})
}

func TestReady(t *testing.T) {
	bad := keys.Status{Err: sign.ErrUnavailable}
	for _, c := range []struct {
		seen seen
		want bool
	}{
		{seen{}, false},
		{seen{keys: make([]keys.Status, 2)}, true},
		{seen{keys: []keys.Status{{}, bad}}, false},
		{seen{keys: []keys.Status{{}, bad}, any: true}, true},
		{seen{keys: []keys.Status{bad, bad}, any: true}, false},
		{seen{keys: make([]keys.Status, 2), audit: errors.New("full")}, false},
		{seen{any: true}, false},
	} {
		require.Equal(t, c.want, c.seen.ready(), "%+v", c.seen)
	}
}

func TestHTTPLog(t *testing.T) {
	j := &journal{}
	level := new(slog.LevelVar)
	log := httpLog(newLog(&Log{}, level, j))
	log.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
	require.Empty(t, j.String(), "strangers do not fill the log")
	log.Print("http: Accept error: too many open files")
	require.Contains(t, j.String(), `"level":"WARN"`)
	level.Set(slog.LevelDebug)
	log.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
	require.Contains(t, j.String(), `"level":"DEBUG"`)
	text := &journal{}
	newLog(&Log{Format: "text", Level: "error"}, level, text).Error("x")
	require.Contains(t, text.String(), "level=ERROR msg=x")
}
