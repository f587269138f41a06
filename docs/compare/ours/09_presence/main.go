// Tells everybody who is there, by name, whenever one enters or goes.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

var nickname = socketio.NewKey[string]("nickname")

func main() {
	io := socketio.NewServer(socketio.Options{})
	tell := func() error {
		names := []string{}
		for s := range io.Sockets() {
			if name, ok := nickname.Get(s); ok {
				names = append(names, name)
			}
		}
		return io.Emit("present", names)
	}
	socketio.On(io, "enter", func(ctx context.Context, s *socketio.Socket, name string) error {
		if err := nickname.Set(s, name); err != nil {
			return err
		}
		return tell()
	})
	io.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) {
		if err := tell(); err != nil {
			log.Print(err)
		}
	})
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
