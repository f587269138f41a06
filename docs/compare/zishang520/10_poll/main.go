// Puts a client's question to all others, waits 500 ms at most, and answers with the count of yes and no.
package main

import (
	"log"
	"net/http"
	"os"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

type result struct {
	Yes  int  `json:"yes"`
	No   int  `json:"no"`
	Late bool `json:"late"` // somebody has not answered
}

func main() {
	io := socket.NewServer(nil, nil)
	// "connection" comes after the client has been told that it is connected; a middleware runs before.
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		s.On("poll", func(args ...any) {
			if len(args) != 2 {
				return
			}
			question, ok := args[0].(string)
			ack, okAck := args[1].(socket.Ack)
			if !ok || !okAck {
				return
			}
			s.Broadcast().Timeout(500*time.Millisecond).EmitWithAck("vote", question)(func(votes []any, err error) {
				r := result{Late: err != nil}
				for _, v := range votes {
					yes, ok := v.(bool)
					if !ok {
						continue
					}
					if yes {
						r.Yes++
					} else {
						r.No++
					}
				}
				ack([]any{r}, nil)
			})
		})
		next(nil)
	})
	http.Handle("/socket.io/", io.ServeHandler(nil))
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
