// Acknowledges add with the sum, and asks the client who says greet for its name, for 500 ms.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func main() {
	io := socketio.NewServer(socketio.Options{})
	socketio.Handle2(io, "add", func(ctx context.Context, s *socketio.Socket, a, b float64) (float64, error) {
		return a + b, nil
	})
	socketio.On0(io, "greet", func(ctx context.Context, s *socketio.Socket) error {
		name := "stranger"
		if answer, err := s.Timeout(500*time.Millisecond).EmitWithAck(ctx, "name"); err == nil {
			_ = answer.Bind(&name)
		}
		return s.Emit("greeting", "Hello, "+name)
	})
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
