// Lets clients with the right token into /admin, and tells them who they are.
package main

import (
	"errors"
	"log"
	"net/http"
	"os"

	socketio "github.com/googollee/go-socket.io"
)

var users = map[string]string{"secret": "Ana"} // by token

func main() {
	io := socketio.NewServer(nil)
	io.OnConnect("/", func(s socketio.Conn) error { return nil }) // without it nobody gets to /admin
	// There are no middlewares and no auth: the token is in the URL's query. The error closes the whole connection.
	io.OnConnect("/admin", func(s socketio.Conn) error {
		url := s.URL()
		user, ok := users[url.Query().Get("token")]
		if !ok {
			return errors.New("unauthorized")
		}
		s.SetContext(user)
		return nil
	})
	io.OnEvent("/admin", "whoami", func(s socketio.Conn) string {
		user, _ := s.Context().(string)
		return user
	})
	go func() { log.Fatal(io.Serve()) }()
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
