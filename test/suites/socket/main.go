// Command socket is the server for the official Socket.IO v5 test suite. It listens on localhost:3000 with the
// namespaces / and /custom, sends the auth payload to each client that connects, and sends every message back.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func main() {
	server := socketio.NewServer(socketio.Options{
		PingInterval:      300 * time.Millisecond,
		PingTimeout:       200 * time.Millisecond,
		MaxHTTPBufferSize: 1e6,
		CORS:              &engineio.CORS{},
		ConnectTimeout:    time.Second,
	})
	for _, name := range []string{"/", "/custom"} {
		serve(server.Of(name))
	}
	listener, err := net.Listen("tcp", "localhost:3000")
	if err == nil {
		err = http.Serve(server.Listener(listener), server)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, "socket:", err)
		os.Exit(1)
	}
}

func serve(ns *socketio.Namespace) {
	ns.OnConnect(func(s *socketio.Socket) error { return s.Emit("auth", s.Handshake().Auth) })
	ns.On("message", func(e *socketio.Event) error { return e.Socket().Emit("message-back", args(e)...) })
	ns.On("message-with-ack", func(e *socketio.Event) error { return e.Ack(args(e)...) })
}

// args returns an event's arguments, undecoded.
func args(e *socketio.Event) []any {
	list := make([]any, e.Len())
	for i := range list {
		list[i] = e.Raw(i)
	}
	return list
}
