package socketiotrace

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

// What an event pays for its span, up to the queue of who exports it.
func BenchmarkHandle(b *testing.B) {
	for name, sampler := range map[string]trace.Sampler{
		"recorded": trace.AlwaysSample(), "not sampled": trace.NeverSample(),
	} {
		b.Run(name, func(b *testing.B) {
			var opts socketio.Options
			t := Instrument(&opts, Options{Provider: trace.NewTracerProvider(trace.WithSampler(sampler))})
			srv := socketiotest.New(b, opts)
			events := make(chan *socketio.Event, 1)
			srv.On("say", func(e *socketio.Event) error { events <- e; return nil })
			t.Watch(srv.Server)
			srv.Connect(b).Emit("say", "hello")
			e, next := <-events, func(context.Context) error { return nil }
			b.ReportAllocs()
			for b.Loop() {
				if err := t.Handle(context.Background(), e, next); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
