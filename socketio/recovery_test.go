package socketio

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// wantEvent reads an event and returns the offset at its end.
func (c *testClient) wantEvent(prefix string) string {
	c.srv.t.Helper()
	f := c.read()
	if !strings.HasPrefix(f, prefix+`,"`) {
		c.srv.t.Fatalf("received %s, want %s and an offset", f, prefix)
	}
	i := strings.LastIndex(f, `,"`)
	return strings.TrimSuffix(f[i+2:], `"]`)
}

func TestRecovery(t *testing.T) {
	srv := newTestServer(t, Options{ConnectionStateRecovery: &ConnectionStateRecovery{}})
	middlewares := make(chan string, 10)
	srv.Use(func(s *Socket) error { middlewares <- s.ID(); return nil })
	connects := make(chan *Socket, 10)
	srv.OnConnect(func(s *Socket) error { connects <- s; return nil })
	c := srv.connect()
	s := receive(t, "OnConnect", connects)
	receive(t, "the middleware", middlewares)
	c.settle()
	if len(c.pid) != 20 || c.pid == c.sid || s.Recovered() {
		t.Fatalf("pid %q", c.pid)
	}
	s.Join("r")
	s.SetData(map[string]int{"n": 1})
	s.Emit("direct", 1)
	srv.To("r").Emit("room", 2)
	srv.To("r").Volatile().Emit("volatile")
	c.wantEvent(`2["direct",1`)
	offset := c.wantEvent(`2["room",2`)
	c.want(`2["volatile"]`)
	if strings.Count(offset, ",") > 0 {
		t.Errorf("offset %s", offset)
	}

	c.drop(engineio.ReasonTransportClose)
	eventually(t, "it is gone", func() bool { return srv.SocketCount() == 0 })
	s.Emit("missed direct", []byte{1})
	srv.To("r").Emit("missed room")
	srv.To("elsewhere").Emit("not its room")
	srv.Except("r").Emit("excepted")
	srv.To("r").Volatile().Emit("missed volatile")
	srv.Emit("missed all")

	again := srv.dial()
	again.send(fmt.Sprintf(`0{"pid":%q,"offset":%q}`, c.pid, offset))
	f := again.read()
	if !strings.HasPrefix(f, `51-["missed direct",{"_placeholder":true,"num":0},"`) {
		t.Fatalf("received %s", f)
	}
	again.want(`<bin 01>`)
	again.wantEvent(`2["missed room"`)
	last := again.wantEvent(`2["missed all"`)
	again.connected()
	if again.sid != c.sid || again.pid != c.pid {
		t.Errorf("resumed as %s, %s, want %s, %s", again.sid, again.pid, c.sid, c.pid)
	}
	s2 := receive(t, "OnConnect", connects)
	again.settle()
	var data map[string]int
	if err := s2.Data().Bind(&data); err != nil || !s2.Recovered() || s2 == s || data["n"] != 1 ||
		!slices.Equal(s2.Rooms(), []string{c.sid, "r"}) {
		t.Errorf("recovered %v, data %v, rooms %q", s2.Recovered(), s2.Data(), s2.Rooms())
	}
	if len(middlewares) > 0 {
		t.Error("the middleware ran")
	}
	srv.To("r").Emit("live")
	again.wantEvent(`2["live"`)

	// What cannot be resumed begins anew.
	again.drop(engineio.ReasonTransportClose)
	eventually(t, "it is gone", func() bool { return srv.SocketCount() == 0 })
	for _, auth := range []string{
		fmt.Sprintf(`{"pid":%q,"offset":"x"}`, c.pid), fmt.Sprintf(`{"pid":%q,"offset":%q}`, c.pid, last+"zz"),
		fmt.Sprintf(`{"pid":%q}`, c.pid), fmt.Sprintf(`{"pid":"x","offset":%q}`, last),
		fmt.Sprintf(`{"pid":7,"offset":%q}`, last),
	} {
		d := srv.dial()
		d.send(`0` + auth)
		d.connected()
		if s := receive(t, "OnConnect", connects); d.sid == c.sid || s.Recovered() {
			t.Errorf("resumed with %s", auth)
		}
		d.settle()
	}
}

func TestRecoveryOnlyWhereTheClientMayReturn(t *testing.T) {
	for _, byClient := range []bool{true, false} {
		srv := newTestServer(t, Options{ConnectionStateRecovery: &ConnectionStateRecovery{}})
		c := srv.connect()
		c.settle()
		srv.Emit("x")
		offset := c.wantEvent(`2["x"`)
		if byClient {
			c.send("1")
		} else {
			c.socket().Disconnect(false)
		}
		eventually(t, "it is gone", func() bool { return srv.SocketCount() == 0 })
		d := srv.dial()
		d.send(fmt.Sprintf(`0{"pid":%q,"offset":%q}`, c.pid, offset))
		d.connected()
		if d.sid == c.sid {
			t.Error("resumed")
		}
	}
}

func TestRecoveryRunsMiddlewares(t *testing.T) {
	srv := newTestServer(t, Options{ConnectionStateRecovery: &ConnectionStateRecovery{RunMiddlewares: true}})
	recovered := make(chan bool, 2)
	srv.Use(func(s *Socket) error {
		recovered <- s.Recovered()
		srv.Emit("during the middleware")
		return nil
	})
	c := srv.connect()
	receive(t, "the middleware", recovered)
	c.settle()
	srv.Emit("x")
	offset := c.wantEvent(`2["x"`)
	c.drop(engineio.ReasonPingTimeout)
	eventually(t, "it is gone", func() bool { return srv.SocketCount() == 0 })
	d := srv.dial()
	d.send(fmt.Sprintf(`0{"pid":%q,"offset":%q}`, c.pid, offset))
	d.wantEvent(`2["during the middleware"`) // nothing is lost meanwhile
	d.connected()
	if !receive(t, "the middleware", recovered) || d.sid != c.sid {
		t.Error("not resumed")
	}
}

func TestRecoveryExpires(t *testing.T) {
	now := time.Unix(1000, 0)
	var adapter *RecoveryAdapter
	srv := newTestServer(t, Options{
		ConnectionStateRecovery: &ConnectionStateRecovery{},
		Adapter: func(ns *Namespace) Adapter {
			adapter = NewRecoveryAdapter(ns, time.Minute)
			adapter.now = func() time.Time { return now }
			return adapter
		},
	})
	srv.Emit("x", 1)
	offset := adapter.prefix + "0"
	adapter.PersistSession(SavedSession{SID: "sid", PID: "pid"})
	now = now.Add(time.Minute)
	if s, err := adapter.RestoreSession(t.Context(), "pid", offset); s == nil || err != nil {
		t.Fatalf("after a minute: %v, %v", s, err)
	}
	now = now.Add(time.Second)
	if s, err := adapter.RestoreSession(t.Context(), "pid", offset); s != nil || err != nil {
		t.Fatalf("after more: %v, %v", s, err)
	}
	adapter.PersistSession(SavedSession{SID: "sid", PID: "pid"})
	if s, _ := adapter.RestoreSession(t.Context(), "pid", offset); s != nil {
		t.Fatal("the packet is too old, and the session was restored")
	}
	srv.Emit("x", 2)
	if len(adapter.packets) != 1 {
		t.Errorf("%d packets kept", len(adapter.packets))
	}
	s, _ := adapter.RestoreSession(t.Context(), "pid", adapter.prefix+"1")
	if s == nil {
		t.Fatal("not restored")
	}
	s.Resume(func(missed []*Packet) {
		if len(missed) != 0 {
			t.Errorf("%d missed", len(missed))
		}
	})
}

// TestRecoveryLosesNothing: a client that comes and goes while others broadcast gets every event once, in order.
func TestRecoveryLosesNothing(t *testing.T) {
	srv := newTestServer(t, Options{ConnectionStateRecovery: &ConnectionStateRecovery{}})
	srv.OnConnect(func(s *Socket) error { s.Join("r"); return nil })
	c := srv.connect()
	c.settle()
	const n = 2000
	go func() {
		for i := range n {
			if err := srv.To("r").Emit("n", i); err != nil {
				t.Error(err)
			}
			if i%50 == 0 {
				time.Sleep(time.Millisecond) // or it is over before the client has gone once
			}
		}
	}()
	next, resumed := 0, 0
	for next < n {
		var offset string
		for range 1 + next%7 {
			offset = c.wantEvent(fmt.Sprintf(`2["n",%d`, next))
			if next++; next == n {
				break
			}
		}
		if next == n {
			break
		}
		c.drop(engineio.ReasonTransportError)
		eventually(t, "it is gone", func() bool { return srv.SocketCount() == 0 })
		d := srv.dial()
		d.send(fmt.Sprintf(`0{"pid":%q,"offset":%q}`, c.pid, offset))
		for {
			f := d.read()
			if strings.HasPrefix(f, `0{"sid"`) {
				if sid, _ := between(f, `"sid":"`, `"`); sid != c.sid {
					t.Fatalf("not resumed: %s", f)
				}
				break
			}
			if !strings.HasPrefix(f, fmt.Sprintf(`2["n",%d,`, next)) {
				t.Fatalf("received %s, want event %d", f, next)
			}
			next++
		}
		d.sid, d.pid = c.sid, c.pid
		c = d
		resumed++
	}
	if resumed < 5 {
		t.Errorf("resumed only %d times", resumed)
	}
}

// takenOnce hands a session out to one client, as a store that servers share does.
type takenOnce struct {
	*RecoveryAdapter
	asked chan context.Context
	wait  bool
}

func (a *takenOnce) RestoreSession(ctx context.Context, pid, offset string) (*RestoredSession, error) {
	wait := a.wait // before the test knows, which may change it then
	a.asked <- ctx
	if wait {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	s, err := a.RecoveryAdapter.RestoreSession(ctx, pid, offset)
	a.log.mu.Lock()
	defer a.log.mu.Unlock()
	delete(a.sessions, pid)
	return s, err
}

// A client that has lost its patience while its session was being resumed resumes it the next time.
func TestRecoveryOutlivesAnImpatientClient(t *testing.T) {
	var adapter *takenOnce
	srv := newTestServer(t, Options{
		ConnectionStateRecovery: &ConnectionStateRecovery{RunMiddlewares: true},
		Adapter: func(ns *Namespace) Adapter {
			adapter = &takenOnce{NewRecoveryAdapter(ns, time.Minute), make(chan context.Context, 9), false}
			return adapter
		},
	})
	entered, goOn := make(chan bool, 9), make(chan bool)
	srv.Use(func(s *Socket) error {
		if s.Recovered() {
			entered <- true
			<-goOn
		}
		return nil
	})
	c := srv.connect()
	c.settle()
	srv.Emit("x")
	resume := fmt.Sprintf(`0{"pid":%q,"offset":%q}`, c.pid, c.wantEvent(`2["x"`))
	c.drop(engineio.ReasonTransportClose)
	eventually(t, "it is gone", func() bool { return srv.SocketCount() == 0 })

	// The adapter is told that nobody waits any more.
	adapter.wait = true
	d := srv.dial()
	d.send(resume)
	ctx := receive(t, "RestoreSession", adapter.asked)
	d.drop(engineio.ReasonTransportClose)
	receive(t, "the end of its context", ctx.Done())
	adapter.wait = false

	// It has the session back that a client has not got.
	d = srv.dial()
	d.send(resume)
	receive(t, "the middleware", entered)
	d.drop(engineio.ReasonTransportClose)
	goOn <- true
	eventually(t, "it is kept", func() bool {
		adapter.log.mu.Lock()
		defer adapter.log.mu.Unlock()
		_, ok := adapter.sessions[c.pid]
		return ok
	})
	d = srv.dial()
	d.send(resume)
	goOn <- true
	d.connected()
	if d.sid != c.sid || d.pid != c.pid {
		t.Errorf("resumed as %s, want %s", d.sid, c.sid)
	}
}
