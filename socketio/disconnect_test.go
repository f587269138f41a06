package socketio

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

func TestDisconnectReasons(t *testing.T) {
	dropped := func(r engineio.Reason) func(*testServer, *testClient) {
		return func(_ *testServer, c *testClient) { c.drop(r) }
	}
	tests := []struct {
		name   string
		do     func(*testServer, *testClient)
		want   Reason
		frames []string // what the client still gets; "" is the end of the session
	}{
		{"client leaves", func(_ *testServer, c *testClient) { c.send("1") }, ReasonClientDisconnect, nil},
		{"server disconnects", func(_ *testServer, c *testClient) { c.socket().Disconnect(false) },
			ReasonServerDisconnect, []string{"1"}},
		{"server closes", func(_ *testServer, c *testClient) { c.socket().Disconnect(true) },
			ReasonServerDisconnect, []string{"1", ""}},
		{"all disconnected", func(srv *testServer, c *testClient) { srv.To(c.sid).DisconnectSockets(false) },
			ReasonServerDisconnect, []string{"1"}},
		{"parse error", func(_ *testServer, c *testClient) { c.send("2{}") }, ReasonForcedClose, []string{""}},
		{"second CONNECT", func(_ *testServer, c *testClient) { c.send("0") }, ReasonForcedClose, []string{""}},
		{"unknown namespace's event", func(_ *testServer, c *testClient) { c.send(`2/x,["x"]`) },
			ReasonForcedClose, []string{""}},
		{"transport close", dropped(engineio.ReasonTransportClose), ReasonTransportClose, []string{""}},
		{"transport error", dropped(engineio.ReasonTransportError), ReasonTransportError, []string{""}},
		{"ping timeout", dropped(engineio.ReasonPingTimeout), ReasonPingTimeout, []string{""}},
		{"engine's parse error", dropped(engineio.ReasonParseError), ReasonParseError, []string{""}},
		{"forced close", dropped(engineio.ReasonForcedClose), ReasonForcedClose, []string{""}},
		{"slow client", dropped(engineio.ReasonSlowClient), ReasonSlowClient, []string{""}},
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
			srv.OnDisconnecting(func(s *Socket, r Reason) {
				events <- fmt.Sprint("ns disconnecting ", len(s.Rooms()), r)
			})
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
			for _, want := range []string{
				"ns disconnecting 2", "disconnecting 2 false", "ns disconnect 0", "disconnect 0 false",
			} {
				if got := receive(t, want, events); got != want+string(tt.want) {
					t.Errorf("got %q, want %q", got, want+string(tt.want))
				}
			}
			c.want(tt.frames...)
			eventually(t, "nothing is left", func() bool {
				has := srv.main.adapter.(*MemoryAdapter).HasRoom
				return srv.SocketCount() == 0 && !has("r") && !has(s.ID()) && !has("too late")
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

// A middleware has begun something for a client that is gone when it returns: it hears of that once, and nobody else.
func TestConnectAborted(t *testing.T) {
	srv := newTestServer(t, Options{})
	entered, leave := make(chan struct{}), make(chan struct{})
	refuse := false
	srv.Use(func(*Socket) error {
		entered <- struct{}{}
		<-leave
		if refuse {
			return errors.New("no")
		}
		return nil
	})
	aborted := make(chan Reason, 10)
	listener := srv.Of("/").OnConnectAborted(func(s *Socket, r Reason) {
		if s.Connected() {
			t.Error("it is connected")
		}
		aborted <- r
	})
	ended := make(chan Reason, 10)
	srv.OnConnect(func(*Socket) error { ended <- "connected"; return nil })
	srv.OnDisconnect(func(_ *Socket, r Reason) { ended <- r })
	for _, refused := range []bool{false, true} {
		refuse = refused
		c := srv.dial()
		c.send("0")
		<-entered
		c.drop("transport close")
		leave <- struct{}{}
		if r := receive(t, "the end", aborted); r != "transport close" {
			t.Errorf("refused %v: got %q", refused, r)
		}
	}
	refuse = true
	c := srv.dial() // refused in time
	c.send("0")
	<-entered
	leave <- struct{}{}
	if got := c.read(); got != `4{"message":"no"}` {
		t.Errorf("got %s", got)
	}
	listener.Off()
	refuse = false
	c = srv.dial()
	c.send("0")
	<-entered
	c.drop("transport close")
	leave <- struct{}{}
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if len(aborted) > 0 || len(ended) > 0 {
		t.Errorf("%d more have been aborted, %d ended", len(aborted), len(ended))
	}
}
