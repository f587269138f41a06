package gateway

import (
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// What the hot path pays for the histograms, for each event and for each broadcast.
func BenchmarkHistograms(b *testing.B) {
	h := newHistograms()
	srv := socketio.NewServer(socketio.Options{})
	srv.On("say", func(*socketio.Event) error { return nil })
	h.name(srv.Namespaces(), nil)
	ns := srv.Of("/")
	b.Run("event", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.event(ns, "say", time.Millisecond)
		}
	})
	b.Run("broadcast", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.broadcast(ns, 1000)
		}
	})
}
