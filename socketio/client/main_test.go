package client_test

// What the tests of this package share: servers of Node.js and ours that do the same.

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/test/nodeserver"
)

// node has the servers of Node.js, for all tests.
var node nodeserver.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(node.Around(m)) }

// patience is how long a test waits for what must happen. It is no measure of speed.
const patience = 4 * time.Second

// transports are the ways a client may connect.
var transports = map[string][]string{
	"polling": {"polling"}, "websocket": {"websocket"}, "default": nil,
}

// eachServer runs a test against Node.js' server and ours.
func eachServer(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	t.Run("ours", func(t *testing.T) { f(t, ourServer(t)) })
	t.Run("node", func(t *testing.T) { f(t, node.URL(t, "client/server.mjs")) })
}

// eachRecovering is eachServer with connection state recovery.
func eachRecovering(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	var opts socketio.Options
	opts.ConnectionStateRecovery = &socketio.ConnectionStateRecovery{MaxDisconnectionDuration: time.Minute}
	t.Run("ours", func(t *testing.T) { f(t, serverWith(t, opts)) })
	t.Run("node", func(t *testing.T) { f(t, node.URL(t, "client/server.mjs", "RECOVERY=1")) })
}

// ourServer does the same as test/js/client/server.mjs.
func ourServer(t testing.TB) (url string) { return serverWith(t, socketio.Options{}) }

func serverWith(t testing.TB, opts socketio.Options) (url string) {
	t.Helper()
	opts.PingInterval = time.Second
	io := socketio.NewServer(opts)
	io.Use(func(s *socketio.Socket) error {
		if s.Handshake().Query.Get("fail") != "" {
			return &socketio.ConnectError{Message: "main says no"}
		}
		return nil
	})
	io.Of("/no").Use(func(*socketio.Socket) error {
		return &socketio.ConnectError{Message: "no says no", Data: map[string]int{"code": 4001}}
	})
	var retried atomic.Int64
	for _, name := range []string{"/", "/foo", "/bar", "/no"} {
		serve(io.Of(name), &retried)
	}
	server := httptest.NewServer(http.HandlerFunc(io.ServeHTTP))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := io.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return server.URL
}

func serve(ns *socketio.Namespace, retried *atomic.Int64) {
	all := func(e *socketio.Event) []any {
		args := make([]any, e.Len())
		for i := range args {
			args[i] = e.Raw(i)
		}
		return args
	}
	ns.On("echo", func(e *socketio.Event) error { return e.Ack(all(e)...) })
	ns.On("bounce", func(e *socketio.Event) error { return e.Socket().Emit("bounced", all(e)...) })
	ns.On("id", func(e *socketio.Event) error { return e.Ack(e.Socket().ID()) })
	ns.On("handshake", func(e *socketio.Event) error {
		h := e.Socket().Handshake()
		query := make(map[string]string)
		for k, v := range h.Query {
			query[k] = v[0]
		}
		var agent any
		if a := h.Headers.Get("X-Agent"); a != "" {
			agent = a
		}
		return e.Ack(map[string]any{"auth": h.Auth, "query": query, "agent": agent})
	})
	ns.On("ask", func(e *socketio.Event) error {
		s, args := e.Socket(), all(e)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			answer, err := s.EmitWithAck(ctx, "question", args...)
			if err != nil {
				return
			}
			given := make([]any, answer.Len())
			for i := range given {
				given[i] = answer.Raw(i)
			}
			_ = s.Emit("answered", given...)
		}()
		return nil
	})
	ns.On("count", func(e *socketio.Event) error {
		var n int
		if err := e.Bind(&n); err != nil {
			return err
		}
		for i := range n {
			if err := e.Socket().Emit("n", i); err != nil {
				return err
			}
		}
		return nil
	})
	ns.On("leave me", func(e *socketio.Event) error {
		var closes bool
		if err := e.Bind(&closes); err != nil {
			return err
		}
		e.Socket().Disconnect(closes)
		return nil
	})
	ns.On("third", func(e *socketio.Event) error {
		if n := retried.Add(1); n%3 == 0 {
			return e.Ack(e.Raw(0), n)
		}
		return nil
	})
	ns.On("join", func(e *socketio.Event) error {
		var room string
		if err := e.Bind(&room); err != nil {
			return err
		}
		e.Socket().Join(room)
		return e.Ack()
	})
	ns.On("tell", func(e *socketio.Event) error {
		var room, text string
		if err := e.Bind(&room, &text); err != nil {
			return err
		}
		return ns.To(room).Emit("told", text)
	})
}

// newSocket returns a socket that ends with the test.
func newSocket(t testing.TB, url string, opts client.Options) *client.Socket {
	t.Helper()
	s, err := client.New(url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

// stop closes the connection of s and waits until nothing is left of it.
func stop(t testing.TB, s *client.Socket) {
	t.Helper()
	s.Conn().Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Conn().Wait(ctx); err != nil {
		t.Error(err)
	}
}

// connect is newSocket and its connection.
func connect(t testing.TB, url string, opts client.Options) *client.Socket {
	t.Helper()
	s := newSocket(t, url, opts)
	open(t, s)
	return s
}

func open(t testing.TB, s *client.Socket) {
	t.Helper()
	if err := s.Connect(deadline(t)); err != nil {
		t.Fatal(err)
	}
}

// deadline is a context for what must happen.
func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func receive[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("never happened: %s", what)
		panic("unreachable")
	}
}

// hear returns what comes with an event, as JSON: its arguments, one after the other.
func hear(s *client.Socket, event string) <-chan string {
	ch := make(chan string, 1<<14)
	s.On(event, func(e *client.Event) error {
		text := ""
		for i := range e.Len() {
			text += string(e.Raw(i).Inline()) + " "
		}
		ch <- text
		return nil
	})
	return ch
}

func disconnects(s *client.Socket) <-chan client.Reason {
	ch := make(chan client.Reason, 100)
	s.OnDisconnect(func(r client.Reason, _ error) { ch <- r })
	return ch
}

func connects(s *client.Socket) <-chan string {
	ch := make(chan string, 100)
	s.OnConnect(func() { ch <- s.ID() })
	return ch
}

func connectErrors(s *client.Socket) <-chan error {
	ch := make(chan error, 1000)
	s.OnConnectError(func(err error) { ch <- err })
	return ch
}
