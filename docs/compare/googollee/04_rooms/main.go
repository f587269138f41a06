// Lets clients join and leave rooms; what is said in one goes to all in it, its sender too.
package main

import (
	"log"
	"net/http"
	"os"

	socketio "github.com/googollee/go-socket.io"
)

func main() {
	io := socketio.NewServer(nil)
	io.OnEvent("/", "join", func(s socketio.Conn, room string) {
		s.Join(room)
	})
	io.OnEvent("/", "leave", func(s socketio.Conn, room string) {
		s.Leave(room)
	})
	io.OnEvent("/", "say", func(s socketio.Conn, room, text string) {
		io.BroadcastToRoom("/", room, "said", room, text)
	})
	go func() { log.Fatal(io.Serve()) }()
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
