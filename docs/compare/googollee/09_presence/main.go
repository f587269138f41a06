// Tells everybody who is there, by name, whenever one enters or goes.
package main

import (
	"log"
	"net/http"
	"os"

	socketio "github.com/googollee/go-socket.io"
)

func main() {
	io := socketio.NewServer(nil)
	tell := func() {
		names := []string{}
		io.ForEach("/", "all", func(s socketio.Conn) {
			if name, ok := s.Context().(string); ok {
				names = append(names, name)
			}
		})
		io.BroadcastToRoom("/", "all", "present", names)
	}
	io.OnConnect("/", func(s socketio.Conn) error {
		s.Join("all") // a broadcast is to a room
		return nil
	})
	io.OnEvent("/", "enter", func(s socketio.Conn, name string) {
		s.SetContext(name)
		tell()
	})
	io.OnDisconnect("/", func(s socketio.Conn, _ string) { tell() })
	go func() { log.Fatal(io.Serve()) }()
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
