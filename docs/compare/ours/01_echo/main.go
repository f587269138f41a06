// Answers each hello with what it had.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func main() {
	io := socketio.NewServer(socketio.Options{})
	socketio.On(io, "hello", func(ctx context.Context, s *socketio.Socket, v socketio.Raw) error {
		return s.Emit("hello", v)
	})
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
