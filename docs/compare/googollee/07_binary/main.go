// Takes files, acknowledges their size and sends them back.
package main

import (
	"log"
	"net/http"
	"os"

	socketio "github.com/googollee/go-socket.io"
	"github.com/googollee/go-socket.io/parser"
)

type file struct {
	Name string         `json:"name"`
	Data *parser.Buffer `json:"data"`
}

func main() {
	io := socketio.NewServer(nil)
	io.OnEvent("/", "upload", func(s socketio.Conn, f *file) int {
		s.Emit("file", f)
		return len(f.Data.Data)
	})
	go func() { log.Fatal(io.Serve()) }()
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
