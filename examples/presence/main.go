// Command presence shows who is online: who comes and who goes, however many tabs each has open.
//
//	go run ./examples/presence
//
// A client:
//
//	const socket = io("http://localhost:3000", { auth: { user: "Ana" } });
//	socket.emit("who", (users) => console.log("online:", users));
//	socket.on("online", (user) => ...);
//	socket.on("offline", (user) => ...);
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// prefix begins the name of a user's room. Other rooms, such as that of each socket's id, have no such name.
const prefix = "user:"

// user is the part of a socket's data that FetchSockets finds, on other servers too.
var user = socketio.NewKey[string]("user")

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on")
	flag.Parse()

	io := socketio.NewServer(socketio.Options{})
	serve(io)
	http.Handle("/socket.io/", io)
	log.Print("listening on http://", *addr)
	log.Fatal(http.ListenAndServe(*addr, nil))
}

// serve sets the handlers.
func serve(io *socketio.Server) {
	io.Use(func(s *socketio.Socket) error {
		var auth struct{ User string }
		if err := s.Handshake().Auth.Bind(&auth); err != nil || auth.User == "" {
			return errors.New("a user is needed")
		}
		return user.Set(s, auth.User)
	})
	// All of a user's sockets are in one room: it is there while one of them is.
	io.OnConnect(func(s *socketio.Socket) error {
		name, _ := user.Get(s)
		s.Join(prefix + name)
		return nil
	})
	// These are told of this server's rooms, in order. With several servers a user whose room here is gone may have
	// sockets elsewhere: ask io.In(room).FetchSockets, on another goroutine, as these handlers must not block.
	io.OnCreateRoom(tell(io, "online"))
	io.OnDeleteRoom(tell(io, "offline"))
	// FetchSockets asks all servers.
	socketio.Handle0(io, "who", func(ctx context.Context, _ *socketio.Socket) ([]string, error) {
		sockets, err := io.FetchSockets(ctx)
		if err != nil {
			return nil, err
		}
		online := make(map[string]bool)
		for _, s := range sockets {
			if name, ok := user.Get(s); ok {
				online[name] = true
			}
		}
		return slices.Sorted(maps.Keys(online)), nil
	})
}

// tell returns a handler that tells everybody what has happened to the user whose room it is.
func tell(io *socketio.Server, event string) func(room string) {
	return func(room string) {
		name, isUser := strings.CutPrefix(room, prefix)
		if !isUser {
			return
		}
		if err := io.Emit(event, name); err != nil {
			log.Print(err)
		}
	}
}
