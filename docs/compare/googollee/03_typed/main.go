// Takes orders: an item and a count of at least 1. What is no order is answered with an error.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"

	socketio "github.com/googollee/go-socket.io"
)

type order struct {
	Item  string `json:"item"`
	Count int    `json:"count"`
}

type receipt struct {
	Total int `json:"total"`
}

func parse(v json.RawMessage) (o order, err error) {
	if err := json.Unmarshal(v, &o); err != nil {
		return o, err
	}
	if o.Item == "" || o.Count < 1 {
		return o, errors.New("an item and a count are needed")
	}
	return o, nil
}

func main() {
	io := socketio.NewServer(nil)
	// A handler with an argument of type order would do, but what does not fit that then ends the connection.
	io.OnEvent("/", "order", func(s socketio.Conn, v json.RawMessage) any {
		o, err := parse(v)
		if err != nil {
			return map[string]string{"error": err.Error()}
		}
		return receipt{Total: 3 * o.Count}
	})
	go func() { log.Fatal(io.Serve()) }()
	http.Handle("/socket.io/", io)
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
