package socketio

// Typed handlers, as a client sees them.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// order is an argument that checks itself, by its pointer.
type order struct {
	Item string `json:"item"`
	N    int    `json:"n"`
}

func (o *order) Validate() error {
	if o.N < 1 {
		return errors.New("n must be positive")
	}
	return nil
}

// color checks itself by its value.
type color string

func (c color) Validate() error {
	if c != "red" {
		return &Error{Message: "unknown color", Data: string(c)}
	}
	return nil
}

// TestTypedHandlers: what a client gets for what it sends. {} in a want is nothing: no acknowledgement comes.
func TestTypedHandlers(t *testing.T) {
	srv := newTestServer(t, Options{})
	calls := make(chan string, 10)
	Handle0(srv, "none", func(context.Context, *Socket) (int, error) { return 7, nil })
	Handle(srv, "order", func(_ context.Context, _ *Socket, o order) (order, error) { o.N++; return o, nil })
	Handle(srv, "maybe", func(_ context.Context, _ *Socket, o *order) (bool, error) { return o != nil, nil })
	Handle(srv, "raw", func(_ context.Context, _ *Socket, r Raw) (bool, error) { return r.IsZero(), nil })
	Handle(srv, "color", func(_ context.Context, _ *Socket, c color) (color, error) { return c, nil })
	Handle(srv, "bytes", func(_ context.Context, _ *Socket, b []byte) ([]byte, error) { return b[1:], nil })
	Handle2(srv, "two", func(_ context.Context, _ *Socket, a string, b int) (string, error) {
		return strings.Repeat(a, b), nil
	})
	Handle3(srv, "three", func(_ context.Context, _ *Socket, a, b int, c *int) ([]int, error) {
		if c != nil {
			a += *c
		}
		return []int{a, b}, nil
	})
	Handle(srv, "fails", func(context.Context, *Socket, string) (int, error) { return 1, errors.New("secret") })
	Handle(srv, "refuses", func(_ context.Context, _ *Socket, s string) (int, error) {
		return 0, fmt.Errorf("refused: %w", &Error{Message: "not " + s})
	})
	Handle(srv, "panics", func(context.Context, *Socket, int) (int, error) { panic("oh") })
	Handle(srv, "unencodable", func(context.Context, *Socket, int) (func(), error) { return func() {}, nil })
	On0(srv, "event 0", func(context.Context, *Socket) error { calls <- "0"; return nil })
	On(srv, "event 1", func(_ context.Context, _ *Socket, a string) error { calls <- a; return nil })
	On2(srv, "event 2", func(_ context.Context, _ *Socket, a, b string) error { calls <- a + b; return nil })
	On3(srv, "event 3", func(_ context.Context, _ *Socket, a, b, c color) error { return nil })
	On(srv, "event fails", func(context.Context, *Socket, int) error { return &Error{Message: "no"} })

	const invalid = `[{"error":"invalid arguments"}]`
	for _, tt := range []struct{ name, sent, want string }{
		{"no argument", `["none"]`, `[7]`},
		{"one", `["order",{"item":"a","n":1}]`, `[{"item":"a","n":2}]`},
		{"two", `["two","ab",2]`, `["abab"]`},
		{"three", `["three",1,2,3]`, `[[4,2]]`},
		{"surplus", `["order",{"item":"a","n":1},"more"]`, `[{"item":"a","n":2}]`},
		{"surplus of none", `["none",1,2]`, `[7]`},
		{"missing", `["order"]`, invalid},
		{"missing second", `["two","ab"]`, invalid},
		{"wrong type", `["order",5]`, invalid},
		{"wrong type of a field", `["order",{"item":5,"n":1}]`, invalid},
		{"wrong second", `["two","ab","2"]`, invalid},
		{"optional", `["maybe",{"item":"a","n":1}]`, `[true]`},
		{"optional, left out", `["maybe"]`, `[false]`},
		{"optional, null", `["maybe",null]`, `[false]`},
		{"optional, invalid", `["maybe",{"item":"a"}]`, `[{"error":"n must be positive"}]`},
		{"optional, wrong type", `["maybe","x"]`, invalid},
		{"optional third", `["three",1,2]`, `[[1,2]]`},
		{"raw, left out", `["raw"]`, `[true]`},
		{"invalid by pointer", `["order",{"item":"a"}]`, `[{"error":"n must be positive"}]`},
		{"invalid by value", `["color","blue"]`, `[{"error":"unknown color","data":"blue"}]`},
		{"valid by value", `["color","red"]`, `["red"]`},
		{"invalid third", `["event 3","red","red","blue"]`, `[{"error":"unknown color","data":"blue"}]`},
		{"an error", `["fails","x"]`, `[{"error":"internal error"}]`},
		{"an error for the client", `["refuses","x"]`, `[{"error":"not x"}]`},
		{"a panic", `["panics",1]`, `[{"error":"internal error"}]`},
		{"an answer that cannot be", `["unencodable",1]`, `[{"error":"internal error"}]`},
		{"an event of none", `["event 0"]`, `[]`},
		{"an event of one", `["event 1","a"]`, `[]`},
		{"an event of two", `["event 2","a","b"]`, `[]`},
		{"an event of three", `["event 3","red","red","red"]`, `[]`},
		{"an event that fails", `["event fails",1]`, `[{"error":"no"}]`},
		{"an event, wrong type", `["event 1",1]`, invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := srv.connect()
			before := srv.Stats().InvalidEvents
			c.send("21" + tt.sent)
			c.want("31" + tt.want)
			counted := srv.Stats().InvalidEvents - before
			refused := tt.want == invalid || strings.Contains(tt.want, "positive") || strings.Contains(tt.want, "color")
			if (counted == 1) != refused {
				t.Errorf("%d refused arguments are counted", counted)
			}
			c.send("2" + tt.sent) // nobody waits for an answer
			c.settle()
			c.wantNothing()
		})
	}
	t.Run("binary", func(t *testing.T) {
		c := srv.connect()
		c.send(`51-1["bytes",{"_placeholder":true,"num":0}]`, "<bin 0102>")
		c.want(`61-1[{"_placeholder":true,"num":0}]`, "<bin 02>")
	})
}

// TestTypedHandlerTargets: handlers are set alike on a server, a namespace and a socket, and taken off alike.
func TestTypedHandlerTargets(t *testing.T) {
	srv := newTestServer(t, Options{})
	answerWith := func(text string) func(context.Context, *Socket) (string, error) {
		return func(context.Context, *Socket) (string, error) { return text, nil }
	}
	Handle0(srv, "server", answerWith("server"))
	Handle0(srv.Of("/a"), "namespace", answerWith("namespace"))
	c := srv.connect()
	l := Handle0(c.socket(), "socket", answerWith("socket"))
	c.send(`21["server"]`, `22["socket"]`)
	c.want(`31["server"]`, `32["socket"]`)
	c.send("0/a,")
	c.want(`0/a,{"sid":"<SID>"}`)
	c.send(`2/a,3["namespace"]`)
	c.want(`3/a,3["namespace"]`)
	l.Off()
	c.send(`24["socket"]`, `25["server"]`)
	c.want(`35["server"]`)
}

// TestAnswerBeatsNoAnswer: a handler without an answer does not take the acknowledgement away from one that has one.
func TestAnswerBeatsNoAnswer(t *testing.T) {
	srv := newTestServer(t, Options{})
	On0(srv, "x", func(context.Context, *Socket) error { return nil })
	Handle0(srv, "x", func(context.Context, *Socket) (int, error) { return 1, nil })
	On0(srv, "x", func(context.Context, *Socket) error { return nil })
	c := srv.connect()
	c.send(`21["x"]`)
	c.want(`31[1]`)
	c.settle()
	c.wantNothing()
}

// TestTypedHandlerContext: what a handler is given ends when its client is gone.
func TestTypedHandlerContext(t *testing.T) {
	srv := newTestServer(t, Options{})
	began, ended := make(chan *Socket, 1), make(chan error, 1)
	On0(srv, "work", func(ctx context.Context, s *Socket) error {
		began <- s
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return ctx.Err()
	})
	c := srv.connect()
	want := c.socket()
	c.send(`2["work"]`)
	if s := receive(t, "the handler runs", began); s != want {
		t.Errorf("the handler gets %v", s)
	}
	c.drop(engineio.ReasonPingTimeout)
	var gone *DisconnectError
	if err := receive(t, "the context ends", ended); !errors.As(err, &gone) || gone.Reason != ReasonPingTimeout {
		t.Errorf("the cause is %v", err)
	}
}

// TestInvalidArgumentsAreNoFailure: clients can send what they like without a line in the log for each.
func TestInvalidArgumentsAreNoFailure(t *testing.T) {
	srv := newTestServer(t, Options{})
	On(srv, "x", func(context.Context, *Socket, order) error { return nil })
	c := srv.connect()
	c.send(`2["x",{"n":0}]`, `2["x",1]`)
	c.settle()
	if log := srv.logs.String(); strings.Contains(log, "level=ERROR") || !strings.Contains(log, "n must be positive") {
		t.Errorf("the log:\n%s", log)
	}
}

// BenchmarkHandle is what an event costs from its packet to its answer, with a handler that binds its arguments itself
// and with a typed one.
func BenchmarkHandle(b *testing.B) {
	type request struct {
		Item string `json:"item"`
		N    int    `json:"n"`
	}
	for _, bm := range []struct {
		name, message string
		set           func(*Server)
	}{
		{"1 argument/On and Bind", `27["x",{"item":"a","n":1}]`, func(srv *Server) {
			srv.On("x", func(e *Event) error {
				var in request
				if err := e.Bind(&in); err != nil {
					return err
				}
				return e.Ack(in.N)
			})
		}},
		{"1 argument/Handle", `27["x",{"item":"a","n":1}]`, func(srv *Server) {
			Handle(srv, "x", func(_ context.Context, _ *Socket, in request) (int, error) { return in.N, nil })
		}},
		{"3 arguments/On and Bind", `27["x","a",1,true]`, func(srv *Server) {
			srv.On("x", func(e *Event) error {
				var a string
				var n int
				var c bool
				if err := e.Bind(&a, &n, &c); err != nil {
					return err
				}
				return e.Ack(n)
			})
		}},
		{"3 arguments/Handle3", `27["x","a",1,true]`, func(srv *Server) {
			Handle3(srv, "x", func(_ context.Context, _ *Socket, _ string, n int, _ bool) (int, error) {
				return n, nil
			})
		}},
		{"1 argument/Handle, a middleware", `27["x",{"item":"a","n":1}]`, func(srv *Server) {
			srv.UseEvents(func(ctx context.Context, _ *Event, next func(context.Context) error) error {
				return next(ctx)
			})
			Handle(srv, "x", func(_ context.Context, _ *Socket, in request) (int, error) { return in.N, nil })
		}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			srv, sockets := sinks(b, 1)
			bm.set(srv)
			s := sockets[0]
			b.ReportAllocs()
			for b.Loop() {
				p, err := parser.Default{}.Decode(nil, []byte(bm.message), false)
				if err != nil {
					b.Fatal(err)
				}
				e := &Event{Args: p.Args(), socket: s, name: p.Event, ackID: p.ID}
				e.ack.v.Store(ackWanted)
				s.handle(e)
			}
			if s.session.(*sink).sent.Load() < int64(b.N) {
				b.Error("events have not been answered")
			}
		})
	}
}
