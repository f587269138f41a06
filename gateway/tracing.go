package gateway

// Traces: the exporter that takes spans to a collector, which may be slow or away, and what the gateway makes of
// package socketiotrace. Without OTEL_ variables there is none of it.

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/brunossouza/websocket-escalonavel/internal/logthrottle"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotrace"
)

// traces are what a gateway that traces has. Its methods may be called on nil.
type traces struct {
	*socketiotrace.Traces
	exporter *exporter
	provider *sdktrace.TracerProvider
}

// traceEvents has the server tell a collector what its events cause, where the configuration names one.
func (g *Gateway) traceEvents(opts *socketio.Options) error {
	to := g.cfg.tracing.url()
	if to == "" {
		return nil
	}
	target, err := url.Parse(to)
	if err != nil {
		return err
	}
	otlp, err := otlptrace.New(context.Background(), newOTLPClient(&g.cfg.tracing))
	if err != nil {
		return err
	}
	throttled := logthrottle.New(g.log.Handler(), 1)
	sink := &exporter{to: otlp, name: target.Redacted(), throttle: throttled, log: slog.New(throttled)}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(sink),
		sdktrace.WithSampler(samplers[g.cfg.tracing.sampler](g.cfg.tracing.ratio)),
		sdktrace.WithResource(resource.NewWithAttributes(semconv.SchemaURL, g.cfg.tracing.named(
			semconv.ServiceName(defaultService), semconv.ServiceVersion(g.cfg.Version),
			semconv.HostName(g.hostname))...)),
	)
	g.traces = &traces{
		Traces:   socketiotrace.Instrument(opts, socketiotrace.Options{Provider: provider}),
		exporter: sink, provider: provider,
	}
	g.log.Info("tracing", "collector", sink.name)
	return nil
}

// defaultService is the name of the service where the environment has none.
const defaultService = "gateway"

// followed are the traces for a service; nil traces nothing.
func (t *traces) followed() *socketiotrace.Traces {
	if t == nil {
		return nil
	}
	return t.Traces
}

// stopTracing is how long a node that stops tries to hand over the last spans.
const stopTracing = 2 * time.Second

// close hands over what the collector has not got yet, for at most stopTracing.
func (t *traces) close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTracing)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // the exporter says what goes wrong
	t.exporter.throttle.Flush()
	if ctx.Err() != nil {
		t.exporter.log.Warn("stopped with spans that the collector has not taken", "collector", t.exporter.name)
		_ = t.exporter.to.Shutdown(ctx) // cuts the request that is under way
	}
}

// An exporter takes batches of spans to the collector, counts them, and says so where that fails. The batches' queue
// before it is bounded (OTEL_BSP_MAX_QUEUE_SIZE, 2,048 spans): what finds it full is dropped, and nobody waits.
type exporter struct {
	to       sdktrace.SpanExporter
	name     string // of the collector, without secrets
	log      *slog.Logger
	throttle *logthrottle.Handler

	exported, failed atomic.Int64
}

// ExportSpans implements sdktrace.SpanExporter. It returns no error: the library's handler of errors is a process' own
// and logs each.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.to.ExportSpans(ctx, spans)
	if err == nil {
		e.exported.Add(int64(len(spans)))
		return nil
	}
	failed := int64(len(spans))
	if rejected := new(rejectedError); errors.As(err, &rejected) {
		failed = min(max(rejected.spans, 0), failed)
		e.exported.Add(int64(len(spans)) - failed)
	}
	e.log.Warn("spans not exported", "collector", e.name, "error", clip(err.Error(), maxLoggedError),
		"failed_total", e.failed.Add(failed))
	return nil
}

// maxLoggedError is how many bytes a log line shows of an error that may have a collector's answer in it.
const maxLoggedError = 300

// Shutdown implements sdktrace.SpanExporter.
func (e *exporter) Shutdown(ctx context.Context) error { return e.to.Shutdown(ctx) }
