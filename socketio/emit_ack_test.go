package socketio

// EmitAck: acknowledgements that come to a callback.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// answered is what a callback got.
type answered struct {
	text string
	err  error
}

func tell(ch chan<- answered) func(Args, error) {
	return func(a Args, err error) { ch <- answered{string(a.Raw(0).JSON()), err} }
}

// TestEmitAck: the callback is called once, whatever ends the wait.
func TestEmitAck(t *testing.T) {
	srv := newTestServer(t, Options{})
	for name, tt := range map[string]struct {
		emit Emitter
		then func(*testClient)
		want string
		err  error
	}{
		"an answer": {then: func(c *testClient) { c.send("3<ID>[5]") }, want: "5"},
		"an answer in time": {
			emit: Emitter{timeout: time.Hour}, then: func(c *testClient) { c.send("3<ID>[5]") }, want: "5"},
		"no answer": {
			emit: Emitter{timeout: time.Millisecond}, then: func(*testClient) {}, err: ErrAckTimeout},
		"the client goes": {
			then: func(c *testClient) { c.drop(engineio.ReasonTransportClose) }, err: ErrDisconnected},
		"the client leaves":  {then: func(c *testClient) { c.send("1") }, err: ErrDisconnected},
		"the server ends it": {then: func(c *testClient) { c.socket().Disconnect(true) }, err: ErrDisconnected},
		"gone before its time": {
			emit: Emitter{timeout: time.Hour}, then: func(c *testClient) { c.send("1") }, err: ErrDisconnected},
	} {
		t.Run(name, func(t *testing.T) {
			c := srv.connect()
			s := c.socket()
			tt.emit.socket = s
			got := make(chan answered, 2)
			if err := tt.emit.EmitAck("ask", tell(got), 1); err != nil {
				t.Fatal(err)
			}
			f := c.read()
			id := strings.TrimSuffix(strings.TrimPrefix(f, "2"), `["ask",1]`)
			ids := strings.NewReplacer("<ID>", id)
			sent := c.conn
			tt.then(c.with(ids))
			a := receive(t, "the callback", got)
			if a.text != tt.want || !errors.Is(a.err, tt.err) || tt.err == nil && a.err != nil {
				t.Errorf("the callback got %q, %v", a.text, a.err)
			}
			sent.OnMessage([]byte("3"+id+"[6]"), false) // comes too late, or again
			eventually(t, "the socket is idle", func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				return !s.inbox.running
			})
			select {
			case a := <-got:
				t.Errorf("the callback got %q, %v too", a.text, a.err)
			default:
			}
		})
	}
}

// with is the client, which replaces what it sends.
func (c *testClient) with(r *strings.Replacer) *testClient {
	c.replace = r
	return c
}

// TestEmitAckErrors: where EmitAck fails nothing has been sent, and the callback is not called.
func TestEmitAckErrors(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	s := c.socket()
	never := func(Args, error) { t.Error("the callback is called") }
	if err := s.EmitAck("disconnect", never); !errors.Is(err, ErrReservedEvent) {
		t.Errorf("a reserved name: %v", err)
	}
	if err := s.EmitAck("x", never, func() {}); err == nil {
		t.Error("a function can be sent")
	}
	err := srv.To("a").EmitAck("disconnect", func([]Args, error) { never(Args{}, nil) })
	if !errors.Is(err, ErrReservedEvent) {
		t.Errorf("a broadcast of a reserved name: %v", err)
	}
	c.wantNothing()
	c.drop(engineio.ReasonTransportClose)
	if err := s.Timeout(time.Hour).EmitAck("x", never); !errors.Is(err, ErrDisconnected) {
		t.Errorf("after the end: %v", err)
	}
}

// TestEmitAckOrder: a callback is one of the socket's handlers. It waits for the one that runs, comes where the client
// has sent the acknowledgement, and before the end.
func TestEmitAckOrder(t *testing.T) {
	srv := newTestServer(t, Options{})
	var mu sync.Mutex
	var order []string
	note := func(s string) { mu.Lock(); defer mu.Unlock(); order = append(order, s) }
	release, ended := make(chan bool), make(chan bool)
	srv.On("first", func(e *Event) error {
		for i := range 2 {
			answer := func(_ Args, err error) { note(fmt.Sprint("answer ", i, " ", err)) }
			if err := e.Socket().EmitAck("ask", answer); err != nil {
				return err
			}
		}
		<-release
		note("first")
		return nil
	})
	srv.On("second", func(*Event) error { note("second"); return nil })
	srv.On("third", func(*Event) error { note("third"); return nil })
	srv.OnDisconnect(func(*Socket, Reason) { note("disconnect"); close(ended) })
	c := srv.connect()
	c.send(`2["first"]`)
	c.want(`20["ask"]`, `21["ask"]`)
	c.send(`2["second"]`, `30[]`, `2["third"]`)
	c.drop(engineio.ReasonTransportClose)
	close(release)
	receive(t, "the end", ended)
	want := []string{"first", "second", "answer 0 <nil>", "third", "answer 1 " + ErrDisconnected.Error(), "disconnect"}
	if !slices.Equal(order, want) {
		t.Errorf("the order is %q, want %q", order, want)
	}
}

// TestEmitAckSurvivesDisconnect: a disconnection by the server drops events, but no callback.
func TestEmitAckSurvivesDisconnect(t *testing.T) {
	srv := newTestServer(t, Options{})
	got, release := make(chan answered, 1), make(chan bool)
	srv.On("work", func(*Event) error { <-release; return nil })
	srv.On("dropped", func(*Event) error { t.Error("a dropped event is handled"); return nil })
	c := srv.connect()
	s := c.socket()
	if err := s.EmitAck("ask", tell(got)); err != nil {
		t.Fatal(err)
	}
	c.want(`20["ask"]`)
	c.send(`2["work"]`, `2["dropped"]`, `30[4]`, `2["dropped"]`)
	s.Disconnect(false)
	close(release)
	if a := receive(t, "the callback", got); a.text != "4" || a.err != nil {
		t.Errorf("the callback got %q, %v", a.text, a.err)
	}
	if s.conn.waiting.Load() != 0 {
		t.Errorf("%d bytes wait for ever", s.conn.waiting.Load())
	}
}

// TestBroadcastEmitAck: the callback gets what EmitWithAck returns, and nobody waits.
func TestBroadcastEmitAck(t *testing.T) {
	type replies struct {
		n   int
		err error
	}
	got := make(chan replies, 1)
	f := func(a []Args, err error) { got <- replies{len(a), err} }
	t.Run("all answer", func(t *testing.T) {
		srv := newTestServer(t, Options{})
		clients := []*testClient{srv.connect(), srv.connect()}
		if err := srv.Timeout(time.Hour).EmitAck("ask", f); err != nil {
			t.Fatal(err)
		}
		for _, c := range clients {
			c.want(`20["ask"]`)
			c.send(`30[1]`)
		}
		if r := receive(t, "the callback", got); r.n != 2 || r.err != nil {
			t.Errorf("%d answers, %v", r.n, r.err)
		}
	})
	t.Run("time-out", func(t *testing.T) {
		srv := newTestServer(t, Options{})
		c := srv.connect()
		srv.connect()
		c.socket().Join("a")
		if err := srv.To("a").Timeout(time.Millisecond).EmitAck("ask", f); err != nil {
			t.Fatal(err)
		}
		if r := receive(t, "the callback", got); r.n != 0 || !errors.Is(r.err, ErrAckTimeout) {
			t.Errorf("%d answers, %v", r.n, r.err)
		}
	})
	t.Run("one leaves", func(t *testing.T) {
		srv := newTestServer(t, Options{})
		c := srv.connect()
		if err := srv.Local().EmitAck("ask", f); err != nil {
			t.Fatal(err)
		}
		c.drop(engineio.ReasonTransportClose)
		if r := receive(t, "the callback", got); r.n != 0 || !errors.Is(r.err, ErrDisconnected) {
			t.Errorf("%d answers, %v", r.n, r.err)
		}
	})
	t.Run("the server ends, and waits for the callback", func(t *testing.T) {
		silent := func(ns *Namespace) Adapter { return silentPeer{NewMemoryAdapter(ns)} }
		srv := newTestServer(t, Options{Adapter: silent})
		if err := srv.To("nobody").Timeout(time.Hour).EmitAck("ask", f); err != nil {
			t.Fatal(err)
		}
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		select {
		case r := <-got:
			if !errors.Is(r.err, context.Canceled) || !errors.Is(r.err, ErrIncomplete) {
				t.Errorf("%d answers, %v", r.n, r.err)
			}
		default:
			t.Error("Shutdown does not wait for the callback")
		}
	})
	t.Run("a panic is reported", func(t *testing.T) {
		errs := make(chan error, 1)
		srv := newTestServer(t, Options{OnError: func(_ *Socket, err error) { errs <- err }})
		if err := srv.To("nobody").EmitAck("ask", func([]Args, error) { panic("oh") }); err != nil {
			t.Fatal(err)
		}
		var panicked *PanicError
		if err := receive(t, "OnError", errs); !errors.As(err, &panicked) {
			t.Errorf("reported: %v", err)
		}
	})
}

// silentPeer is an adapter with another server that never answers.
type silentPeer struct{ *MemoryAdapter }

func (silentPeer) ServerCount(context.Context) (int, error) { return 2, nil }
