// Tells the others who has gone, and why.
package main

import (
	"log"
	"net/http"
	"os"

	socketio "github.com/googollee/go-socket.io"
)

func main() {
	io := socketio.NewServer(nil)
	io.OnConnect("/", func(s socketio.Conn) error {
		s.Join("all") // a broadcast is to a room
		return nil
	})
	io.OnDisconnect("/", func(s socketio.Conn, reason string) {
		io.BroadcastToRoom("/", "all", "left", s.ID(), reason)
	})
	go func() { log.Fatal(io.Serve()) }()
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
