package server

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// metrics are what is counted, in a registry of their own.
type metrics struct {
	registry *prometheus.Registry

	requests  *prometheus.CounterVec   // by endpoint and class of status
	took      *prometheus.HistogramVec // by endpoint
	contents  *prometheus.CounterVec   // by endpoint and result
	octets    *prometheus.CounterVec   // by direction
	steps     *prometheus.HistogramVec // by key and step
	signed    *prometheus.CounterVec   // by key
	failed    *prometheus.CounterVec   // by key, step and class
	reloads   *prometheus.CounterVec   // by result
	events    *prometheus.CounterVec   // by kind
	auditFail prometheus.Counter

	byKey sync.Map // name of a key to *keyMetrics
}

// Buckets from a tenth of a millisecond, which a vector unit needs, to what an authority in another country needs, and from
// one content to a million of them.
var (
	stepBuckets    = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	requestBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}
)

func newMetrics() *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: counter("signet_requests_total", "Requests that were answered, by endpoint and class of status.", "endpoint", "class"),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "signet_request_duration_seconds", Buckets: requestBuckets,
			Help: "Time from the header of a request to the end of its answer."}, []string{"endpoint"}),
		contents: counter("signet_request_contents_total", "Contents of requests, by endpoint and whether there is a signature.", "endpoint", "result"),
		octets:   counter("signet_request_octets_total", "Octets of bodies, after decompression, and of answers.", "direction"),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "signet_step_duration_seconds", Buckets: stepBuckets,
			Help: "Time of the steps of a content; that of the key includes waiting for it."}, []string{"key", "step"}),
		signed:    counter("signet_contents_signed_total", "Contents that were signed with a key.", "key"),
		failed:    counter("signet_content_failures_total", "Contents that failed, by key, step and class of the error.", "key", "step", "class"),
		reloads:   counter("signet_reloads_total", "Reloads of the configuration, by result.", "result"),
		events:    counter("signet_events_total", "What happened to tokens and authorities, by kind; the log says to which.", "kind"),
		auditFail: prometheus.NewCounter(prometheus.CounterOpts{Name: "signet_audit_errors_total", Help: "Entries that could not be made in the audit log."}),
	}
	m.registry.MustRegister(m.requests, m.took, m.contents, m.octets, m.steps, m.signed, m.failed, m.reloads, m.events, m.auditFail,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, result := range []string{"ok", "failed"} {
		m.reloads.WithLabelValues(result) // so that there is a 0 before the first
	}
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 20 * time.Second})
}

// keyMetrics are those of one key: the labels are looked up once, not for each step.
type keyMetrics struct {
	took   [batch.StepRaise + 1]prometheus.Observer
	signed prometheus.Counter
}

func (m *metrics) of(key string) *keyMetrics {
	if k, ok := m.byKey.Load(key); ok {
		return k.(*keyMetrics)
	}
	k := &keyMetrics{signed: m.signed.WithLabelValues(key)}
	for step := range k.took {
		k.took[step] = m.steps.WithLabelValues(key, stepName(batch.Step(step)))
	}
	all, _ := m.byKey.LoadOrStore(key, k)
	return all.(*keyMetrics)
}

func stepName(s batch.Step) string { return strings.ToLower(s.String()) }

// step counts one step. There is no allocation in it unless the step failed: it is called several times for each content.
func (m *metrics) step(key string, o *batch.Observation) {
	k := m.of(key)
	if o.Step < 0 || int(o.Step) >= len(k.took) {
		return
	}
	k.took[o.Step].Observe(o.Took.Seconds())
	switch {
	case o.Err != nil:
		m.failed.WithLabelValues(key, stepName(o.Step), classes[classOf(o.Err)]).Add(float64(o.Count))
	case o.Step == batch.StepFinish:
		k.signed.Add(float64(o.Count))
	}
}

// request counts one request that was answered, let in or not.
func (m *metrics) request(path string, status int, took time.Duration) {
	endpoint := endpointOf(path)
	m.requests.WithLabelValues(endpoint, classOfStatus(status)).Inc()
	m.took.WithLabelValues(endpoint).Observe(took.Seconds())
}

// outcome counts what was in a request that was let in.
func (m *metrics) outcome(path string, o *gate.Outcome) {
	endpoint := endpointOf(path)
	m.octets.WithLabelValues("in").Add(float64(o.In))
	m.octets.WithLabelValues("out").Add(float64(o.Out))
	if o.Contents > 0 {
		m.contents.WithLabelValues(endpoint, "signed").Add(float64(o.Contents - o.Failed))
		m.contents.WithLabelValues(endpoint, "failed").Add(float64(o.Failed))
	}
}

// endpoints are the paths that have metrics of their own; those of strangers would be without number.
var endpoints = [...]string{
	"/v2/sign", "/v2/certificates", "/certificates/metadata", "/v3/validate",
	"/v1/sign", "/v1/extend", "/v1/verify", "/v1/keys", "/healthz", "/readyz", "/openapi.json", "/docs",
}

func endpointOf(path string) string {
	path = strings.TrimSuffix(path, "/")
	for _, e := range endpoints {
		if strings.EqualFold(e, path) {
			return e
		}
	}
	return "other"
}

func classOfStatus(status int) string {
	switch {
	case status < 200:
		return "cut" // the connection was cut before there was a status, or the client went away
	case status < 300:
		return "2xx"
	case status < 400:
		return "3xx"
	case status < 500:
		return "4xx"
	}
	return "5xx"
}

// Classes of errors, as values of a label.
const (
	classOther = iota
	classCanceled
	classTimeout
	classPIN
	classUnavailable
	classNotFound
	classUnsupported
	classMismatch
	classInput
	classTimestamp
	classRevocation
	classTime
	classTrust
	classAuthority
)

var classes = [...]string{"other", "canceled", "timeout", "pin", "unavailable", "not-found", "unsupported", "mismatch", "input", "timestamp", "revocation", "time", "trust", "authority"}

func classOf(err error) int {
	var (
		stamp tsp.Check
		value revocation.Check
	)
	switch {
	case errors.Is(err, context.Canceled):
		return classCanceled
	case errors.As(err, &stamp):
		return classTimestamp
	case errors.As(err, &value), errors.Is(err, sign.ErrRevocation):
		return classRevocation
	case errors.Is(err, sign.ErrTime):
		return classTime
	case errors.Is(err, sign.ErrTrust):
		return classTrust
	case errors.Is(err, sign.ErrAuthority):
		return classAuthority
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return classTimeout
	case errors.Is(err, sign.ErrPIN):
		return classPIN
	case errors.Is(err, sign.ErrUnavailable):
		return classUnavailable
	case errors.Is(err, sign.ErrKeyNotFound), errors.Is(err, sign.ErrKeyAmbiguous):
		return classNotFound
	case errors.Is(err, sign.ErrUnsupported):
		return classUnsupported
	case errors.Is(err, sign.ErrKeyMismatch):
		return classMismatch
	case errors.Is(err, sign.ErrInput):
		return classInput
	}
	return classOther
}
