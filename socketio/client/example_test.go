package client_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
)

// kitchen is a server for the examples.
func kitchen() (url string, stop func()) {
	io := socketio.NewServer(socketio.Options{})
	io.On("order", func(e *socketio.Event) error {
		var dish string
		if err := e.Bind(&dish); err != nil {
			return err
		}
		if dish == "cake" {
			return &socketio.Error{Message: "sold out"}
		}
		return e.Ack(map[string]any{"dish": dish, "minutes": 20})
	})
	io.On("ready?", func(e *socketio.Event) error {
		return e.Socket().Emit("ready", "soup", 2)
	})
	server := httptest.NewServer(io)
	return server.URL, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := io.Shutdown(ctx); err != nil {
			fmt.Println(err)
		}
		server.Close()
	}
}

// Asking a server, and being told.
func Example() {
	url, stop := kitchen()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	s, err := client.New(url, client.Options{Auth: map[string]string{"table": "7"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	told := make(chan struct{})
	s.On("ready", func(e *client.Event) error {
		var dish string
		var plates int
		if err := e.Bind(&dish, &plates); err != nil {
			return err
		}
		fmt.Println(plates, "plates of", dish)
		close(told)
		return nil
	})
	if err := s.Connect(ctx); err != nil {
		fmt.Println(err)
		return
	}
	if err := s.Emit("ready?"); err != nil {
		fmt.Println(err)
	}
	<-told

	answer, err := s.EmitWithAck(ctx, "order", "soup")
	if err != nil {
		fmt.Println(err)
		return
	}
	var order struct {
		Dish    string
		Minutes int
	}
	err = answer.Bind(&order)
	fmt.Println(order.Dish, "in", order.Minutes, "minutes", err)
	// Output:
	// 2 plates of soup
	// soup in 20 minutes <nil>
}

// Ask binds the answer, and knows one that is an error.
func ExampleAsk() {
	url, stop := kitchen()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := client.New(url, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	if err := s.Connect(ctx); err != nil {
		fmt.Println(err)
		return
	}
	type order struct{ Minutes int }
	for _, dish := range []string{"soup", "cake"} {
		got, err := client.Ask[order](ctx, s, "order", dish)
		fmt.Println(got.Minutes, err)
	}
	// Output:
	// 20 <nil>
	// 0 sold out
}

// Handle answers a server that asks: with the result, or with the error.
func ExampleHandle() {
	s, err := client.New("http://localhost:3000", client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	type Question struct{ Text string }
	type Answer struct{ Yes bool }
	client.Handle(s, "vote", func(ctx context.Context, q Question) (Answer, error) {
		if q.Text == "" {
			return Answer{}, &client.Error{Message: "no question"}
		}
		return Answer{Yes: true}, nil
	})
	fmt.Println(s.EventNames())
	// Output: [vote]
}
