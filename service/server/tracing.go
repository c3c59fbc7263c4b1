package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/service/gate"
)

const defaultSample = 0.01

// tracing makes spans. Nil makes none.
type tracing struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	caller   propagation.TraceContext
}

// newTracing connects to the collector when there is something to send, not now.
func newTracing(ctx context.Context, c *Tracing, log *slog.Logger) (*tracing, error) {
	if c.Endpoint == "" {
		return nil, nil
	}
	headers := map[string]string{}
	for name, secret := range c.Headers {
		value, err := secret.Read()
		if err != nil {
			return nil, fmt.Errorf("tracing.headers.%s: %w", name, err)
		}
		headers[name] = string(value.Bytes())
	}
	endpoint, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("tracing.endpoint is no address")
	}
	if strings.Trim(endpoint.Path, "/") == "" {
		endpoint.Path = "/v1/traces"
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint.String()), otlptracehttp.WithHeaders(headers))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	return traceTo(&teller{SpanExporter: exporter, log: log}, c), nil
}

func traceTo(exporter sdk.SpanExporter, c *Tracing) *tracing {
	sample, service := c.Sample, c.Service
	if sample == 0 {
		sample = defaultSample
	}
	if service == "" {
		service = "signet"
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(sample))), // callers who are known may decide
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", service))),
	)
	return &tracing{provider: provider, tracer: provider.Tracer("github.com/seed-116355fd/signet/service")}
}

// teller tells the log of traces that could not be sent, which would go to a logger of the process otherwise.
type teller struct {
	sdk.SpanExporter
	log *slog.Logger
}

func (t *teller) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := t.SpanExporter.ExportSpans(ctx, spans); err != nil {
		t.log.Warn("traces could not be sent", "spans", len(spans), "error", err.Error())
	}
	return nil
}

// begin begins the span of a request, in the trace of its caller if there is one.
func (t *tracing) begin(ctx context.Context, r *http.Request) (context.Context, trace.Span) {
	ctx = t.caller.Extract(ctx, propagation.HeaderCarrier(r.Header))
	return t.tracer.Start(ctx, r.Method+" "+endpointOf(r.URL.Path), trace.WithSpanKind(trace.SpanKindServer))
}

func endSpan(span trace.Span, o *gate.Outcome) {
	if span.IsRecording() {
		span.SetAttributes(
			attribute.Int("http.response.status_code", o.Status), attribute.String("signet.endpoint", o.Endpoint), attribute.String("signet.principal", o.Principal),
			attribute.Int("signet.contents", o.Contents), attribute.Int("signet.failed", o.Failed),
			attribute.Int64("http.request.body.size", o.In), attribute.Int64("http.response.body.size", o.Out),
		)
		if o.Status >= 500 {
			span.SetStatus(codes.Error, http.StatusText(o.Status))
		}
	}
	span.End()
}

// step makes a span of a step that has ended, when its request is traced.
func (t *tracing) step(ctx context.Context, key string, o *batch.Observation) {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return
	}
	_, span := t.tracer.Start(ctx, o.Step.String(), trace.WithTimestamp(o.Start), trace.WithAttributes(
		attribute.String("signet.key", key), attribute.Int("signet.index", o.Index), attribute.Int("signet.count", o.Count)))
	if o.Err != nil {
		span.SetAttributes(attribute.String("error.type", classes[classOf(o.Err)]))
		span.SetStatus(codes.Error, o.Err.Error())
	}
	span.End(trace.WithTimestamp(o.Start.Add(o.Took)))
}

// close sends what there is.
func (t *tracing) close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// observer is what the gate tells: metrics always, traces when there are any.
type observer struct {
	metrics *metrics
	tracing *tracing
}

func (o observer) Begin(r *http.Request, _ string) (context.Context, func(gate.Outcome)) {
	ctx, path := r.Context(), r.URL.Path
	if o.tracing == nil {
		return ctx, func(out gate.Outcome) { o.metrics.outcome(path, &out) }
	}
	ctx, span := o.tracing.begin(ctx, r)
	return ctx, func(out gate.Outcome) {
		o.metrics.outcome(path, &out)
		endSpan(span, &out)
	}
}

func (o observer) Step(ctx context.Context, key string, step batch.Observation) {
	o.metrics.step(key, &step)
	if o.tracing != nil {
		o.tracing.step(ctx, key, &step)
	}
}
