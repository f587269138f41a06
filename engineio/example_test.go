package engineio_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// An echo answers each message with itself.
type echo struct{ session *engineio.Session }

func (e echo) OnMessage(data []byte, binary bool) {
	if binary {
		e.session.Send(engineio.NewBinaryMessage(data, engineio.MessageOptions{}))
		return
	}
	e.session.Send(engineio.NewTextMessage(data, nil, engineio.MessageOptions{}))
}

func (e echo) OnClose(reason engineio.Reason) { fmt.Println("closed:", reason) }

// A server that echoes what it is sent, and a client that uses it by HTTP long-polling.
func Example() {
	eio := engineio.NewServer(engineio.Options{}, func(s *engineio.Session) engineio.Handler {
		return echo{s}
	})
	mux := http.NewServeMux()
	mux.Handle("/engine.io/", eio)
	server := httptest.NewServer(mux)
	defer server.Close()

	url := server.URL + "/engine.io/?EIO=4&transport=polling"
	open := get(url)
	url += "&sid=" + strings.Split(open, `"`)[3]
	if resp, err := http.Post(url, "text/plain", strings.NewReader("4hello")); err == nil {
		resp.Body.Close()
	}
	fmt.Println(get(url))

	done := make(chan error)
	go func() { done <- eio.Shutdown(context.Background()) }()
	get(url) // the client learns that it is over
	if err := <-done; err != nil {
		fmt.Println(err)
	}
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// 4hello
	// closed: server shutting down
}

func get(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
