// Takes orders: an item and a count of at least 1. What is no order is answered with an error.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

type order struct {
	Item  string `json:"item"`
	Count int    `json:"count"`
}

type receipt struct {
	Total int `json:"total"`
}

func (o order) Validate() error {
	if o.Item == "" || o.Count < 1 {
		return errors.New("an item and a count are needed")
	}
	return nil
}

func main() {
	io := socketio.NewServer(socketio.Options{})
	socketio.Handle(io, "order", func(ctx context.Context, s *socketio.Socket, o order) (receipt, error) {
		return receipt{Total: 3 * o.Count}, nil
	})
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
