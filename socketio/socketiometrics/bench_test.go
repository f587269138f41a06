package socketiometrics

import (
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// What the hot path pays for the histograms, for each event and for each broadcast.
func BenchmarkHistograms(b *testing.B) {
	var opts socketio.Options
	m := Instrument(&opts, Options{})
	srv := socketio.NewServer(opts)
	srv.On("say", func(*socketio.Event) error { return nil })
	m.Watch(srv)
	ns := srv.Of("/")
	b.Run("event", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			opts.OnEvent(ns, "say", time.Millisecond)
		}
	})
	b.Run("broadcast", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			opts.OnBroadcast(ns, 1000)
		}
	})
}
