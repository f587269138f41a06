// Takes orders: an item and a count of at least 1. What is no order is answered with an error.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

type order struct {
	Item  string `json:"item"`
	Count int    `json:"count"`
}

type receipt struct {
	Total int `json:"total"`
}

// parse makes an order of what the library has decoded into maps and floats.
func parse(v any) (o order, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return o, err
	}
	if o.Item == "" || o.Count < 1 {
		return o, errors.New("an item and a count are needed")
	}
	return o, nil
}

func main() {
	io := socket.NewServer(nil, nil)
	// "connection" comes after the client has been told that it is connected; a middleware runs before.
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		s.On("order", func(args ...any) {
			if len(args) < 2 {
				return
			}
			ack, ok := args[len(args)-1].(socket.Ack)
			if !ok {
				return
			}
			o, err := parse(args[0])
			if err != nil {
				ack([]any{map[string]any{"error": err.Error()}}, nil)
				return
			}
			ack([]any{receipt{Total: 3 * o.Count}}, nil)
		})
		next(nil)
	})
	http.Handle("/socket.io/", io.ServeHandler(nil))
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
