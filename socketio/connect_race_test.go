package socketio

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// TestConnectAmongBroadcasts: clients connect while others broadcast. CONNECT is the first that a client gets; from
// then on it misses nothing, and what it answers at once finds it connected.
func TestConnectAmongBroadcasts(t *testing.T) {
	for name, opts := range map[string]Options{
		"memory": {}, "recovery": {ConnectionStateRecovery: &ConnectionStateRecovery{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newTestServer(t, opts)
			srv.Use(func(s *Socket) error { s.Join("room"); return nil })
			left := make(chan Reason, 1)
			srv.OnDisconnect(func(_ *Socket, r Reason) { left <- r })

			broadcasts := []BroadcastOperator{srv.Local(), srv.To("room"), srv.To("room", "nobody's")}
			began := make([]atomic.Int64, len(broadcasts)) // the number of the last that has begun
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for b, op := range broadcasts {
				wg.Go(func() {
					for n := 1; ; n++ {
						select {
						case <-stop:
							return
						default:
						}
						began[b].Store(int64(n))
						if err := op.Emit("n", b, n); err != nil {
							t.Error(err)
						}
						runtime.Gosched()
					}
				})
			}
			defer wg.Wait()
			defer close(stop)

			for i := range 200 {
				c := srv.dial()
				c.delivered = runtime.Gosched // the moment at which a broadcast could be missed lasts
				c.send("0")
				c.connected() // and nothing before
				if i%2 == 1 {
					c.send("1")
					if r := receive(t, "the disconnection", left); r != ReasonClientDisconnect {
						t.Errorf("disconnected for %q", r)
					}
					c.drop("over")
					continue
				}
				known := make([]int64, len(broadcasts))
				for b := range known {
					known[b] = began[b].Load()
				}
				if c.socket() == nil {
					t.Error("a client that has its CONNECT packet is not connected")
				}
				receivesAllAfter(t, c, known)
				c.drop("over")
				receive(t, "the end", left)
			}
		})
	}
}

// receivesAllAfter reads the broadcasts that the client gets, and checks that of each kind none is missing after those
// known, until it has got some of each.
func receivesAllAfter(t *testing.T, c *testClient, known []int64) {
	t.Helper()
	const enough = 5
	last := make([]int64, len(known))
	for waiting := len(known); waiting > 0; {
		var b int
		var n int64
		f := c.read()
		if _, err := fmt.Sscanf(f, `2["n",%d,%d`, &b, &n); err != nil {
			t.Fatalf("received %s: %v", f, err)
		}
		switch {
		case last[b] == 0 && n > known[b]+1:
			t.Fatalf("broadcast %d began when the client was connected, and %d of kind %d is the first that it got",
				known[b]+1, n, b)
		case last[b] != 0 && n != last[b]+1:
			t.Fatalf("got %d of kind %d after %d", n, b, last[b])
		}
		last[b] = n
		if n == max(known[b], 1)+enough {
			waiting--
		}
	}
}

// A client that is thrown out may connect anew as soon as it knows: it is not taken for one that is still connected,
// which would end its connection. 5 of 10,000 random sessions met that.
func TestConnectRightBehindADisconnect(t *testing.T) {
	srv := newTestServer(t, Options{})
	srv.On("out", func(e *Event) error { e.Socket().Disconnect(false); return nil })
	c := srv.dial()
	var armed atomic.Bool
	c.delivered = func() {
		if armed.CompareAndSwap(true, false) {
			c.conn.OnMessage([]byte("0"), false)
		}
	}
	c.send("0")
	c.connected()
	armed.Store(true)
	c.send(`2["out"]`)
	c.want("1")
	c.want(`0{"sid":"<SID>"}`)
}

// TestWhoLeavesBeforeTheAnswer: a client that sends an event behind its CONNECT packet and leaves while a middleware
// still looks at it has not been let in. Its event reached the handlers all the same: whoever had no password could
// have had something done.
func TestWhoLeavesBeforeTheAnswer(t *testing.T) {
	for name, leave := range map[string]func(*testClient){
		"leaves the namespace": func(c *testClient) { c.send("1") },
		"loses its connection": func(c *testClient) { c.drop("transport close") },
	} {
		t.Run(name, func(t *testing.T) {
			srv := newTestServer(t, Options{})
			asked, answer := make(chan struct{}), make(chan struct{})
			srv.Use(func(s *Socket) error {
				close(asked)
				<-answer
				return fmt.Errorf("not you")
			})
			var handled atomic.Int64
			srv.On("act", func(*Event) error { handled.Add(1); return nil })
			srv.OnAny(func(*Event) error { handled.Add(1); return nil })
			srv.OnDisconnect(func(*Socket, Reason) { handled.Add(1) })
			c := srv.dial()
			c.send("0", `2["act"]`)
			receive(t, "the middleware", asked)
			leave(c)
			close(answer)
			if err := srv.Shutdown(t.Context()); err != nil { // which waits for the workers
				t.Fatal(err)
			}
			if n := handled.Load(); n != 0 {
				t.Errorf("%d handlers have run for a client that was not let in", n)
			}
		})
	}
}

// TestEndWhileConnecting: a client's session ends at the moment at which its socket connects, anew or resumed, to a
// namespace that there is or one that has yet to be made. Nothing is left of the socket, and who came to resume a
// session can come again. The race detector looks on.
func TestEndWhileConnecting(t *testing.T) {
	recovery := Options{ConnectionStateRecovery: &ConnectionStateRecovery{}}
	for name, test := range map[string]struct {
		opts      Options
		namespace string
		resumes   bool
	}{
		"memory":            {},
		"memory, dynamic":   {namespace: "/dynamic,"},
		"recovery":          {opts: recovery},
		"recovery, dynamic": {opts: recovery, namespace: "/dynamic,"},
		"resumed":           {opts: recovery, resumes: true},
		"resumed, dynamic":  {opts: recovery, namespace: "/dynamic,", resumes: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newTestServer(t, test.opts)
			for _, ns := range []*Namespace{srv.Of("/"), srv.OfPattern(regexp.MustCompile(`^/dynamic$`))} {
				ns.OnConnect(func(s *Socket) error { return s.Emit("x") })
			}
			connect, sid := "0"+test.namespace, ""
			if test.resumes {
				c := srv.dial()
				c.send(connect)
				hello := c.read()
				pid, _ := between(hello, `"pid":"`, `"`)
				sid, _ = between(hello, `"sid":"`, `"`)
				offset := c.wantEvent("2" + test.namespace + `["x"`)
				connect += fmt.Sprintf(`{"pid":%q,"offset":%q}`, pid, offset)
				c.end()
			}
			for i := range 200 {
				c := srv.dial()
				c.send(connect)
				for range i % 8 { // the end comes now earlier, now later
					runtime.Gosched()
				}
				c.end()
			}
			c := srv.dial()
			c.send(connect)
			hello := c.read()
			for !strings.HasPrefix(hello, "0"+test.namespace+"{") { // what it has missed
				hello = c.read()
			}
			if !strings.Contains(hello, `"sid":"`+sid) {
				t.Errorf("connected with %s, want the session of %q", hello, sid)
			}
			c.end()
			if n := srv.SocketCount(); n != 0 {
				t.Errorf("%d sockets are left", n)
			}
		})
	}
}

// end is drop, and waits until nothing is left to do for the client's sockets.
func (c *testClient) end() {
	c.srv.t.Helper()
	c.drop(engineio.ReasonTransportClose)
	eventually(c.srv.t, "its sockets are gone", func() bool {
		c.conn.mu.Lock()
		defer c.conn.mu.Unlock()
		return c.conn.sockets == 0
	})
}
