// Lets clients with the right token into /admin, and tells them who they are.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

var users = map[string]string{"secret": "Ana"} // by token

func main() {
	io := socket.NewServer(nil, nil)
	io.Of("/admin", nil).Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		token, _ := s.Handshake().Auth["token"].(string)
		user, ok := users[token]
		if !ok {
			next(socket.NewExtendedError("unauthorized", nil))
			return
		}
		s.SetData(user)
		s.On("whoami", func(args ...any) {
			if len(args) == 0 {
				return
			}
			if ack, ok := args[len(args)-1].(socket.Ack); ok {
				ack([]any{s.Data()}, nil)
			}
		})
		next(nil)
	})
	http.Handle("/socket.io/", io.ServeHandler(nil))
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
