package socketio_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// TestServeContext: what an http.Server gives the contexts of its requests is in those of its sockets, on the listener
// that Serve makes too.
func TestServeContext(t *testing.T) {
	type key string
	for name, withConn := range map[string]bool{"BaseContext": false, "BaseContext and ConnContext": true} {
		t.Run(name, func(t *testing.T) {
			io := socketio.NewServer(socketio.Options{})
			values := make(chan [2]any, 1)
			io.OnConnect(func(s *socketio.Socket) error {
				values <- [2]any{s.Context().Value(key("base")), s.Context().Value(key("conn"))}
				return nil
			})
			addresses := make(chan string, 2) // it is asked for each way
			server := &http.Server{Addr: "127.0.0.1:0", Handler: io}
			server.BaseContext = func(l net.Listener) context.Context {
				addresses <- l.Addr().String()
				return context.WithValue(context.Background(), key("base"), "base")
			}
			want := [2]any{"base", nil}
			if withConn {
				want[1] = "tcp"
				server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
					return context.WithValue(ctx, key("conn"), c.LocalAddr().Network())
				}
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- socketio.Serve(ctx, server, io, socketio.ServeOptions{DrainWindow: -1}) }()
			c := dial(<-addresses, `40`)
			if got := <-values; got != want {
				t.Errorf("the values are %v, want %v", got, want)
			}
			c.close()
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
