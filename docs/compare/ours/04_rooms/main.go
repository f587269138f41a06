// Lets clients join and leave rooms; what is said in one goes to all in it, its sender too.
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
	socketio.On(io, "join", func(ctx context.Context, s *socketio.Socket, room string) error {
		s.Join(room)
		return nil
	})
	socketio.On(io, "leave", func(ctx context.Context, s *socketio.Socket, room string) error {
		s.Leave(room)
		return nil
	})
	socketio.On2(io, "say", func(ctx context.Context, s *socketio.Socket, room, text string) error {
		return io.To(room).Emit("said", room, text)
	})
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
