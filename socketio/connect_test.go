package socketio

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

func TestConnect(t *testing.T) {
	srv := newTestServer(t, Options{})
	sockets := make(chan *Socket, 1)
	srv.OnConnect(func(s *Socket) error { sockets <- s; return s.Emit("hello", s.ID()) })
	c := srv.dial()
	c.send(`0{"token":1.50}`)
	c.connected()
	s := receive(t, "OnConnect", sockets)
	c.want(fmt.Sprintf(`2["hello",%q]`, c.sid))

	if s.ID() != c.sid || !s.Connected() || s.Recovered() || s.Namespace().Name() != "/" ||
		s.Transport() != "websocket" {
		t.Errorf("socket %q, connected %v, recovered %v, in %s", s.ID(), s.Connected(), s.Recovered(),
			s.Namespace().Name())
	}
	if s.SessionID() == s.ID() {
		t.Error("the socket's id gives away the session's")
	}
	if srv.Socket(c.sid) != s || srv.SocketCount() != 1 {
		t.Errorf("Socket: %v, count %d", srv.Socket(c.sid), srv.SocketCount())
	}
	if rooms := s.Rooms(); !slices.Equal(rooms, []string{c.sid}) {
		t.Errorf("rooms %q", rooms)
	}
	h := s.Handshake()
	if string(h.Auth.JSON()) != `{"token":1.50}` || h.Address != "192.0.2.7" ||
		!slices.Equal(h.Query["room"], []string{"a", "b"}) ||
		h.Headers.Get("User-Agent") != "test" || h.Host != "example.test" || h.Secure || h.XDomain ||
		h.URL != "/socket.io/?EIO=4&transport=websocket&room=a&room=b" || h.Time.Unix() != 1700000000 {
		t.Errorf("handshake %+v", h)
	}
	if data := s.Data(); string(data.JSON()) != "{}" {
		t.Errorf("data %v", s.Data())
	}
	s.SetData(7)
	if data := s.Data(); string(data.JSON()) != "7" {
		t.Errorf("data %v", s.Data())
	}
}

func TestHandshakeWithoutAuth(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	if auth := c.socket().Handshake().Auth.JSON(); string(auth) != `{}` {
		t.Errorf("auth %s", auth)
	}
}

func TestConnectTimeout(t *testing.T) {
	srv := newTestServer(t, Options{ConnectTimeout: 30 * time.Millisecond})
	idle, joined := srv.dial(), srv.connect()
	eventually(t, "the idle client is closed", func() bool { _, closed := idle.isClosed(); return closed })
	if reason, _ := idle.isClosed(); reason != engineio.ReasonForcedClose {
		t.Errorf("closed for %q", reason)
	}
	// It has left again, so that it is in no namespace; as with Node, that is its right.
	joined.send("1")
	joined.settle()
	time.Sleep(60 * time.Millisecond)
	if _, closed := joined.isClosed(); closed {
		t.Error("a client that had joined is closed")
	}
}

func TestNamespaceMiddleware(t *testing.T) {
	srv := newTestServer(t, Options{})
	srv.Use(func(s *Socket) error {
		s.Join("early")
		s.SetData("seen")
		switch string(s.Handshake().Auth.JSON()) {
		case `{"as":"nobody"}`:
			return errors.New(`no "body"`)
		case `{"as":"guest"}`:
			return &ConnectError{Message: "no guests", Data: map[string]any{"code": 7, "html": "<&>"}}
		case `{"as":"bomb"}`:
			panic("boom")
		}
		return nil
	})
	srv.Use(func(s *Socket) error {
		if data := s.Data(); string(data.JSON()) != `"seen"` || s.Connected() {
			t.Errorf("second middleware: data %v, connected %v", s.Data(), s.Connected())
		}
		return nil
	})
	srv.On("rooms", func(e *Event) error { return e.Socket().Emit("rooms", e.Socket().Rooms()) })

	c := srv.dial()
	c.send(`0{"as":"nobody"}`)
	c.want(`4{"message":"no \"body\""}`)
	c.send(`0{"as":"guest"}`)
	c.want(`4{"message":"no guests","data":{"code":7,"html":"<&>"}}`)
	c.send(`0{"as":"bomb"}`)
	c.want(`4{"message":"Internal server error"}`)
	c.settle()
	eventually(t, "refused sockets leave no room behind", func() bool {
		return !srv.main.adapter.(*MemoryAdapter).HasRoom("early") && srv.SocketCount() == 0
	})
	if logs := srv.logs.String(); !strings.Contains(logs, "boom") || !strings.Contains(logs, "connect_test.go") {
		t.Errorf("the panic is not logged with its stack: %s", logs)
	}

	c.send(`0`)
	c.connected()
	c.send(`2["rooms"]`)
	c.want(fmt.Sprintf(`2["rooms",[%q,"early"]]`, c.sid))
}

// TestEventBeforeRefusal: who sends events without waiting for the answer to its CONNECT is out of turn if that is no.
func TestEventBeforeRefusal(t *testing.T) {
	srv := newTestServer(t, Options{})
	proceed := make(chan struct{})
	srv.Use(func(*Socket) error { <-proceed; return errors.New("no") })
	srv.On("x", func(*Event) error { t.Error("handled"); return nil })
	c := srv.dial()
	c.send(`0`, `2["x"]`)
	close(proceed)
	c.want(`4{"message":"no"}`, "")
}

// TestEventBeforeAcceptance: where the answer is yes, they are handled after OnConnect.
func TestEventBeforeAcceptance(t *testing.T) {
	srv := newTestServer(t, Options{})
	proceed := make(chan struct{})
	srv.Use(func(*Socket) error { <-proceed; return nil })
	srv.OnConnect(func(s *Socket) error {
		s.On("x", func(*Event) error { return s.Emit("x") })
		return s.Emit("connected")
	})
	c := srv.dial()
	c.send(`0`, `2["x"]`)
	close(proceed)
	c.want(`0{"sid":"<SID>"}`, `2["connected"]`, `2["x"]`)
}

func TestCloseDuringMiddleware(t *testing.T) {
	srv := newTestServer(t, Options{})
	started, proceed := make(chan struct{}), make(chan struct{})
	srv.Use(func(s *Socket) error { s.Join("r"); close(started); <-proceed; return nil })
	srv.OnConnect(func(*Socket) error { t.Error("connected"); return nil })
	srv.OnDisconnect(func(*Socket, Reason) { t.Error("disconnected") })
	c := srv.dial()
	c.send(`0`)
	receive(t, "the middleware runs", started)
	c.drop(engineio.ReasonTransportClose)
	close(proceed)
	eventually(t, "nothing is left", func() bool {
		return srv.SocketCount() == 0 && !srv.main.adapter.(*MemoryAdapter).HasRoom("r")
	})
	if len(c.frames) > 0 {
		t.Errorf("received %q", c.frames)
	}
}
