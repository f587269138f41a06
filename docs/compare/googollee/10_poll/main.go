// Puts a client's question to all others, waits 500 ms at most, and answers with the count of yes and no.
package main

import (
	"log"
	"net/http"
	"os"
	"time"

	socketio "github.com/googollee/go-socket.io"
)

type result struct {
	Yes  int  `json:"yes"`
	No   int  `json:"no"`
	Late bool `json:"late"` // somebody has not answered
}

func main() {
	io := socketio.NewServer(nil)
	io.OnConnect("/", func(s socketio.Conn) error {
		s.Join("all") // a broadcast is to a room
		return nil
	})
	io.OnEvent("/", "poll", func(s socketio.Conn, question string) result {
		votes, asked := make(chan bool), 0
		end := make(chan struct{})
		io.ForEach("/", "all", func(other socketio.Conn) {
			if other.ID() == s.ID() {
				return
			}
			asked++
			other.Emit("vote", question, func(yes bool) {
				select {
				case votes <- yes:
				case <-end:
				}
			})
		})
		defer close(end)
		var r result
		timeout := time.After(500 * time.Millisecond)
		for r.Yes+r.No < asked {
			select {
			case yes := <-votes:
				if yes {
					r.Yes++
				} else {
					r.No++
				}
			case <-timeout:
				r.Late = true
				return r
			}
		}
		return r
	})
	go func() { log.Fatal(io.Serve()) }()
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
