// Command recovery is a feed whose clients miss nothing while their connection is away for a moment: in a tunnel, or at
// a change of network. A client comes back with its id and its rooms, and gets what was said meanwhile.
//
//	go run ./examples/recovery
//
// A client (socket.io-client 4.6 or newer) has nothing to do for it:
//
//	const socket = io("http://localhost:3000");
//	socket.on("connect", () => console.log(socket.recovered ? "back" : "new"));
//	socket.on("news", (text) => ...);
//	socket.emit("follow", "go");
//	socket.emit("publish", "go", "1.26 is out");
package main

import (
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on")
	window := flag.Duration("window", 2*time.Minute, "how long a client may be away")
	flag.Parse()

	io := socketio.NewServer(socketio.Options{
		// Sessions and messages are kept in this process. Several servers keep them in Redis Streams: see
		// adapter.StreamsOptions.Recovery.
		ConnectionStateRecovery: &socketio.ConnectionStateRecovery{MaxDisconnectionDuration: *window},
	})
	io.OnConnect(func(s *socketio.Socket) error {
		if s.Recovered() {
			log.Print(s.ID(), " is back, in ", s.Rooms())
			return nil // its rooms and data are there, what it has missed is on its way
		}
		log.Print(s.ID(), " is new")
		return nil
	})
	io.On("follow", func(e *socketio.Event) error {
		var topic string
		if err := e.Bind(&topic); err != nil {
			return err
		}
		e.Socket().Join(topic)
		return e.Ack()
	})
	io.On("publish", func(e *socketio.Event) error {
		var topic, text string
		if err := e.Bind(&topic, &text); err != nil {
			return err
		}
		return io.To(topic).Emit("news", text)
	})

	http.Handle("/socket.io/", io)
	log.Print("listening on http://", *addr)
	log.Fatal(http.ListenAndServe(*addr, nil))
}
