package socketio

import (
	"fmt"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// TestSlowHandler: it delays nobody but its own socket, whose events keep their order.
func TestSlowHandler(t *testing.T) {
	srv := newTestServer(t, Options{})
	started, proceed := make(chan struct{}), make(chan struct{})
	srv.On("slow", func(*Event) error { close(started); <-proceed; return nil })
	srv.On("n", func(e *Event) error { return e.Socket().Emit("n", e.Raw(0)) })
	slow, other := srv.connect(), srv.connect()
	slow.send(`2["slow"]`)
	receive(t, "the slow handler runs", started)
	for i := range 50 {
		slow.send(fmt.Sprintf(`2["n",%d]`, i))
		other.send(fmt.Sprintf(`2["n",%d]`, i))
	}
	for i := range 50 {
		other.want(fmt.Sprintf(`2["n",%d]`, i))
	}
	if slow.mu.Lock(); len(slow.frames) > 0 {
		t.Errorf("overtook: %q", slow.frames)
	}
	slow.mu.Unlock()
	close(proceed)
	for i := range 50 {
		slow.want(fmt.Sprintf(`2["n",%d]`, i))
	}
}

func TestBackPressure(t *testing.T) {
	srv := newTestServer(t, Options{MaxInboundBytes: 4 * (eventOverhead + 100)})
	started, proceed := make(chan struct{}, 1), make(chan struct{})
	srv.On("slow", func(*Event) error { started <- struct{}{}; <-proceed; return nil })
	srv.On("x", func(e *Event) error { return e.Socket().Emit("x") })
	event := `2["x","` + strings.Repeat("x", 80) + `"]`

	// The handlers catch up: everything is handled.
	c := srv.connect()
	c.send(`2["slow"]`)
	receive(t, "the slow handler runs", started)
	for i := range 20 { // a read may bring more than fits
		c.send(event)
		if got, want := c.pauses.Load(), int32(0); i < 4 && got != want {
			t.Errorf("%d pauses after %d events", got, i+1)
		} else if i >= 4 && got != 1 {
			t.Errorf("%d pauses after %d events, want 1", got, i+1)
		}
	}
	if err := c.socket().Emit("still writable"); err != nil {
		t.Error(err)
	}
	c.want(`2["still writable"]`)
	close(proceed)
	for range 20 {
		c.want(`2["x"]`)
	}
	if n := c.pauses.Load(); n != 0 {
		t.Errorf("%d pauses without an end", n)
	}

	// The client goes: nothing is left paused.
	proceed = make(chan struct{})
	c = srv.connect()
	c.send(`2["slow"]`)
	receive(t, "the slow handler runs", started)
	for range 20 {
		c.send(event)
	}
	if n := c.pauses.Load(); n != 1 {
		t.Errorf("%d pauses, want 1", n)
	}
	c.drop(engineio.ReasonPingTimeout)
	if n := c.pauses.Load(); n != 0 {
		t.Errorf("%d pauses of a socket that is closed", n)
	}
	close(proceed)
}

// TestOneLargePacket: a packet larger than the bound is taken all the same.
func TestOneLargePacket(t *testing.T) {
	srv := newTestServer(t, Options{MaxInboundBytes: 10})
	srv.On("x", func(e *Event) error { return e.Ack(len(e.Raw(0).JSON())) })
	c := srv.connect()
	c.send(`20["x","`+strings.Repeat("x", 1000)+`"]`, `21["x",1]`)
	c.want(`30[1002]`, `31[1]`)
}
