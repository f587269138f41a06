package socketio

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

func TestConnect(t *testing.T) {
	srv := newTestServer(t, Options{})
	sockets := make(chan *Socket, 1)
	srv.OnConnect(func(s *Socket) error { sockets <- s; return s.Emit("hello", s.ID()) })
	c := srv.dial()
	c.send(`0{"token":1.50}`)
	c.connected()
	s := receive(t, "OnConnect", sockets)
	c.want(fmt.Sprintf(`2["hello",%q]`, c.sid))

	if s.ID() != c.sid || !s.Connected() || s.Recovered() || s.Namespace().Name() != "/" || s.Transport() != "websocket" {
		t.Errorf("socket %q, connected %v, recovered %v, in %s", s.ID(), s.Connected(), s.Recovered(), s.Namespace().Name())
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
	if string(h.Auth.JSON()) != `{"token":1.50}` || h.Address != "192.0.2.7" || !slices.Equal(h.Query["room"], []string{"a", "b"}) ||
		h.Headers.Get("User-Agent") != "test" || h.Host != "example.test" || h.Secure || h.XDomain ||
		h.URL != "/socket.io/?EIO=4&transport=websocket&room=a&room=b" || h.Time.Unix() != 1700000000 {
		t.Errorf("handshake %+v", h)
	}
	if s.Data() != nil {
		t.Errorf("data %v", s.Data())
	}
	s.SetData(7)
	if s.Data() != 7 {
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

// TestEventOrder: the namespace's handlers come before the socket's, catch-alls and middlewares before both.
func TestEventOrder(t *testing.T) {
	srv := newTestServer(t, Options{})
	var mu sync.Mutex
	var got []string
	note := func(what string) func(*Event) error {
		return func(e *Event) error {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, what+":"+e.Name())
			return nil
		}
	}
	srv.OnAny(note("ns any"))
	srv.On("a", note("ns"))
	srv.OnConnect(func(s *Socket) error {
		s.OnAny(note("any"))
		s.Use(note("use"))
		s.On("a", note("1"))
		s.On("a", note("2"))
		s.On("12", note("number"))
		s.On("gone", note("gone"))
		s.Off("gone")
		return nil
	})
	c := srv.connect()
	c.send(`2["a"]`, `2["b"]`, `2[12]`, `2["gone"]`)
	c.settle()
	want := "ns any:a any:a use:a ns:a 1:a 2:a ns any:b any:b use:b ns any:12 any:12 use:12 number:12 ns any:gone any:gone use:gone"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func TestPacketMiddlewareRefuses(t *testing.T) {
	failed := make(chan error, 1)
	srv := newTestServer(t, Options{OnError: func(_ *Socket, err error) { failed <- err }})
	refused := errors.New("not you")
	srv.OnConnect(func(s *Socket) error {
		s.Use(func(e *Event) error {
			if e.Name() == "secret" {
				return refused
			}
			return nil
		})
		s.On("secret", func(*Event) error { t.Error("handled"); return nil })
		s.On("open", func(*Event) error { return s.Emit("ok") })
		return nil
	})
	c := srv.connect()
	c.send(`2["secret"]`, `2["open"]`)
	c.want(`2["ok"]`)
	if err := receive(t, "OnError", failed); !errors.Is(err, refused) {
		t.Errorf("OnError got %v", err)
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
		if s.Data() != "seen" || s.Connected() {
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
	if logs := srv.logs.String(); !strings.Contains(logs, "boom") || !strings.Contains(logs, "socket_test.go") {
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

func TestDisconnectReasons(t *testing.T) {
	tests := []struct {
		name   string
		do     func(*testServer, *testClient)
		want   Reason
		frames []string // what the client still gets; "" is the end of the session
	}{
		{"client leaves", func(_ *testServer, c *testClient) { c.send("1") }, ReasonClientDisconnect, nil},
		{"server disconnects", func(_ *testServer, c *testClient) { c.socket().Disconnect(false) }, ReasonServerDisconnect, []string{"1"}},
		{"server closes", func(_ *testServer, c *testClient) { c.socket().Disconnect(true) }, ReasonServerDisconnect, []string{"1", ""}},
		{"all disconnected", func(srv *testServer, c *testClient) { srv.To(c.sid).DisconnectSockets(false) }, ReasonServerDisconnect, []string{"1"}},
		{"parse error", func(_ *testServer, c *testClient) { c.send("2{}") }, ReasonParseError, []string{""}},
		{"second CONNECT", func(_ *testServer, c *testClient) { c.send("0") }, ReasonForcedServerClose, []string{""}},
		{"unknown namespace's event", func(_ *testServer, c *testClient) { c.send(`2/x,["x"]`) }, ReasonForcedServerClose, []string{""}},
		{"transport close", func(_ *testServer, c *testClient) { c.drop(engineio.ReasonTransportClose) }, ReasonTransportClose, []string{""}},
		{"transport error", func(_ *testServer, c *testClient) { c.drop(engineio.ReasonTransportError) }, ReasonTransportError, []string{""}},
		{"ping timeout", func(_ *testServer, c *testClient) { c.drop(engineio.ReasonPingTimeout) }, ReasonPingTimeout, []string{""}},
		{"engine's parse error", func(_ *testServer, c *testClient) { c.drop(engineio.ReasonParseError) }, ReasonParseError, []string{""}},
		{"forced close", func(_ *testServer, c *testClient) { c.drop(engineio.ReasonForcedClose) }, ReasonForcedClose, []string{""}},
		{"slow client", func(_ *testServer, c *testClient) { c.drop(engineio.ReasonSlowClient) }, ReasonSlowClient, []string{""}},
		{"shutdown", func(srv *testServer, c *testClient) {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := srv.Shutdown(ctx); err != nil {
				srv.t.Error(err)
			}
		}, ReasonServerShutdown, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := newTestServer(t, Options{})
			events := make(chan string, 10)
			srv.OnDisconnecting(func(s *Socket, r Reason) { events <- fmt.Sprint("ns disconnecting ", len(s.Rooms()), r) })
			srv.OnDisconnect(func(s *Socket, r Reason) { events <- fmt.Sprint("ns disconnect ", len(s.Rooms()), r) })
			srv.OnConnect(func(s *Socket) error {
				s.OnDisconnecting(func(r Reason) {
					s.Join("too late")
					events <- fmt.Sprint("disconnecting ", len(s.Rooms()), s.Connected(), r)
				})
				s.OnDisconnect(func(r Reason) {
					s.Join("too late")
					events <- fmt.Sprint("disconnect ", len(s.Rooms()), s.Connected(), r)
				})
				s.Join("r")
				return nil
			})
			c := srv.connect()
			c.settle()
			s := c.socket()
			tt.do(srv, c)
			for _, want := range []string{"ns disconnecting 2", "disconnecting 2 false", "ns disconnect 0", "disconnect 0 false"} {
				if got := receive(t, want, events); got != want+string(tt.want) {
					t.Errorf("got %q, want %q", got, want+string(tt.want))
				}
			}
			c.want(tt.frames...)
			eventually(t, "nothing is left", func() bool {
				return srv.SocketCount() == 0 && !srv.main.adapter.(*MemoryAdapter).HasRoom("r") &&
					!srv.main.adapter.(*MemoryAdapter).HasRoom(s.ID()) && !srv.main.adapter.(*MemoryAdapter).HasRoom("too late")
			})
			if err := s.Emit("x"); !errors.Is(err, ErrDisconnected) {
				t.Errorf("Emit afterwards: %v", err)
			}
			if _, err := s.EmitWithAck(t.Context(), "x"); !errors.Is(err, ErrDisconnected) {
				t.Errorf("EmitWithAck afterwards: %v", err)
			}
			if len(events) > 0 {
				t.Errorf("also %q", <-events)
			}
		})
	}
}

func TestDisconnectClosesEveryNamespace(t *testing.T) {
	srv := newTestServer(t, Options{})
	reasons := make(chan string, 2)
	for _, ns := range []*Namespace{srv.main, srv.Of("x")} {
		ns.OnDisconnect(func(s *Socket, r Reason) { reasons <- s.Namespace().Name() + " " + string(r) })
	}
	c := srv.connect()
	c.send(`0/x,`)
	c.want(`0/x,{"sid":"<SID>"}`)
	c.socket().Disconnect(true)
	c.want(`1`, `1/x,`, "")
	got := []string{receive(t, "one", reasons), receive(t, "two", reasons)}
	slices.Sort(got)
	if !slices.Equal(got, []string{"/ server namespace disconnect", "/x server namespace disconnect"}) {
		t.Errorf("got %q", got)
	}
}

// TestBacklogAtDisconnect: what a client sent before it left is handled; what it sent before it was thrown out is not.
func TestBacklogAtDisconnect(t *testing.T) {
	for _, byClient := range []bool{true, false} {
		srv := newTestServer(t, Options{})
		started, proceed := make(chan struct{}), make(chan struct{})
		var got []string
		srv.On("slow", func(*Event) error { close(started); <-proceed; got = append(got, "slow"); return nil })
		srv.On("x", func(*Event) error { got = append(got, "x"); return nil })
		over := make(chan struct{})
		srv.OnDisconnect(func(*Socket, Reason) { close(over) })
		c := srv.connect()
		c.send(`2["slow"]`, `2["x"]`)
		receive(t, "the handler runs", started)
		if byClient {
			c.drop(engineio.ReasonTransportClose)
		} else {
			c.socket().Disconnect(false)
		}
		close(proceed)
		receive(t, "OnDisconnect", over)
		want := []string{"slow"}
		if byClient {
			want = []string{"slow", "x"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("by the client %v: handled %q, want %q", byClient, got, want)
		}
	}
}

func TestReconnectToNamespace(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	first := c.sid
	c.send("1", "0")
	c.connected()
	if c.sid == first {
		t.Error("the same id again")
	}
	c.wantNothing()
}

func TestReservedEvents(t *testing.T) {
	srv := newTestServer(t, Options{})
	s := srv.connect().socket()
	for _, name := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"} {
		_, err1 := s.EmitWithAck(t.Context(), name)
		_, err2 := srv.EmitWithAck(t.Context(), name)
		for _, err := range []error{s.Emit(name), srv.Emit(name), srv.To("r").Emit(name), err1, err2} {
			if !errors.Is(err, ErrReservedEvent) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := srv.ServerSideEmit("connection"); !errors.Is(err, ErrReservedEvent) {
		t.Errorf("ServerSideEmit: %v", err)
	}
	if err := srv.ServerSideEmit("x", 1); err != nil {
		t.Errorf("ServerSideEmit: %v", err)
	}
}

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

func TestVolatile(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	s := c.socket()
	c.mu.Lock()
	c.congested = true
	c.mu.Unlock()
	if err := errors.Join(s.Volatile().Emit("lost"), srv.Volatile().Emit("lost"), s.Compress(false).Emit("kept")); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.congested = false
	c.mu.Unlock()
	if err := s.Volatile().Compress(true).Emit("kept too"); err != nil {
		t.Fatal(err)
	}
	c.want(`2["kept"]`, `2["kept too"]`)
	if o := srv.opts[c.messages[len(c.messages)-2]]; !o.NoCompress || o.Volatile {
		t.Errorf("Compress(false) is sent with %+v", o)
	}
}

func TestHandlerFailures(t *testing.T) {
	type failure struct {
		s   *Socket
		err error
	}
	failures := make(chan failure, 10)
	srv := newTestServer(t, Options{OnError: func(s *Socket, err error) {
		failures <- failure{s, err}
		panic("the hook, too")
	}})
	cause := errors.New("broken")
	srv.On("error", func(*Event) error { return cause })
	srv.On("panic", func(*Event) error { panic(cause) })
	srv.On("nil", func(e *Event) error { e.Raw(0).Attachments()[7] = nil; return nil })
	srv.On("ping", func(e *Event) error { return e.Ack() })
	srv.OnDisconnecting(func(*Socket, Reason) { panic("disconnecting") })
	srv.OnDisconnect(func(*Socket, Reason) { panic("disconnect") })
	bystander, c := srv.connect(), srv.connect()
	s := c.socket()
	c.send(`2["error"]`, `2["panic"]`, `2["nil"]`, `20["ping"]`)
	c.want(`30[]`)
	bystander.send(`20["ping"]`)
	bystander.want(`30[]`)
	c.drop(engineio.ReasonTransportClose)

	if f := receive(t, "the error", failures); f.s != s || f.err != cause {
		t.Errorf("got %v", f)
	}
	for range 4 {
		f := receive(t, "a panic", failures)
		var pe *PanicError
		if f.s != s || !errors.As(f.err, &pe) || !strings.Contains(string(pe.Stack), "socket_test.go") {
			t.Errorf("got %v", f)
		}
	}
	eventually(t, "the socket is gone", func() bool { return srv.SocketCount() == 1 })
	for _, what := range []string{"broken", "index out of range [7]", "the hook, too", "goroutine", s.ID()} {
		if !strings.Contains(srv.logs.String(), what) {
			t.Errorf("not logged: %s", what)
		}
	}
}

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

// TestIdleGoroutines: when there is nothing to do, no worker is left.
func TestIdleGoroutines(t *testing.T) {
	srv := newTestServer(t, Options{})
	srv.On("x", func(e *Event) error { return e.Ack() })
	clients := make([]*testClient, 40)
	for i := range clients {
		clients[i] = srv.connect()
	}
	for _, c := range clients {
		c.send(`20["x"]`)
	}
	for _, c := range clients {
		c.want(`30[]`)
	}
	eventually(t, "no worker is left", func() bool { return srv.workers.running() == 0 })
	clients[0].send(`21["x"]`)
	clients[0].want(`31[]`)
}

func TestShutdownWaitsForHandlers(t *testing.T) {
	srv := newTestServer(t, Options{})
	started, proceed := make(chan struct{}), make(chan struct{})
	srv.On("slow", func(*Event) error { close(started); <-proceed; return nil })
	c := srv.connect()
	c.send(`2["slow"]`)
	receive(t, "the handler runs", started)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown with a handler running: %v", err)
	}
	close(proceed)
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}
