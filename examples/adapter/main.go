// Command adapter has an adapter of its own. It joins two servers of one process over channels: what one of them
// broadcasts reaches the clients of both. Over a network a message broker would take the place of the channels.
//
//	go run ./examples/adapter
//
// The servers answer at /left/ and /right/ of one address:
//
//	const left = io("http://localhost:3000", { path: "/left/" });
//	const right = io("http://localhost:3000", { path: "/right/" });
//	right.on("said", (text) => ...);
//	left.emit("say", "hello over there");
package main

import (
	"encoding/json"
	"flag"
	"log"
	"net/http"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A message is a broadcast on its way to the other server.
type message struct {
	payload     json.RawMessage // the event's name and arguments as one JSON array
	attachments [][]byte        // what is binary of them
	opts        socketio.BroadcastOptions
}

// A linked adapter keeps its own server's rooms in memory, as all adapters do, and tells another server what is
// broadcast. What it does not override, such as FetchSockets, reaches its own server only.
type linked struct {
	*socketio.MemoryAdapter
	out chan<- message
}

// Broadcast serves its own clients first, and does not wait for anything: adapters must not.
func (a *linked) Broadcast(p *socketio.Packet, opts socketio.BroadcastOptions) error {
	if err := a.MemoryAdapter.Broadcast(p, opts); err != nil || opts.Flags.Local {
		return err
	}
	payload, attachments, err := p.Payload()
	if err != nil {
		return err
	}
	select {
	case a.out <- message{payload, attachments, opts}:
	default:
		log.Print("the other server does not keep up: a message is lost")
	}
	return nil
}

// receive gives what comes from the other server to this server's sockets.
func (a *linked) receive(in <-chan message) {
	for m := range in {
		p, err := a.Namespace().NewPayloadPacket(m.payload, m.attachments)
		if err == nil {
			err = a.MemoryAdapter.Broadcast(p, m.opts)
		}
		if err != nil {
			log.Print(err)
		}
	}
}

func newServer(path string, out chan<- message, in <-chan message) *socketio.Server {
	io := socketio.NewServer(socketio.Options{
		Path: path,
		Adapter: func(ns *socketio.Namespace) socketio.Adapter {
			a := &linked{socketio.NewMemoryAdapter(ns), out}
			go a.receive(in)
			return a
		},
	})
	io.On("say", func(e *socketio.Event) error { return io.Emit("said", e.Raw(0)) })
	return io
}

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on")
	flag.Parse()

	toLeft, toRight := make(chan message, 1024), make(chan message, 1024)
	http.Handle("/left/", newServer("/left/", toRight, toLeft))
	http.Handle("/right/", newServer("/right/", toLeft, toRight))
	log.Print("listening on http://", *addr)
	log.Fatal(http.ListenAndServe(*addr, nil))
}
