// Command socketclient is the server for socket.io-client's own tests, in the place of the one on Node.js that they
// bring. It listens on localhost:3210.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func main() {
	io := socketio.NewServer(socketio.Options{
		PingInterval: 2 * time.Second,
		AllowRequest: func(*http.Request) error {
			time.Sleep(10 * time.Millisecond) // so that a client's time-out can come first
			return nil
		},
		ConnectionStateRecovery: &socketio.ConnectionStateRecovery{},
	})
	namespaces(io)
	events(io)
	binary(io)
	listener, err := net.Listen("tcp", "localhost:3210")
	if err == nil {
		err = http.Serve(io.Listener(listener), io)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, "socketclient:", err)
		os.Exit(1)
	}
}

func namespaces(io *socketio.Server) {
	for _, name := range []string{"/timeout_socket", "/valid", "/asd"} {
		io.Of(name)
	}
	io.Of("/foo").On("getId", func(e *socketio.Event) error { return e.Ack(e.Socket().ID()) })
	io.Of("/abc").OnConnect(func(s *socketio.Socket) error { return s.Emit("handshake", handshake(s)) })
	io.Of("/no").Use(func(*socketio.Socket) error {
		return &socketio.ConnectError{Message: "Auth failed (custom namespace)"}
	})
	io.Use(func(s *socketio.Socket) error {
		if s.Handshake().Query.Get("fail") != "" {
			return &socketio.ConnectError{Message: "Auth failed (main namespace)"}
		}
		return nil
	})
}

// handshake is as much of a handshake as the tests look at.
func handshake(s *socketio.Socket) any {
	query := make(map[string]string)
	for name := range s.Handshake().Query {
		query[name] = s.Handshake().Query.Get(name)
	}
	return map[string]any{"query": query, "auth": s.Handshake().Auth}
}

func events(io *socketio.Server) {
	io.On("hi", func(e *socketio.Event) error { return e.Socket().Emit("hi") })
	io.On("echo", func(e *socketio.Event) error { return e.Ack(e.Raw(0)) })
	io.On("getId", func(e *socketio.Event) error { return e.Ack(e.Socket().ID()) })
	io.On("getHandshake", func(e *socketio.Event) error { return e.Ack(handshake(e.Socket())) })
	io.On("getAckDate", func(e *socketio.Event) error { return e.Ack(time.Now()) })
	io.On("getDate", func(e *socketio.Event) error { return e.Socket().Emit("takeDate", time.Now()) })
	io.On("getDateObj", func(e *socketio.Event) error {
		return e.Socket().Emit("takeDateObj", map[string]any{"date": time.Now()})
	})
	io.On("false", func(e *socketio.Event) error { return e.Socket().Emit("false", false) })
	io.On("getUtf8", func(e *socketio.Event) error {
		for _, text := range []string{"てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"} {
			if err := e.Socket().Emit("takeUtf8", text); err != nil {
				return err
			}
		}
		return nil
	})
	io.On("ack", func(e *socketio.Event) error {
		return e.Socket().EmitAck("ack", func(args socketio.Args, err error) {
			var number int
			var object struct{ Test bool }
			if err == nil && args.Bind(&number, &object) == nil && number == 5 && object.Test {
				_ = e.Socket().Emit("got it")
			}
		})
	})
}

// mixed is JSON with a binary value in it.
type mixed struct {
	Hello   string
	Message socketio.Binary
	Goodbye string
}

func binary(io *socketio.Server) {
	doge := socketio.Binary("asdfasdf")
	io.On("doge", func(e *socketio.Event) error { return e.Socket().Emit("doge", doge) })
	io.On("getbin", func(e *socketio.Event) error { return e.Socket().Emit("takebin", doge) })
	for event, reply := range map[string]string{"buffa": "buffack", "blob": "back"} {
		io.On(event, func(e *socketio.Event) error {
			var data socketio.Binary
			if err := e.Bind(&data); err != nil {
				return err
			}
			return e.Socket().Emit(reply)
		})
	}
	for _, kind := range []string{"jsonbuff", "jsonblob"} {
		io.On(kind, func(e *socketio.Event) error {
			var m mixed
			if err := e.Bind(&m); err != nil || m.Hello != "lol" || m.Goodbye != "gotcha" || m.Message == nil {
				return errors.Join(err, fmt.Errorf("%s: %+v", kind, m))
			}
			return e.Socket().Emit(kind + "-ack")
		})
	}
	// What comes in a certain order: the names of the events that a socket has sent so far.
	seen := func(s *socketio.Socket, event string) error {
		var before string
		_ = s.Data().Bind(&before) // nothing at first
		return s.SetData(before + event + " ")
	}
	after := func(event, want, reply string) {
		io.On(event, func(e *socketio.Event) error {
			if err := seen(e.Socket(), event); err != nil || reply == "" {
				return err
			}
			var order string
			if err := e.Socket().Data().Bind(&order); err != nil || order != want {
				return errors.Join(err, fmt.Errorf("they came as %q", order))
			}
			return e.Socket().Emit(reply)
		})
	}
	after("abuff1", "", "")
	after("abuff2", "abuff1 abuff2 ", "abuff2-ack")
	after("blob1", "", "")
	after("blob2", "", "")
	after("blob3", "blob1 blob2 blob3 ", "blob3-ack")
}
