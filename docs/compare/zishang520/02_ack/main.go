// Acknowledges add with the sum, and asks the client who says greet for its name, for 500 ms.
package main

import (
	"log"
	"net/http"
	"os"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func main() {
	io := socket.NewServer(nil, nil)
	// "connection" comes after the client has been told that it is connected; a middleware runs before.
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		s.On("add", func(args ...any) {
			if len(args) != 3 {
				return
			}
			a, okA := args[0].(float64)
			b, okB := args[1].(float64)
			if ack, ok := args[2].(socket.Ack); ok && okA && okB {
				ack([]any{a + b}, nil)
			}
		})
		s.On("greet", func(...any) {
			s.Timeout(500 * time.Millisecond).EmitWithAck("name")(func(answer []any, err error) {
				name := "stranger"
				if err == nil && len(answer) > 0 {
					if n, ok := answer[0].(string); ok {
						name = n
					}
				}
				s.Emit("greeting", "Hello, "+name)
			})
		})
		next(nil)
	})
	http.Handle("/socket.io/", io.ServeHandler(nil))
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
