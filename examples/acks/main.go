// Command acks holds votes: a client puts a question, all others are asked, and what they answer in time comes back. It
// has acknowledgements in both directions, from one client and from many, with a time-out.
//
//	go run ./examples/acks
//
// A client:
//
//	const socket = io("http://localhost:3000");
//	socket.on("vote", (question, answer) => answer("yes"));
//	socket.emit("poll", "Pizza?", ({ votes, missing }) => console.log(votes, missing));
//	socket.on("echo", (answer) => answer());
//	socket.emit("measure", (milliseconds) => console.log(milliseconds));
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A result is what the client that has asked gets.
type result struct {
	Votes   map[string]int `json:"votes"`
	Missing bool           `json:"missing"` // somebody has not answered in time
}

func main() {
	addr := flag.String("addr", "localhost:3000", "address to listen on")
	timeout := flag.Duration("timeout", 5*time.Second, "time that clients have to vote")
	flag.Parse()

	io := socketio.NewServer(socketio.Options{})
	io.On("poll", func(e *socketio.Event) error {
		// Raw passes the question on as the client wrote it, whatever it is. The handler may wait: it delays only the
		// events of its own client. Where some do not answer, or go, the answers of the others come with the error.
		others := e.Socket().Broadcast().Timeout(*timeout)
		answers, err := others.EmitWithAck(context.Background(), "vote", e.Raw(0))
		late := errors.Is(err, socketio.ErrAckTimeout) || errors.Is(err, socketio.ErrDisconnected)
		if err != nil && !late {
			return err
		}
		r := result{Votes: make(map[string]int), Missing: late}
		for _, answer := range answers {
			var vote string
			if answer.Bind(&vote) == nil {
				r.Votes[vote]++
			}
		}
		return e.Ack(r)
	})
	// One client can be asked too.
	io.On("measure", func(e *socketio.Event) error {
		began := time.Now()
		_, err := e.Socket().Timeout(*timeout).EmitWithAck(context.Background(), "echo")
		if errors.Is(err, socketio.ErrAckTimeout) {
			return e.Ack(nil) // it does not listen for that
		}
		if err != nil {
			return err
		}
		return e.Ack(time.Since(began).Milliseconds())
	})

	http.Handle("/socket.io/", io)
	log.Print("listening on http://", *addr)
	log.Fatal(http.ListenAndServe(*addr, nil))
}
