// Answers each hello with what it had.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"

	socketio "github.com/googollee/go-socket.io"
)

func main() {
	io := socketio.NewServer(nil)
	io.OnEvent("/", "hello", func(s socketio.Conn, v json.RawMessage) {
		s.Emit("hello", v)
	})
	go func() { log.Fatal(io.Serve()) }()
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
