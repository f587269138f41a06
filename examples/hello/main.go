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
// Pages of another origin are refused, as by Node.js's server; engineio.Options.CORS lets them in.
package main

import (
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
	io.On("hello", func(e *socketio.Event) error {
		var name string
		if err := e.Bind(&name); err != nil {
			return err // is logged; the client hears nothing of it
		}
		return e.Ack("Hello, " + name + "!")
	})

	http.Handle("/socket.io/", io)
	log.Print("listening on http://", *addr)
	log.Fatal(http.ListenAndServe(*addr, nil))
}
