// Tells the others who has gone, and why.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func main() {
	io := socketio.NewServer(socketio.Options{})
	io.OnDisconnect(func(s *socketio.Socket, reason socketio.Reason) {
		if err := io.Emit("left", s.ID(), reason); err != nil {
			log.Print(err)
		}
	})
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
