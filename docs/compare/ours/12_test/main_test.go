// The handler of orders again, and its test: the answer, and what another client hears.
package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

func handlers(io *socketio.Server) {
	socketio.Handle2(io, "order", func(ctx context.Context, s *socketio.Socket, item string, n int) (int, error) {
		if n < 1 {
			return 0, errors.New("a count is needed")
		}
		return 3 * n, s.Broadcast().Emit("ordered", item)
	})
}

func TestOrder(t *testing.T) {
	srv := socketiotest.New(t, socketio.Options{})
	handlers(srv.Server)
	a, b := srv.Connect(t), srv.Connect(t)
	var total int
	if answer := a.EmitWithAck("order", "tea", 2); answer.Bind(&total) != nil || total != 6 {
		t.Errorf("answered %d", total)
	}
	var item string
	if b.Expect("ordered", 5*time.Second, &item); item != "tea" {
		t.Errorf("ordered %q", item)
	}
}
