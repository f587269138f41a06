// Command engine is the server for the official Engine.IO v4 test suite. It listens on localhost:3000 and sends every
// message back.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// An echo sends its session's messages back.
type echo struct{ session *engineio.Session }

func (e echo) OnMessage(data []byte, binary bool) {
	if binary {
		e.session.Send(engineio.NewBinaryMessage(data, engineio.MessageOptions{}))
		return
	}
	e.session.Send(engineio.NewTextMessage(data, nil, engineio.MessageOptions{}))
}

func (e echo) OnClose(engineio.Reason) {}

func main() {
	server := engineio.NewServer(engineio.Options{
		PingInterval:      300 * time.Millisecond,
		PingTimeout:       200 * time.Millisecond,
		MaxHTTPBufferSize: 1e6,
		CORS:              &engineio.CORS{},
	}, func(s *engineio.Session) engineio.Handler { return echo{s} })
	listener, err := net.Listen("tcp", "localhost:3000")
	if err == nil {
		err = http.Serve(server.Listener(listener), server)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}
