package gateway

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// What the hot path pays for the histograms, for each event and for each broadcast.
func BenchmarkHistograms(b *testing.B) {
	h := newHistograms()
	ns := socketio.NewServer(socketio.Options{}).Of("/")
	b.Run("event", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.event(ns, eventMessages, time.Millisecond)
		}
	})
	b.Run("broadcast", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.broadcast(ns, 1000)
		}
	})
}

// The chat's hot path with and without metrics: a client's message to its handler, and from there back to the client.
func BenchmarkMessage(b *testing.B) {
	for _, addr := range []string{metricsOff, metricsOnMain} {
		b.Run(addr, func(b *testing.B) {
			cfg, err := LoadConfig(env("HOST", "127.0.0.1", "PORT", "0", "ADAPTER", "memory", "LOG_LEVEL", "error", "METRICS_ADDR", addr))
			if err != nil {
				b.Fatal(err)
			}
			g, err := New(cfg, NewLogger(cfg, io.Discard))
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancelCause(context.Background())
			if err := g.Listen(ctx); err != nil {
				b.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- g.Run(ctx) }()
			defer func() {
				cancel(ErrInterrupted)
				if err := <-ended; err != nil {
					b.Error(err)
				}
			}()
			w := dialWebSocket(b, "http://"+g.Addr().String()+"/socket.io/?EIO=4&transport=websocket")
			w.read(b)
			w.write(b, "40")
			w.read(b)
			const window = 64 // messages on their way
			message := `42["messages",{"nickname":"Ana","message":"` + strings.Repeat("x", 80) + `"}]`
			b.ReportAllocs()
			b.ResetTimer()
			sent := 0
			for received := 0; received < b.N; received++ {
				for ; sent < b.N && sent-received < window; sent++ {
					w.write(b, message)
				}
				w.read(b)
			}
			b.StopTimer()
			w.Close()
		})
	}
}
