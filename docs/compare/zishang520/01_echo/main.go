// Answers each hello with what it had.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func main() {
	io := socket.NewServer(nil, nil)
	// "connection" comes after the client has been told that it is connected; a middleware runs before.
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		s.On("hello", func(args ...any) {
			if len(args) > 0 {
				s.Emit("hello", args[0])
			}
		})
		next(nil)
	})
	http.Handle("/socket.io/", io.ServeHandler(nil))
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
