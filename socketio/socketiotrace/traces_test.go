package socketiotrace_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotrace"
)

func instrumented(t *testing.T, sampler sdktrace.Sampler) (*socketiotest.Server, *socketiotrace.Traces, func() []string,
) {
	t.Helper()
	kept := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept), sdktrace.WithSampler(sampler))
	var opts socketio.Options
	traces := socketiotrace.Instrument(&opts, socketiotrace.Options{Provider: provider})
	srv := socketiotest.New(t, opts)
	return srv, traces, func() (names []string) {
		for _, span := range kept.GetSpans() {
			if span.Name != socketiotest.SettleEvent {
				names = append(names, span.Name)
			}
		}
		return names
	}
}

// A name that a client has made up is in no span: neither an event's nor a namespace's.
func TestClientsMakeNoNames(t *testing.T) {
	srv, traces, names := instrumented(t, sdktrace.AlwaysSample())
	srv.On("say", func(*socketio.Event) error { return nil })
	srv.OnAny(func(*socketio.Event) error { return nil })
	traces.Watch(srv.Server, "further")
	c := srv.Connect(t)
	for _, event := range []string{"say", "further", "evil 1", "evil 2"} {
		c.Emit(event)
	}
	srv.Settle(t)
	got := strings.Join(names(), ",")
	if want := "say,further,other,other"; !strings.HasPrefix(got, want) || strings.Contains(got, "evil") {
		t.Errorf("the spans are %s, want %s", got, want)
	}
}

// What is not sampled is carried nowhere, and costs no span.
func TestWhatIsNotSampledIsNotCarried(t *testing.T) {
	srv, traces, names := instrumented(t, sdktrace.NeverSample())
	carried := make(chan string, 1)
	srv.On("say", func(e *socketio.Event) error { carried <- traces.Carry(e.Context()); return nil })
	traces.Watch(srv.Server)
	srv.Connect(t).Emit("say")
	if got := <-carried; got != "" || len(names()) > 0 {
		t.Errorf("carried %q, spans %q", got, names())
	}
}

// What another server says is read strictly: it begins no span that is not of a trace.
func TestWhatArrivesIsReadStrictly(t *testing.T) {
	srv, traces, names := instrumented(t, sdktrace.AlwaysSample())
	const valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, carried := range []string{
		"", "x", strings.Repeat("0", 1<<20), strings.ToUpper(valid), valid + valid, "00" + valid[2:len(valid)-1] + "0",
		"ff" + valid[2:], "00-" + strings.Repeat("0", 32) + valid[35:],
	} {
		traces.Arrived(srv.Of("/"), "deliver", carried)()
	}
	if len(names()) > 0 {
		t.Errorf("spans %q", names())
	}
	traces.Arrived(srv.Of("/"), "deliver", valid)()
	if len(names()) != 1 {
		t.Errorf("spans %q", names())
	}
}

// A program calls the same where nothing is traced.
func TestNilTracesNothing(t *testing.T) {
	var traces *socketiotrace.Traces
	traces.Watch(nil)
	failed := errors.New("failed")
	f := func(ctx context.Context) error {
		if trace.SpanContextFromContext(ctx).IsValid() {
			t.Error("there is a span")
		}
		return failed
	}
	if err := traces.Connect(t.Context(), nil, f); !errors.Is(err, failed) {
		t.Error(err)
	}
	ctx, request := traces.Request(t.Context(), "POST", "POST", nil)
	if ctx != t.Context() || request.Headers() != nil {
		t.Errorf("a request gets %v and %v", ctx, request.Headers())
	}
	request.End(200, nil)
	traces.Failed(t.Context(), "any")
	r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	_, err := traces.Do("POST", r, func(sent *http.Request) (*http.Response, error) {
		if sent != r || len(sent.Header) > 0 {
			t.Errorf("what is sent is %v", sent)
		}
		return nil, failed
	})
	if !errors.Is(err, failed) {
		t.Error(err)
	}
}

// A handler that panics ends its span too, with an error.
func TestAPanicEndsTheSpan(t *testing.T) {
	srv, traces, names := instrumented(t, sdktrace.AlwaysSample())
	srv.On("say", func(*socketio.Event) error { panic("at the disco") })
	traces.Watch(srv.Server)
	c := srv.Connect(t)
	c.EmitWithAck("say") // which is answered with an error
	srv.Settle(t)
	if got := names(); len(got) == 0 || got[0] != "say" {
		t.Errorf("spans %q", got)
	}
}
