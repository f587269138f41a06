// Puts a client's question to all others, waits 500 ms at most, and answers with the count of yes and no.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

type result struct {
	Yes  int  `json:"yes"`
	No   int  `json:"no"`
	Late bool `json:"late"` // somebody has not answered
}

func main() {
	io := socketio.NewServer(socketio.Options{})
	socketio.Handle(io, "poll", func(ctx context.Context, s *socketio.Socket, question string) (result, error) {
		votes, err := s.Broadcast().Timeout(500*time.Millisecond).EmitWithAck(ctx, "vote", question)
		r := result{Late: err != nil}
		for _, v := range votes {
			var yes bool
			if v.Bind(&yes) != nil {
				continue
			}
			if yes {
				r.Yes++
			} else {
				r.No++
			}
		}
		return r, nil
	})
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
