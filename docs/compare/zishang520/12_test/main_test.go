// The handler of orders again, and its test: the answer, and what another client hears.
package main

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/zishang520/socket.io/clients/engine/v3/transports"
	client "github.com/zishang520/socket.io/clients/socket/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

func handlers(io *socket.Server) {
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		s.On("order", func(args ...any) {
			if len(args) != 3 {
				return
			}
			item, okItem := args[0].(string)
			n, okN := args[1].(float64)
			ack, ok := args[2].(socket.Ack)
			switch {
			case !ok:
			case !okItem, !okN, n < 1:
				ack([]any{map[string]any{"error": "a count is needed"}}, nil)
			default:
				s.Broadcast().Emit("ordered", item)
				ack([]any{3 * n}, nil)
			}
		})
		next(nil)
	})
}

// dial connects a client, which ends with the test.
func dial(t *testing.T, url string) *client.Socket {
	t.Helper()
	opts := client.DefaultOptions()
	opts.SetForceNew(true)
	opts.SetTransports(types.NewSet(transports.WebSocket)) // with the default some never connect
	opts.SetAutoConnect(false)
	s, err := client.Connect(url, opts)
	if err != nil {
		t.Fatal(err)
	}
	connected := make(chan struct{})
	s.Once("connect", func(...any) { close(connected) })
	s.Connect()
	t.Cleanup(func() { s.Disconnect() })
	select {
	case <-connected:
	case <-time.After(5 * time.Second):
		t.Fatal("not connected")
	}
	return s
}

func TestOrder(t *testing.T) {
	io := socket.NewServer(nil, nil)
	handlers(io)
	srv := httptest.NewServer(io.ServeHandler(nil))
	defer srv.Close()
	defer io.Close(nil)
	a, b := dial(t, srv.URL), dial(t, srv.URL)
	ordered, total := make(chan any, 1), make(chan any, 1)
	b.On("ordered", func(args ...any) { ordered <- args[0] })
	a.EmitWithAck("order", "tea", 2)(func(args []any, err error) { total <- args[0] })
	for want, got := range map[any]chan any{6.0: total, "tea": ordered} {
		select {
		case v := <-got:
			if v != want {
				t.Errorf("got %v, want %v", v, want)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("no %v", want)
		}
	}
}
