// One of several servers on one Redis: what is said at one is heard at all.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func main() {
	redis, err := adapter.Open(os.Getenv("REDIS"), adapter.Options{})
	if err != nil {
		log.Fatal(err)
	}
	io := socketio.NewServer(socketio.Options{Adapter: redis.PubSub()})
	socketio.On(io, "say", func(ctx context.Context, s *socketio.Socket, text string) error {
		return io.Emit("said", text)
	})
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
