package socketio

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

func TestEventAck(t *testing.T) {
	srv := newTestServer(t, Options{})
	errs := make(chan error, 3)
	srv.On("echo", func(e *Event) error {
		if !e.WantsAck() {
			errs <- e.Ack()
			return nil
		}
		args := make([]any, e.Len())
		for i := range args {
			args[i] = e.Raw(i)
		}
		errs <- e.Ack(args...)
		errs <- e.Ack("again")
		return nil
	})
	c := srv.connect()
	c.send(`2456["echo",1,"2",{"3":[false]}]`)
	c.want(`3456[1,"2",{"3":[false]}]`)
	if err := receive(t, "first Ack", errs); err != nil {
		t.Error(err)
	}
	if err := receive(t, "second Ack", errs); !errors.Is(err, ErrAckSent) {
		t.Error(err)
	}
	c.send(`2["echo"]`)
	if err := receive(t, "Ack not asked for", errs); !errors.Is(err, ErrNoAck) {
		t.Error(err)
	}
	c.send(`52-789["echo",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]`, `<bin 010203>`, `<bin 04>`)
	c.want(`62-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, `<bin 04>`, `<bin 010203>`)
}

// TestEmitWithAckInHandler: a handler waits for its own client, which must not wait for the handler.
func TestEmitWithAckInHandler(t *testing.T) {
	srv := newTestServer(t, Options{})
	srv.On("ask", func(e *Event) error {
		reply, err := e.Socket().EmitWithAck(t.Context(), "question", 6, []byte{7})
		if err != nil {
			return err
		}
		var n int
		var b []byte
		if err := reply.Bind(&n, &b); err != nil {
			return err
		}
		return e.Socket().Emit("got", n, b)
	})
	c := srv.connect()
	c.send(`2["ask"]`)
	c.want(`51-0["question",6,{"_placeholder":true,"num":0}]`, `<bin 07>`)
	c.send(`31[1]`, `3[1]`, `30`+"000000000000000000000000"+`1[1]`) // not the answers
	c.send(`61-0[42,{"_placeholder":true,"num":0}]`, `<bin 08>`)
	c.want(`51-["got",42,{"_placeholder":true,"num":0}]`, `<bin 08>`)
	c.send(`30[43]`) // answered already
	c.wantNothing()
}

func TestEmitWithAckFails(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	s := c.socket()
	if _, err := s.Timeout(time.Millisecond).EmitWithAck(t.Context(), "x"); !errors.Is(err, ErrAckTimeout) {
		t.Errorf("after the time-out: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.EmitWithAck(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if s.acks.m != nil {
		t.Errorf("waiters left: %v", s.acks.m)
	}
	c.want(`20["x"]`, `21["x"]`)
	errs := make(chan error)
	go func() { _, err := s.EmitWithAck(context.Background(), "x"); errs <- err }()
	c.want(`22["x"]`)
	c.drop(engineio.ReasonTransportClose)
	if err := receive(t, "EmitWithAck returns", errs); !errors.Is(err, ErrDisconnected) {
		t.Errorf("disconnected: %v", err)
	}
}

func TestBroadcastWithAck(t *testing.T) {
	srv := newTestServer(t, Options{})
	a, b := srv.connect(), srv.connect()
	a.settle()
	b.settle()
	srv.SocketsJoin("r")
	type result struct {
		replies []Args
		err     error
	}
	ask := func(op BroadcastOperator) chan result {
		ch := make(chan result, 1)
		go func() {
			replies, err := op.EmitWithAck(t.Context(), "q")
			ch <- result{replies, err}
		}()
		return ch
	}

	ch := ask(srv.To("r"))
	a.want(`20["q"]`)
	b.want(`20["q"]`)
	a.send(`30["from a",1]`)
	b.send(`30["from b"]`)
	r := receive(t, "all have answered", ch)
	if r.err != nil || len(r.replies) != 2 || r.replies[0].Len() != 2 ||
		string(r.replies[1].Raw(0).JSON()) != `"from b"` {
		t.Errorf("got %v", r)
	}

	ch = ask(srv.Timeout(20 * time.Millisecond))
	a.want(`21["q"]`)
	b.want(`21["q"]`)
	b.send(`31[]`)
	if r = receive(t, "the time-out", ch); !errors.Is(r.err, ErrAckTimeout) || len(r.replies) != 1 {
		t.Errorf("got %v", r)
	}
	eventually(t, "nobody waits any more", func() bool {
		s := a.socket()
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.acks.m == nil
	})

	ch = ask(srv.Local())
	a.want(`22["q"]`)
	b.want(`22["q"]`)
	b.send(`32[]`)
	a.drop(engineio.ReasonTransportClose)
	if r = receive(t, "the other has gone", ch); !errors.Is(r.err, ErrDisconnected) || len(r.replies) != 1 {
		t.Errorf("got %v", r)
	}

	if r = receive(t, "nobody is asked", ask(srv.To("empty"))); r.err != nil || len(r.replies) != 0 {
		t.Errorf("got %v", r)
	}

	sockets, err := srv.FetchSockets(t.Context())
	if err != nil || len(sockets) != 1 {
		t.Fatal(sockets, err)
	}
	go func() {
		if f := b.read(); f != `24["q"]` {
			t.Errorf("received %s", f)
		}
		b.send(`34[9]`)
	}()
	reply, err := sockets[0].EmitWithAck(t.Context(), "q")
	if err != nil || string(reply.Raw(0).JSON()) != "9" {
		t.Errorf("remote socket: %v, %v", reply, err)
	}
	b.drop(engineio.ReasonTransportClose)
	if _, err := sockets[0].EmitWithAck(t.Context(), "q"); !errors.Is(err, ErrDisconnected) {
		t.Errorf("remote socket that is gone: %v", err)
	}
}
