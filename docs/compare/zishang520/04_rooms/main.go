// Lets clients join and leave rooms; what is said in one goes to all in it, its sender too.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// text is the argument i, if it is there and text.
func text(args []any, i int) (s string, ok bool) {
	if i < len(args) {
		s, ok = args[i].(string)
	}
	return s, ok
}

func main() {
	io := socket.NewServer(nil, nil)
	// "connection" comes after the client has been told that it is connected; a middleware runs before.
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		s.On("join", func(args ...any) {
			if room, ok := text(args, 0); ok {
				s.Join(socket.Room(room))
			}
		})
		s.On("leave", func(args ...any) {
			if room, ok := text(args, 0); ok {
				s.Leave(socket.Room(room))
			}
		})
		s.On("say", func(args ...any) {
			room, ok := text(args, 0)
			said, okSaid := text(args, 1)
			if ok && okSaid {
				io.To(socket.Room(room)).Emit("said", room, said)
			}
		})
		next(nil)
	})
	http.Handle("/socket.io/", io.ServeHandler(nil))
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
