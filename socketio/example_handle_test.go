package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// An Order is what a client asks for. It can tell what is wrong with it.
type Order struct {
	Item  string `json:"item"`
	Count int    `json:"count"`
}

func (o Order) Validate() error {
	if o.Count < 1 {
		return errors.New("count must be positive")
	}
	return nil
}

type Receipt struct {
	Total int `json:"total"`
}

// A handler that takes an argument and returns the answer. What does not fit is answered before it runs.
func ExampleHandle() {
	io := socketio.NewServer(socketio.Options{})
	socketio.Handle(io, "order", func(ctx context.Context, s *socketio.Socket, in Order) (Receipt, error) {
		if in.Item != "tea" {
			return Receipt{}, &socketio.Error{Message: "sold out", Data: in.Item}
		}
		return Receipt{Total: 3 * in.Count}, nil
	})

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`, `420["order",{"item":"tea","count":2}]`, `421["order",{"item":"tea"}]`, `422["order","tea"]`,
		`423["order",{"item":"gin","count":1}]`)
	defer c.close()
	c.print(5)
	// Output:
	// 40
	// 430[{"total":6}]
	// 431[{"error":"count must be positive"}]
	// 432[{"error":"invalid arguments"}]
	// 433[{"error":"sold out","data":"gin"}]
}

// An event with two arguments, of which the client may leave out the second. Nobody is answered, but one who waits
// learns that it is done.
func ExampleOn2() {
	io := socketio.NewServer(socketio.Options{})
	socketio.On2(io, "say", func(ctx context.Context, s *socketio.Socket, text string, room *string) error {
		if room == nil {
			return io.Emit("said", text)
		}
		return io.To(*room).Emit("said", text)
	})

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`, `42["say","to all"]`, `420["say","to nobody","empty room"]`)
	defer c.close()
	c.print(3)
	// Output:
	// 40
	// 42["said","to all"]
	// 430[]
}

// What a handler does for a client ends when that is gone.
func ExampleSocket_Context() {
	io := socketio.NewServer(socketio.Options{})
	ended := make(chan error)
	socketio.On0(io, "watch", func(ctx context.Context, s *socketio.Socket) error {
		select {
		case <-ctx.Done(): // a query, a download: whatever takes a context
			ended <- context.Cause(ctx)
			return ctx.Err()
		case <-time.After(time.Minute):
			return s.Emit("watched")
		}
	})

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`, `42["watch"]`)
	c.print(1)
	c.close()
	err := <-ended
	var gone *socketio.DisconnectError
	fmt.Println(err, errors.As(err, &gone) && gone.Reason == socketio.ReasonTransportClose)
	// Output:
	// 40
	// socketio: disconnected: transport close true
}

// Code for net/http reads the request that a client has connected with: here the query.
func ExampleSocket_Request() {
	io := socketio.NewServer(socketio.Options{})
	io.Use(func(s *socketio.Socket) error {
		r := s.Request()
		fmt.Println(r.Method, r.URL.Path, r.FormValue("transport"), r.TLS != nil)
		return nil
	})

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`)
	defer c.close()
	c.print(1)
	// Output:
	// GET /socket.io/ websocket false
	// 40
}

// A socket's log lines say which one it is.
func ExampleSocket_Logger() {
	drop := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "socket" { // which are others each time
			return slog.Attr{}
		}
		return a
	}
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: drop}))
	io := socketio.NewServer(socketio.Options{Logger: logger})
	io.OnConnect(func(s *socketio.Socket) error {
		s.Logger().Info("hello", "transport", s.Transport())
		return nil
	})

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`)
	defer c.close()
	c.print(1)
	// Unordered output:
	// 40
	// level=INFO msg=hello namespace=/ transport=websocket
}

// A middleware stands before all handlers of a namespace: it lets events through, refuses them, or looks how they did.
func ExampleServer_UseEvents() {
	io := socketio.NewServer(socketio.Options{})
	io.UseEvents(func(ctx context.Context, e *socketio.Event, next func(context.Context) error) error {
		if e.Name() == "shutdown" {
			return &socketio.Error{Message: "you may not"}
		}
		err := next(ctx)
		fmt.Println(e.Name(), "with", e.Len(), "argument:", err)
		return err
	})
	socketio.Handle(io, "double", func(ctx context.Context, s *socketio.Socket, n int) (int, error) {
		return 2 * n, nil
	})
	socketio.On0(io, "shutdown", func(ctx context.Context, s *socketio.Socket) error { panic("never") })

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`, `420["double",4]`, `421["shutdown"]`)
	defer c.close()
	c.print(3)
	// Unordered output:
	// 40
	// double with 1 argument: <nil>
	// 430[8]
	// 431[{"error":"you may not"}]
}

// A handler that asks its client something, and goes on when the answer comes.
func ExampleSocket_EmitAck() {
	io := socketio.NewServer(socketio.Options{})
	socketio.On0(io, "guess", func(ctx context.Context, s *socketio.Socket) error {
		return s.Timeout(time.Minute).EmitAck("which number?", func(answer socketio.Args, err error) {
			var n int
			if err != nil || answer.Bind(&n) != nil {
				return // too late, or no number
			}
			_ = s.Emit("result", n == 7)
		})
	})

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`, `42["guess"]`)
	defer c.close()
	c.print(2)
	c.send(`430[7]`)
	c.print(1)
	// Output:
	// 40
	// 420["which number?"]
	// 42["result",true]
}

// All members of a room are asked, and nobody waits for them.
func ExampleBroadcastOperator_EmitAck() {
	io := socketio.NewServer(socketio.Options{})
	joined := make(chan bool)
	io.OnConnect(func(s *socketio.Socket) error { s.Join("jury"); joined <- true; return nil })

	addr, stop := serve(io)
	defer stop()
	c := dial(addr, `40`)
	defer c.close()
	c.print(1)
	<-joined
	voted := make(chan int)
	_ = io.To("jury").Timeout(time.Minute).EmitAck("vote", func(votes []socketio.Args, err error) {
		voted <- len(votes)
	})
	c.print(1)
	c.send(`430["yes"]`)
	fmt.Println(<-voted, "vote")
	// Output:
	// 40
	// 420["vote"]
	// 1 vote
}

// The sockets of this server, and those of a room, are gone through without asking anybody.
func ExampleServer_Sockets() {
	io := socketio.NewServer(socketio.Options{})
	addr, stop := serve(io)
	defer stop()
	ana, bob := dial(addr, `40`), dial(addr, `40`)
	defer ana.close()
	defer bob.close()
	ana.print(1)
	bob.print(1)
	for s := range io.Sockets() {
		s.Join("room")
		break
	}
	all, members := 0, 0
	for range io.Sockets() {
		all++
	}
	for range io.To("room").Sockets() {
		members++
	}
	fmt.Println(all, members)
	// Output:
	// 40
	// 40
	// 2 1
}

// Who comes into a room is told to the others, and what a room needs lasts as long as it has members.
func ExampleServer_OnJoinRoom() {
	io := socketio.NewServer(socketio.Options{})
	io.OnCreateRoom(func(room string) { // a socket's own id is a room too
		if room == "lobby" {
			fmt.Println("open")
		}
	})
	io.OnJoinRoom(func(room string, s *socketio.Socket) {
		if room == "lobby" {
			_ = s.To(room).Emit("joined")
		}
	})
	joined := make(chan bool, 2)
	io.OnConnect(func(s *socketio.Socket) error { s.Join("lobby"); joined <- true; return nil })

	addr, stop := serve(io)
	defer stop()
	ana := dial(addr, `40`)
	defer ana.close()
	ana.print(1)
	<-joined
	bob := dial(addr, `40`)
	defer bob.close()
	ana.print(1)
	// Unordered output:
	// open
	// 40
	// 42["joined"]
}
