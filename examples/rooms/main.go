// Command rooms is a chat with rooms: who is in one hears what is said in it, who comes and who goes.
//
//	go run ./examples/rooms
//
// A client gives its nickname when it connects, and may be in any number of rooms:
//
//	const socket = io("http://localhost:3000", { auth: { nickname: "Ana" } });
//	socket.on("said", (room, nickname, text) => ...); // and "came" and "went" with (room, nickname)
//	socket.emit("join", "kitchen", (nicknames) => console.log("there already:", nicknames));
//	socket.emit("say", "kitchen", "who has eaten the cake?");
//	socket.emit("leave", "kitchen");
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on")
	flag.Parse()

	io := socketio.NewServer(socketio.Options{})
	serve(io)
	http.Handle("/socket.io/", io)
	log.Print("listening on http://", *addr)
	log.Fatal(http.ListenAndServe(*addr, nil))
}

// serve sets the chat's handlers. It stands alone so that tests can run it in memory; see main_test.go.
func serve(io *socketio.Server) {
	// A middleware refuses a connection: its error is the message of the client's connect_error.
	io.Use(func(s *socketio.Socket) error {
		var auth struct{ Nickname string }
		if err := s.Handshake().Auth.Bind(&auth); err != nil || auth.Nickname == "" {
			return errors.New("a nickname is needed")
		}
		s.SetData(auth.Nickname)
		return nil
	})
	socketio.Handle(io, "join", func(ctx context.Context, s *socketio.Socket, room string) ([]socketio.Raw, error) {
		present, err := io.In(room).FetchSockets(ctx)
		if err != nil {
			return nil, err
		}
		nicknames := make([]socketio.Raw, len(present))
		for i, s := range present {
			nicknames[i] = s.Data()
		}
		s.Join(room)
		// A socket's own broadcasts go to the others: to everybody in the room but itself.
		return nicknames, s.To(room).Emit("came", room, s.Data())
	})
	socketio.On2(io, "say", func(ctx context.Context, s *socketio.Socket, room, text string) error {
		return io.To(room).Emit("said", room, s.Data(), text)
	})
	socketio.On(io, "leave", func(ctx context.Context, s *socketio.Socket, room string) error {
		s.Leave(room)
		return io.To(room).Emit("went", room, s.Data())
	})
	// Disconnecting is the last moment at which a socket still has its rooms. The first is its own, named by its id.
	io.OnDisconnecting(func(s *socketio.Socket, _ socketio.Reason) {
		for _, room := range s.Rooms() {
			io.To(room).Emit("went", room, s.Data())
		}
	})
}
