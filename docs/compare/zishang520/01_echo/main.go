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
	// Handlers that are set on "connection" miss what a quick client sends; a middleware runs before that.
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
