// Passes what a client says on to all others.
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
	io.OnEvent("/", "say", func(s socketio.Conn, text string) {
		io.ForEach("/", "all", func(other socketio.Conn) {
			if other.ID() != s.ID() {
				other.Emit("said", text)
			}
		})
	})
	go func() { log.Fatal(io.Serve()) }()
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
