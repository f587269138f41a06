package abuse

// A message that is nested deeper than the clients of a room can parse.

import (
	"context"
	"log/slog"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/gateway/chat"
	"github.com/brunossouza/websocket-escalonavel/test/child"
)

// TestNestingEndsItsSender: every real client of the room used to end with a parse error, and the sender to stay.
func TestNestingEndsItsSender(t *testing.T) {
	child.RunScript(t, "../js/abuse/nesting.test.mjs", "URL=http://"+chatNode(t))
}

// chatNode starts a chat gateway in this process, which ends with the test, and returns its address.
func chatNode(t *testing.T, settings ...string) (addr string) {
	t.Helper()
	env := map[string]string{"HOST": "127.0.0.1", "PORT": "0", "ADAPTER": "memory", "SHUTDOWN_TIMEOUT": "5s"}
	for i := 0; i < len(settings); i += 2 {
		env[settings[i]] = settings[i+1]
	}
	service := new(chat.Service)
	cfg, err := gateway.LoadConfig(func(name string) string { return env[name] }, service)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler), service)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	if err := g.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		stop(gateway.ErrInterrupted)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return g.Addr().String()
}
