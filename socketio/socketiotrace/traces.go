// Package socketiotrace follows what a server's clients cause with OpenTelemetry: a span for each event's handling, for
// what other servers are told and asked meanwhile, and for the HTTP requests that handlers make.
//
//	opts := socketio.Options{}
//	traces := socketiotrace.Instrument(&opts, socketiotrace.Options{Provider: provider})
//	io := socketio.NewServer(opts)
//	io.On(...)
//	traces.Watch(io) // when the handlers are set, and before the first client comes
//
// The context of a handler (Event.Context, the first argument of typed handlers) carries its span. What a span says is
// bounded: no payloads, no errors' texts, no data of a socket, and no names that clients have made up.
//
// A trace begins with an event. What a client says of a trace of its own is not looked at: anybody could have every
// event recorded.
//
// A server without this package has no OpenTelemetry in its build.
package socketiotrace

import (
	"context"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Options configure Traces.
type Options struct {
	// Provider makes the spans.
	Provider trace.TracerProvider
}

// scope names this package as the maker of its spans.
const scope = "github.com/brunossouza/websocket-escalonavel/socketio/socketiotrace"

// Traces are a socketio.Tracer. Its methods may be called from any goroutine. Those that a program calls (Watch,
// Connect, Do) may be called on nil, and trace nothing then.
type Traces struct {
	tracer trace.Tracer
	known  atomic.Pointer[names]
	events []trace.SpanStartOption // of each event's span; made once
}

// Instrument has the server that is made with opts be followed.
func Instrument(opts *socketio.Options, o Options) *Traces {
	t := &Traces{tracer: o.Provider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))}
	t.events = []trace.SpanStartOption{trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer)}
	t.known.Store(new(names))
	opts.Tracer = t
	return t
}

// Watch learns the names that spans may have: the events that io's namespaces have handlers for, and further ones in
// all namespaces. Other events are "other", as clients choose what they send; so is a namespace that is not there yet.
func (t *Traces) Watch(io *socketio.Server, further ...string) {
	if t == nil {
		return
	}
	t.known.Store(newNames(io.Namespaces(), further))
}

// The attributes for which OpenTelemetry's conventions have no name.
const (
	socketKey    = attribute.Key("socketio.socket.id")
	transportKey = attribute.Key("socketio.transport")
	ackKey       = attribute.Key("socketio.ack")
)

// system is what messaging.system is.
var system = semconv.MessagingSystemKey.String("socketio")

// Handle implements socketio.Tracer: the span of an event, whose name is the event's.
func (t *Traces) Handle(ctx context.Context, e *socketio.Event, next func(context.Context) error) error {
	namespace, event := t.known.Load().of(e.Socket().Namespace().Name(), e.Name())
	ctx, span := t.tracer.Start(ctx, event, t.events...)
	defer span.End() // also where a handler ends its goroutine
	if span.IsRecording() {
		span.SetAttributes(append(ofSocket(e.Socket(), namespace),
			semconv.MessagingOperationTypeProcess, semconv.MessagingOperationName(event),
			semconv.MessagingMessageBodySize(e.Size()), ackKey.Bool(e.WantsAck()))...)
	}
	err := next(ctx)
	fail(span, err)
	return err
}

// Connect runs what a middleware (Namespace.Use) does for a new socket in a span, "connect", whose context it gets.
func (t *Traces) Connect(ctx context.Context, s *socketio.Socket, f func(context.Context) error) error {
	if t == nil {
		return f(ctx)
	}
	const name = "connect"
	namespace, _ := t.known.Load().of(s.Namespace().Name(), "")
	ctx, span := t.tracer.Start(ctx, name, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	if span.IsRecording() {
		span.SetAttributes(append(ofSocket(s, namespace), semconv.MessagingOperationName(name))...)
	}
	err := f(ctx)
	fail(span, err)
	return err
}

// Failed says in the span of ctx what has gone wrong, where no error says so that a handler returns. errorType is one
// of few.
func (t *Traces) Failed(ctx context.Context, errorType string) {
	if t == nil {
		return
	}
	span := trace.SpanFromContext(ctx)
	span.SetStatus(codes.Error, "")
	span.SetAttributes(semconv.ErrorTypeKey.String(errorType))
}

// ofSocket are the attributes of what concerns a socket.
func ofSocket(s *socketio.Socket, namespace string) []attribute.KeyValue {
	attrs := append(make([]attribute.KeyValue, 0, 9), system, semconv.MessagingDestinationName(namespace),
		transportKey.String(s.Transport()))
	// A socket of Socket.IO 2 has its session's id, by which anybody could use the session.
	if !strings.HasSuffix(s.ID(), s.SessionID()) {
		attrs = append(attrs, socketKey.String(s.ID()))
	}
	return attrs
}

// fail says in a span that what it stands for has failed, and with which type of error. What the error says may be
// a client's own words.
func fail(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorType(err))
	}
}
