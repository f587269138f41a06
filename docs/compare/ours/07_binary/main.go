// Takes files, acknowledges their size and sends them back.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

type file struct {
	Name string          `json:"name"`
	Data socketio.Binary `json:"data"`
}

func main() {
	io := socketio.NewServer(socketio.Options{})
	socketio.Handle(io, "upload", func(ctx context.Context, s *socketio.Socket, f file) (int, error) {
		return len(f.Data), s.Emit("file", f)
	})
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
