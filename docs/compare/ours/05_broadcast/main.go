// Passes what a client says on to all others.
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
	socketio.On(io, "say", func(ctx context.Context, s *socketio.Socket, text string) error {
		return s.Broadcast().Emit("said", text)
	})
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
