package socketiotrace

// From process to process: the W3C's trace context, which servers get with messages and others with HTTP requests.

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const traceparent = "traceparent"

// one is a carrier with a traceparent and nothing else: a tracestate has no place in messages between servers.
type one string

func (c *one) Get(key string) string {
	if key == traceparent {
		return string(*c)
	}
	return ""
}

func (c *one) Set(key, value string) {
	if key == traceparent {
		*c = one(value)
	}
}

func (c *one) Keys() []string { return []string{traceparent} }

// Carry implements socketio.Tracer. What is not recorded is not carried either.
func (t *Traces) Carry(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	var c one
	propagation.TraceContext{}.Inject(ctx, &c)
	return string(c)
}

// Arrived implements socketio.Tracer: a span of the other server's trace. What carried says is read strictly, and what
// makes no sense begins no span.
func (t *Traces) Arrived(ns *socketio.Namespace, operation, carried string) (done func()) {
	c := one(carried)
	ctx := propagation.TraceContext{}.Extract(context.Background(), &c)
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return func() {}
	}
	_, span := t.tracer.Start(ctx, operation, trace.WithSpanKind(trace.SpanKindConsumer))
	if span.IsRecording() {
		namespace, _ := t.known.Load().of(ns.Name(), "")
		span.SetAttributes(system, semconv.MessagingOperationTypeProcess, semconv.MessagingOperationName(operation),
			semconv.MessagingDestinationName(namespace))
	}
	return func() { span.End() }
}

// Do makes an HTTP request as a child of what its context carries, and tells the other side (traceparent, tracestate).
// send sends it: http.Client.Do, say. The span, whose name is given, has no more of the URL than host and port.
func (t *Traces) Do(
	name string, r *http.Request, send func(*http.Request) (*http.Response, error),
) (*http.Response, error) {
	if t == nil {
		return send(r)
	}
	ctx, span := t.Request(r.Context(), name, r.Method, r.URL)
	r = r.Clone(ctx)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(r.Header))
	response, err := send(r)
	if err != nil {
		span.End(0, err)
	} else {
		span.End(response.StatusCode, nil)
	}
	return response, err
}

// A Request is the span of an HTTP request, for who has no http.Request of it. Its methods may be called on nil.
type Request struct {
	span trace.Span
	ctx  context.Context
}

// Request begins the span of a request as a child of what ctx carries. On nil it returns ctx and nil.
func (t *Traces) Request(ctx context.Context, name, method string, to *url.URL) (context.Context, *Request) {
	if t == nil {
		return ctx, nil
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient))
	if span.IsRecording() {
		span.SetAttributes(semconv.HTTPRequestMethodKey.String(method), semconv.ServerAddress(to.Hostname()))
		if port, err := strconv.Atoi(to.Port()); err == nil {
			span.SetAttributes(semconv.ServerPort(port))
		}
	}
	return ctx, &Request{span, ctx}
}

// Headers are those by which the other side knows the trace, names and values.
func (r *Request) Headers() [][2]string {
	if r == nil {
		return nil
	}
	var list [][2]string
	carrier := make(propagation.MapCarrier, 2)
	propagation.TraceContext{}.Inject(r.ctx, carrier)
	for name, value := range carrier {
		list = append(list, [2]string{name, value})
	}
	return list
}

// End ends the span with the status of the answer, or the error where there was none.
func (r *Request) End(status int, err error) {
	if r == nil {
		return
	}
	defer r.span.End()
	fail(r.span, err)
	if err != nil {
		return
	}
	r.span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if status >= http.StatusBadRequest {
		r.span.SetStatus(codes.Error, "")
		r.span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(status)))
	}
}
