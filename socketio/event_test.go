package socketio

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

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
	want := "ns any:a any:a use:a ns:a 1:a 2:a ns any:b any:b use:b " +
		"ns any:12 any:12 use:12 number:12 ns any:gone any:gone use:gone"
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

func TestReservedEvents(t *testing.T) {
	srv := newTestServer(t, Options{})
	s := srv.connect().socket()
	for _, name := range []string{
		"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
	} {
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

func TestEmitErrors(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	s := c.socket()
	bad := make(chan int)
	_, err1 := s.EmitWithAck(t.Context(), "x", bad)
	_, err2 := srv.EmitWithAck(t.Context(), "x", bad)
	for i, err := range []error{s.Emit("x", bad), srv.Emit("x", bad), srv.To("r").Emit("x", bad), err1, err2} {
		if err == nil {
			t.Errorf("%d: no error", i)
		}
	}
	c.wantNothing()
}

func TestVolatile(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	s := c.socket()
	c.mu.Lock()
	c.congested = true
	c.mu.Unlock()
	if err := errors.Join(s.Volatile().Emit("lost"), srv.Volatile().Emit("lost"),
		s.Compress(false).Emit("kept")); err != nil {
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
		if f.s != s || !errors.As(f.err, &pe) || !strings.Contains(string(pe.Stack), "event_test.go") {
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

// TestOrder: what one goroutine emits to one socket arrives in that order, directly, by its id, by a room, to all.
func TestOrder(t *testing.T) {
	srv := newTestServer(t, Options{})
	c := srv.connect()
	c.settle()
	s := c.socket()
	s.Join("r", "q")
	const n = 200
	for i := range n {
		var err error
		switch i % 5 {
		case 0:
			err = s.Emit("n", i)
		case 1:
			err = srv.To(s.ID()).Emit("n", i)
		case 2:
			err = srv.To("r").Emit("n", i)
		case 3:
			err = srv.To("r", "q", s.ID()).Emit("n", i)
		case 4:
			err = srv.Emit("n", i)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		c.want(fmt.Sprintf(`2["n",%d]`, i))
	}
}
