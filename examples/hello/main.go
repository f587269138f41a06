// Command hello is a whole Socket.IO server: it greets whoever connects, and answers who says hello.
//
//	go run ./examples/hello
//
// A client, in Node.js with the package socket.io-client:
//
//	const socket = io("http://localhost:3000");
//	socket.on("welcome", ({ id }) => console.log("connected as", id));
//	socket.emit("hello", "Ana", (answer) => console.log(answer)); // Hello, Ana!
//
// Pages of another origin are refused, as by Node.js's server; socketio.Options.CORS lets them in.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on")
	flag.Parse()

	io := socketio.NewServer(socketio.Options{})
	io.OnConnect(func(s *socketio.Socket) error {
		return s.Emit("welcome", map[string]any{"id": s.ID()})
	})
	// What a handler returns is the acknowledgement. One that gets no name never runs: the client is told.
	socketio.Handle(io, "hello", func(ctx context.Context, s *socketio.Socket, name string) (string, error) {
		return "Hello, " + name + "!", nil
	})

	http.Handle("/socket.io/", io)
	log.Print("listening on http://", *addr)
	log.Fatal(http.ListenAndServe(*addr, nil))
}
