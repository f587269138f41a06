package socketio

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A client that is let go first gets the acknowledgement that a handler is still working on, and what it says before it
// knows is still handled; it sees its connection end, but no disconnection from the namespace, so it will come back.
func TestDrainFinishesWhatIsUnderWay(t *testing.T) {
	srv, addr := startServer(t, Options{})
	started, proceed := make(chan struct{}), make(chan struct{})
	heard, reasons := make(chan string, 10), make(chan Reason, 10)
	srv.On("ask", func(e *Event) error { close(started); <-proceed; return e.Ack("answer") })
	srv.On("say", func(e *Event) error {
		heard <- string(e.Raw(0).JSON())
		if rooms := e.Socket().Rooms(); len(rooms) != 1 {
			t.Errorf("a handler behind the end finds the socket in rooms %v", rooms)
		}
		return nil
	})
	srv.OnDisconnect(func(_ *Socket, r Reason) { reasons <- r })
	c, other := dialWS(t, addr), dialWS(t, addr)
	for _, c := range []*wsClient{c, other} {
		c.send("40")
		c.want(`40{"sid":"<SID>"}`)
	}
	c.send(`427["ask"]`)
	receive(t, "the handler runs", started)
	result := make(chan error, 1)
	go func() { result <- srv.Drain(t.Context(), 0) }()
	other.want("closed")
	if r := receive(t, "the other's end", reasons); r != ReasonServerShutdown {
		t.Errorf("reason %q", r)
	}
	c.send(`42["say","meanwhile"]`)
	close(proceed)
	c.want(`437["answer"]`)
	c.send(`42["say","before the close frame was seen"]`)
	c.want("closed")
	for _, want := range []string{`"meanwhile"`, `"before the close frame was seen"`} {
		if got := receive(t, want, heard); got != want {
			t.Errorf("heard %s, want %s", got, want)
		}
	}
	if err := receive(t, "Drain returns", result); err != nil {
		t.Error(err)
	}
}

// An acknowledgement that the client owes is waited for too; one that does not come is not waited for for ever.
func TestDrainWaitsForAcknowledgements(t *testing.T) {
	for name, answers := range map[string]bool{"given": true, "never given": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, addr := startServer(t, Options{})
			c := dialWS(t, addr)
			c.send("40")
			c.want(`40{"sid":"<SID>"}`)
			acked := make(chan error, 1)
			go func() {
				_, err := srv.Socket(c.sid).EmitWithAck(t.Context(), "really?")
				acked <- err
			}()
			c.want(`420["really?"]`)
			result := make(chan error, 1)
			go func() { result <- srv.Drain(t.Context(), 0) }()
			if answers {
				time.Sleep(50 * time.Millisecond) // its turn has come; if not, the test asks for less
				c.send(`430["yes"]`)
			}
			c.want("closed")
			err := receive(t, "the acknowledgement", acked)
			if answers && err != nil || !answers && !errors.Is(err, ErrDisconnected) {
				t.Errorf("EmitWithAck: %v", err)
			}
			if err := receive(t, "Drain returns", result); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDrainIsBoundedByItsContext(t *testing.T) {
	srv, addr := startServer(t, Options{})
	c := dialWS(t, addr)
	c.send("40")
	c.want(`40{"sid":"<SID>"}`)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := srv.Drain(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	c.send(`40/x,`)
	c.want(`44/x,{"message":"Invalid namespace"}`) // it is still served
}
