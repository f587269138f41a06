package chat

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
)

// The chat's hot path with and without metrics: a client's message to its handler, and from there back to the client.
func BenchmarkMessage(b *testing.B) {
	for _, addr := range []string{"off", "main"} {
		b.Run(addr, func(b *testing.B) {
			service := new(Service)
			cfg, err := gateway.LoadConfig(gatewaytest.Settings("LOG_LEVEL", "error", "METRICS_ADDR", addr), service)
			if err != nil {
				b.Fatal(err)
			}
			g, err := gateway.New(cfg, gateway.NewLogger(cfg, io.Discard), service)
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
				cancel(gateway.ErrInterrupted)
				if err := <-ended; err != nil {
					b.Error(err)
				}
			}()
			w := gatewaytest.DialWebSocket(b, "http://"+g.Addr().String()+"/socket.io/?EIO=4&transport=websocket")
			w.Receive(b)
			w.Send(b, "40")
			w.Receive(b)
			const window = 64 // messages on their way
			message := `42["messages",{"nickname":"Ana","message":"` + strings.Repeat("x", 80) + `"}]`
			b.ReportAllocs()
			b.ResetTimer()
			sent := 0
			for received := 0; received < b.N; received++ {
				for ; sent < b.N && sent-received < window; sent++ {
					w.Send(b, message)
				}
				w.Receive(b)
			}
			b.StopTimer()
			w.Close()
		})
	}
}
