// Lets clients with the right token into /admin, and tells them who they are.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

var (
	users = map[string]string{"secret": "Ana"} // by token
	user  = socketio.NewKey[string]("user")
)

func main() {
	io := socketio.NewServer(socketio.Options{})
	admin := io.Of("/admin")
	admin.Use(func(s *socketio.Socket) error {
		var auth struct{ Token string }
		if err := s.Handshake().Auth.Bind(&auth); err != nil || users[auth.Token] == "" {
			return errors.New("unauthorized")
		}
		return user.Set(s, users[auth.Token])
	})
	socketio.Handle0(admin, "whoami", func(ctx context.Context, s *socketio.Socket) (string, error) {
		name, _ := user.Get(s)
		return name, nil
	})
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
