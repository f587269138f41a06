// Command backend is the least that a backend of the gateway can do (docs/BACKEND.md): it lets everybody in, and
// acknowledges echo with what it was sent. Its arguments are an address and the path of a Unix socket; it listens on
// both.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"

	"github.com/valyala/fasthttp"
)

func main() {
	server := &fasthttp.Server{Handler: serve, NoDefaultServerHeader: true, NoDefaultDate: true}
	socket, err := net.Listen("unix", os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	go func() { log.Fatal(server.Serve(socket)) }()
	log.Fatal(server.Serve(listener))
}

// event is what is read of an event.
type event struct {
	Args []struct {
		Text string `json:"text"`
	} `json:"args"`
}

func serve(r *fasthttp.RequestCtx) {
	if string(r.Request.Header.Peek("ce-event")) != "echo" {
		r.SetStatusCode(fasthttp.StatusNoContent)
		return
	}
	var e event
	if err := json.Unmarshal(r.PostBody(), &e); err != nil || len(e.Args) == 0 {
		r.Error("want an object with a text", fasthttp.StatusBadRequest)
		return
	}
	answer, err := json.Marshal(map[string]any{"ack": e.Args[:1]})
	if err != nil {
		r.Error(err.Error(), fasthttp.StatusInternalServerError)
		return
	}
	r.SetContentType("application/json")
	r.SetBody(answer)
}
