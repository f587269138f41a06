package socketio

// What one client may make the server keep.

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// wantEnded waits until the server has closed the client's session.
func (c *testClient) wantEnded(reason engineio.Reason) {
	c.srv.t.Helper()
	eventually(c.srv.t, "the session is closed", func() bool { _, closed := c.isClosed(); return closed })
	if got, _ := c.isClosed(); got != reason {
		c.srv.t.Errorf("closed with %q, want %q", got, reason)
	}
}

// TestTooDeep: what is nested deeper than clients can parse ends its sender, and a program cannot send it either.
func TestTooDeep(t *testing.T) {
	deep := strings.Repeat("[", 600) + strings.Repeat("]", 600)
	for _, packet := range []string{`2["x",` + deep + `]`, `30[` + deep + `]`, `451-["x",` + deep + `]`} {
		srv := newTestServer(t, Options{})
		reasons := make(chan Reason, 1)
		srv.OnDisconnect(func(_ *Socket, r Reason) { reasons <- r })
		srv.On("x", func(*Event) error { t.Error("the handler runs"); return nil })
		c := srv.connect()
		c.send(packet)
		c.wantEnded(engineio.ReasonForcedClose)
		if r := receive(t, "OnDisconnect", reasons); r != ReasonForcedClose {
			t.Errorf("ended with %q", r)
		}
	}
	srv := newTestServer(t, Options{})
	c := srv.dial()
	c.send(`0{"a":` + deep + `}`)
	c.wantEnded(engineio.ReasonForcedClose)
	c = srv.connect()
	value, err := NewRaw([]byte(strings.Repeat("[", 512) + strings.Repeat("]", 512)))
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Emit("x", value); err == nil {
		t.Error("a broadcast that clients cannot parse")
	}
	if err := c.socket().Emit("x", value); err == nil {
		t.Error("an event that clients cannot parse")
	}
	c.wantNothing()
}

// TestPacketTimeout: attachments have to come in time; as often as they do, nothing happens.
func TestPacketTimeout(t *testing.T) {
	const limit = 100 * time.Millisecond
	srv := newTestServer(t, Options{PacketTimeout: limit})
	srv.On("x", func(e *Event) error { return e.Ack() })
	c := srv.connect()
	for began := time.Now(); time.Since(began) < 3*limit; {
		c.send(`51-0["x",{"_placeholder":true,"num":0}]`, `<bin 01>`)
		c.want(`30[]`)
	}
	if _, closed := c.isClosed(); closed {
		t.Fatal("a client whose packets are whole is disconnected")
	}
	began := time.Now()
	c.send(`52-0["x",{"_placeholder":true,"num":0}]`, `<bin 01>`)
	c.wantEnded(engineio.ReasonParseError)
	if took := time.Since(began); took < limit*9/10 {
		t.Errorf("disconnected after %v", took)
	}
	if n := srv.Stats().Limits[LimitPacketTime]; n != 1 {
		t.Errorf("counted %d times", n)
	}
}

// TestLimitsOfAPacket: a packet past a bound of the parser's ends its client, and is counted as that.
func TestLimitsOfAPacket(t *testing.T) {
	srv := newTestServer(t, Options{})
	for limit, packet := range map[Limit]string{
		LimitNesting:     `2["x",` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `]`,
		LimitAttachments: `511-["x"]`,
	} {
		c := srv.connect()
		c.send(packet)
		c.wantEnded(engineio.ReasonForcedClose)
		if n := srv.Stats().Limits[limit]; n != 1 {
			t.Errorf("%s: counted %d times", limit, n)
		}
	}
}

// TestPacketTimeoutOfPausedClient: the time in which nothing is read from a client does not count.
func TestPacketTimeoutOfPausedClient(t *testing.T) {
	const limit = 50 * time.Millisecond
	srv := newTestServer(t, Options{PacketTimeout: limit, MaxInboundBytes: 1000})
	proceed := make(chan struct{})
	srv.On("slow", func(*Event) error { <-proceed; return nil })
	srv.On("x", func(e *Event) error { return e.Ack() })
	c := srv.connect()
	c.send(`2["slow"]`, `2["slow","`+strings.Repeat("x", 2000)+`"]`, `51-0["x",{"_placeholder":true,"num":0}]`)
	if c.pauses.Load() != 1 {
		t.Fatal("not paused")
	}
	time.Sleep(4 * limit)
	if _, closed := c.isClosed(); closed {
		t.Error("disconnected while nothing was read from it")
	}
	close(proceed)
	eventually(t, "it is read from", func() bool { return c.pauses.Load() == 0 })
	c.wantEnded(engineio.ReasonParseError)
}

// TestBackPressureOfAllNamespaces: what waits in all of a client's namespaces is bounded, not in each, and a client
// that leaves a namespace while its events wait gains nothing.
func TestBackPressureOfAllNamespaces(t *testing.T) {
	srv := newTestServer(t, Options{MaxInboundBytes: 10_000})
	proceed := make(chan struct{})
	event := `["slow","` + strings.Repeat("x", 1000) + `"]`
	c := srv.dial()
	for i := range 4 {
		name := fmt.Sprintf("/n%d", i)
		srv.Of(name).On("slow", func(*Event) error { <-proceed; return nil })
		c.send(`0` + name + `,`)
		c.want(`0` + name + `,{"sid":"<SID>"}`)
		for range 3 {
			c.send(`2` + name + `,` + event)
		}
		if i == 0 {
			c.send(`1` + name + `,`)
		}
	}
	if n := c.pauses.Load(); n != 1 {
		t.Errorf("%d pauses, want 1", n)
	}
	close(proceed)
	eventually(t, "it is read from", func() bool { return c.pauses.Load() == 0 })
	c.settle()
	if n := c.conn.waiting.Load(); n != 0 {
		t.Errorf("%d bytes wait", n)
	}
}

func TestMaxNamespacesPerConnection(t *testing.T) {
	srv := newTestServer(t, Options{MaxNamespacesPerConnection: 3})
	srv.OfPattern(regexp.MustCompile(`^/n`))
	c := srv.connect()
	for i := range 2 {
		c.send(fmt.Sprintf(`0/n%d,`, i))
		c.want(fmt.Sprintf(`0/n%d,{"sid":"<SID>"}`, i))
	}
	c.send(`0/n2,`)
	c.want(`4/n2,{"message":"Too many namespaces"}`)
	c.send(`1/n1,`)
	eventually(t, "it has left", func() bool { return srv.Of("/n1").SocketCount() == 0 })
	c.send(`0/n2,`)
	c.want(`0/n2,{"sid":"<SID>"}`)
	if n := srv.Stats().Limits[LimitNamespaces]; n != 1 {
		t.Errorf("counted %d times", n)
	}
}

// TestMaxNamespacesOfOneThatComesAndGoes: sockets count until their handlers have done with them.
func TestMaxNamespacesOfOneThatComesAndGoes(t *testing.T) {
	srv := newTestServer(t, Options{MaxNamespacesPerConnection: 3})
	proceed := make(chan struct{})
	srv.Of("/slow").Use(func(*Socket) error { <-proceed; return nil })
	c := srv.connect()
	for range 5 {
		c.send(`0/slow,`, `1/slow,`)
	}
	c.want(`4/slow,{"message":"Too many namespaces"}`) // then it leaves where it is not, which ends the connection
	close(proceed)
}

func TestMaxAuthBytes(t *testing.T) {
	srv := newTestServer(t, Options{MaxAuthBytes: 1000, MaxInboundBytes: 2500})
	srv.OfPattern(regexp.MustCompile(`^/n`))
	auth := func(n int) string { return `{"x":"` + strings.Repeat("x", n-8) + `"}` }
	c := srv.dial()
	c.send(`0` + auth(1001))
	c.want(`4{"message":"Auth payload too large"}`)
	c.send(`0` + auth(1000))
	c.connected()
	c.send(`0/n1,` + auth(1000))
	c.want(`0/n1,{"sid":"<SID>"}`)
	c.send(`0/n2,` + auth(1000))
	c.want(`4/n2,{"message":"Auth payload too large"}`)
	c.send(`0/n3,`)
	c.want(`0/n3,{"sid":"<SID>"}`)
	if n := srv.Stats().Limits[LimitAuth]; n != 2 {
		t.Errorf("counted %d times", n)
	}
}

// BenchmarkEndOfManyNamespaces ends a connection that is in many namespaces. It must cost each of them the same,
// however many they are: 50,000 once took 10 s of CPU, as each was looked for among all the others.
func BenchmarkEndOfManyNamespaces(b *testing.B) {
	for _, n := range []int{1_000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				c := &conn{others: make(map[string]numbered, n)}
				for i := range n {
					s := &Socket{conn: c, uncommon: &uncommon{dynamic: fmt.Sprint("/n", i)}}
					c.others[s.namespaceName()] = numbered{Socket: s}
				}
				sockets := c.all()
				b.StartTimer()
				for _, s := range sockets {
					c.remove(s)
				}
				if len(c.all()) != 0 {
					b.Fatal("some are left")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/namespace")
		})
	}
}
