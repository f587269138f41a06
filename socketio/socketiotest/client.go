package socketiotest

// Clients in a line: each keeps what comes, until the test expects it.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

// A Client is a client whose events can be waited for. Handlers may be added to its Socket as well. What goes wrong
// ends the test: its methods are for the test's own goroutine, but for those of Socket.
type Client struct {
	*client.Socket
	t      testing.TB
	server *Server

	mu      sync.Mutex
	events  []*client.Event // that have come and have not been expected
	reasons []client.Reason // of disconnections
	came    chan struct{}   // of one: there is something new
}

func newClient(t testing.TB, s *Server, socket *client.Socket) *Client {
	c := &Client{Socket: socket, t: t, server: s, came: make(chan struct{}, 1)}
	socket.OnAny(func(e *client.Event) error {
		c.keep(func() { c.events = append(c.events, e) })
		return nil
	})
	socket.OnDisconnect(func(r client.Reason, _ error) { c.keep(func() { c.reasons = append(c.reasons, r) }) })
	t.Cleanup(func() {
		socket.Conn().Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := socket.Conn().Wait(ctx); err != nil {
			t.Errorf("socketiotest: %v", err)
		}
	})
	return c
}

func (c *Client) keep(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	select {
	case c.came <- struct{}{}:
	default:
	}
}

func (c *Client) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// Connect connects the client, or again. When it returns the server's handlers of OnConnect have run.
func (c *Client) Connect() {
	c.t.Helper()
	if err := c.TryConnect(); err != nil {
		c.t.Fatalf("socketiotest: connect: %v", err)
	}
}

// TryConnect is Connect for a connection that the server may refuse, with a *client.ConnectError.
func (c *Client) TryConnect() error {
	ctx, cancel := c.context()
	defer cancel()
	if err := c.Socket.Connect(ctx); err != nil {
		return err
	}
	_, err := c.Socket.EmitWithAck(ctx, SettleEvent)
	if errors.Is(err, client.ErrDisconnected) { // a handler has disconnected it
		return nil
	}
	return err
}

// Emit emits an event.
func (c *Client) Emit(event string, args ...any) {
	c.t.Helper()
	if err := c.Socket.Emit(event, args...); err != nil {
		c.t.Fatalf("socketiotest: emit %q: %v", event, err)
	}
}

// EmitWithAck emits an event and returns the acknowledgement.
func (c *Client) EmitWithAck(event string, args ...any) parser.Args {
	c.t.Helper()
	ctx, cancel := c.context()
	defer cancel()
	answer, err := c.Socket.EmitWithAck(ctx, event, args...)
	if err != nil {
		c.t.Fatalf("socketiotest: emit %q: %v", event, err)
	}
	return answer
}

// Expect waits for the next event of that name, and binds its arguments to what ptrs point to. Events of other names
// that have come before it stay to be expected. The test ends where none comes within that time, or an argument does
// not fit.
func (c *Client) Expect(event string, within time.Duration, ptrs ...any) *client.Event {
	c.t.Helper()
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	for {
		if e := c.take(event); e != nil {
			if err := e.Bind(ptrs...); err != nil {
				c.t.Fatalf("socketiotest: event %q: %v", event, err)
			}
			return e
		}
		select {
		case <-c.came:
		case <-timeout.C:
			c.t.Fatalf("socketiotest: no event %q within %v; %s", event, within, c.waiting())
			return nil
		}
	}
}

// take removes and returns the first event of that name.
func (c *Client) take(event string) *client.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, e := range c.events {
		if e.Name() == event {
			c.events = append(c.events[:i:i], c.events[i+1:]...)
			return e
		}
	}
	return nil
}

// waiting says what has come.
func (c *Client) waiting() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.events) == 0 {
		return "nothing else has come"
	}
	var b strings.Builder
	b.WriteString("what has come:")
	for _, e := range c.events {
		fmt.Fprintf(&b, "\n\t%s", describe(e))
	}
	return b.String()
}

func describe(e *client.Event) string {
	var b strings.Builder
	b.WriteString(e.Name())
	for i := range e.Len() {
		b.WriteString(" ")
		b.Write(e.Raw(i).JSON())
	}
	return b.String()
}

// ExpectNone ends the test where one of these events has come, or is on its way (Server.Settle), and has not been
// expected. Without a name no event at all must be there.
func (c *Client) ExpectNone(events ...string) {
	c.t.Helper()
	c.server.Settle(c.t)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.events {
		unwanted := len(events) == 0
		for _, name := range events {
			unwanted = unwanted || name == e.Name()
		}
		if unwanted {
			c.t.Fatalf("socketiotest: unexpected event: %s", describe(e))
		}
	}
}

// ExpectDisconnect waits until the client is disconnected, and returns the reason.
func (c *Client) ExpectDisconnect(within time.Duration) client.Reason {
	c.t.Helper()
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	for {
		c.mu.Lock()
		if len(c.reasons) > 0 {
			reason := c.reasons[0]
			c.reasons = c.reasons[1:]
			c.mu.Unlock()
			return reason
		}
		c.mu.Unlock()
		select {
		case <-c.came:
		case <-timeout.C:
			c.t.Fatalf("socketiotest: not disconnected within %v", within)
			return ""
		}
	}
}

// drained waits until the handlers have run for what has come.
func (c *Client) drained(ctx context.Context) error {
	done := make(chan struct{})
	c.Socket.Do(func() { close(done) })
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
