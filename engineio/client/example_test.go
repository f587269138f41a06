package client_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/engineio/client"
)

// An echo is a server's handler that sends back what comes.
type echo struct{ session *engineio.Session }

func (e echo) OnMessage(data []byte, _ bool) {
	e.session.Send(engineio.NewTextMessage(data, nil, engineio.MessageOptions{}))
}

func (echo) OnClose(engineio.Reason) {}

// A listener prints what comes, and the reason of the end.
type listener struct{ came, ended chan string }

func (l listener) OnMessage(data []byte, _ bool)           { l.came <- string(data) }
func (l listener) OnClose(reason client.Reason, err error) { l.ended <- string(reason) }

func ExampleDial() {
	server := engineio.NewServer(engineio.Options{}, func(s *engineio.Session) engineio.Handler { return echo{s} })
	web := httptest.NewServer(server)
	defer web.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	l := listener{make(chan string, 1), make(chan string, 1)}
	s, err := client.Dial(ctx, web.URL, client.Options{}, func(*client.Session) client.Handler { return l })
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := s.Send(client.Message{Data: []byte("hello")}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-l.came)
	s.Close()
	fmt.Println(<-l.ended)
	if err := s.Wait(ctx); err != nil {
		fmt.Println(err)
	}
	_ = server.Shutdown(ctx)
	// Output:
	// hello
	// forced close
}
