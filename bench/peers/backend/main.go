// Command backend is the least that a backend of the gateway can do (docs/BACKEND.md): it lets everybody in, and
// acknowledges echo with what it was sent.
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
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	log.Fatal((&fasthttp.Server{Handler: serve, NoDefaultServerHeader: true, NoDefaultDate: true}).Serve(listener))
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
