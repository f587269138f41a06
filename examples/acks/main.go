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
	// Raw passes the question on as the client wrote it, whatever it is. The handler may wait: it delays only the
	// events of its own client, and waits no longer than that is there.
	socketio.Handle(io, "poll", func(ctx context.Context, s *socketio.Socket, question socketio.Raw) (result, error) {
		// Where some do not answer, or go, the answers of the others come with the error.
		answers, err := s.Broadcast().Timeout(*timeout).EmitWithAck(ctx, "vote", question)
		late := errors.Is(err, socketio.ErrAckTimeout) || errors.Is(err, socketio.ErrDisconnected)
		if err != nil && !late {
			return result{}, err
		}
		r := result{Votes: make(map[string]int), Missing: late}
		for _, answer := range answers {
			var vote string
			if answer.Bind(&vote) == nil {
				r.Votes[vote]++
			}
		}
		return r, nil
	})
	// One client can be asked too.
	socketio.Handle0(io, "measure", func(ctx context.Context, s *socketio.Socket) (ms *int64, err error) {
		began := time.Now()
		_, err = s.Timeout(*timeout).EmitWithAck(ctx, "echo")
		if errors.Is(err, socketio.ErrAckTimeout) {
			return nil, nil // it does not listen for that
		}
		took := time.Since(began).Milliseconds()
		return &took, err
	})

	http.Handle("/socket.io/", io)
	log.Print("listening on http://", *addr)
	log.Fatal(http.ListenAndServe(*addr, nil))
}
