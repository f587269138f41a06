package engineio

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
	"github.com/gobwas/ws"
)

func TestWebSocketMessages(t *testing.T) {
	h := start(t, setup{message: echo})
	c := h.openWS()
	c.send("4hello")
	c.want(ws.OpText, "4hello")
	c.write(ws.OpBinary, "\x01\x02\xff")
	c.want(ws.OpBinary, "\x01\x02\xff")
	c.write(ws.OpPing, "are you there")
	c.want(ws.OpPong, "are you there")
	c.write(ws.OpPong, "unasked")
	for _, odd := range []string{"3", "5", "6", "0", "1"} { // ignored, "1" too: nest-reference.md, section 5
		c.send(odd)
	}
	h.peer(c.sid).Send(NewTextMessage([]byte("51-"), [][]byte{{1, 2}, {3}}, MessageOptions{}))
	c.want(ws.OpText, "451-")
	c.want(ws.OpBinary, "\x01\x02")
	c.want(ws.OpBinary, "\x03")
	c.send("4end")
	c.want(ws.OpText, "4end")
}

// How a WebSocket session ends, from either side.
func TestWebSocketCloses(t *testing.T) {
	h := start(t, setup{message: func(p *peer, data []byte, _ bool) {
		if string(data) == "close me" {
			p.Send(text("goodbye"))
			p.Close(ReasonForcedClose)
		}
	}})
	client := func(op ws.OpCode, payload string) func(*wsClient) {
		return func(c *wsClient) { c.write(op, payload) }
	}
	raw := func(b string) func(*wsClient) { return func(c *wsClient) { _ = c.tryWriteRaw([]byte(b)) } }
	tests := []struct {
		name   string
		do     func(*wsClient)
		code   uint16 // of the server's close frame
		reason Reason
	}{
		{"client, code and reason echoed", client(ws.OpClose, "\x0f\xa0bye"), 4000, ReasonTransportClose},
		{"client, no code", client(ws.OpClose, ""), 0, ReasonTransportClose},
		{"client, bad code", client(ws.OpClose, "\x03\xed"), 1002, ReasonTransportError},
		{"server", client(ws.OpText, "4close me"), 0, ReasonForcedClose},
		{"unknown packet", client(ws.OpText, "7"), 0, ReasonParseError},
		{"empty packet", client(ws.OpText, ""), 0, ReasonParseError},
		{"client pings", client(ws.OpText, "2"), 0, ReasonTransportError},
		{"client probes", client(ws.OpText, "2probe"), 0, ReasonTransportError},
		{"not masked", raw("\x81\x014"), 1002, ReasonTransportError},
		{"not UTF-8", raw(wstest.Frame(0x81, "4\xff")), 1007, ReasonTransportError},
		{"too big", raw("\x81\xff\x00\x00\x00\x00\x00\x0f\x42\x41mask"), 1009, ReasonTransportError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := h.openWS()
			c.t = t
			p := h.peer(c.sid)
			tt.do(c)
			if tt.reason == ReasonForcedClose {
				c.want(ws.OpText, "4goodbye")
			}
			c.wantEnd(tt.code)
			p.wantClose(t, tt.reason)
			if p.Send(text("late")) {
				t.Error("a closed session takes messages")
			}
			p.Close(ReasonShutdown) // does nothing
		})
	}
	t.Run("connection breaks", func(t *testing.T) {
		c := h.openWS()
		_ = c.conn.Close()
		h.peer(c.sid).wantClose(t, ReasonTransportClose)
	})
}

// A client that never answers the close frame is cut off, and nothing that it sends meanwhile is delivered.
func TestCloseNotAnswered(t *testing.T) {
	h := start(t, setup{closeTimeout: 50 * time.Millisecond})
	c := h.openWS()
	p := h.peer(c.sid)
	p.Close(ReasonForcedClose)
	c.want(ws.OpClose, "")
	p.wantClose(t, ReasonForcedClose)
	c.send("4ignored")
	c.wantEOF()
	if got := p.messages(); len(got) != 0 {
		t.Errorf("received %v", got)
	}
}

func TestPingTimeout(t *testing.T) {
	h := start(t, setup{opts: Options{PingInterval: 20 * time.Millisecond, PingTimeout: 30 * time.Millisecond}})
	c := h.openWS()
	began := time.Now()
	c.want(ws.OpText, "2")
	c.wantEnd(0)
	if took := time.Since(began); took < 45*time.Millisecond {
		t.Errorf("closed after %v", took)
	}
	h.peer(c.sid).wantClose(t, ReasonPingTimeout)

	poll := h.openPoll()
	if got := poll.poll(); got == "2" { // on a slow machine the time may be over already
		poll.wantPollOrGone("1")
	}
	poll.peer().wantClose(t, ReasonPingTimeout)
	poll.wantGone()
}

func (c *pollClient) wantPollOrGone(want string) {
	c.t.Helper()
	a, err := c.request("GET", c.params, "")
	if err != nil || a.body != want && a.body != goneBody {
		c.t.Errorf("%v %v, want %q", a, err, want)
	}
}

// The first ping comes an interval after the handshake, the next ones an interval after the pong.
func TestPingInterval(t *testing.T) {
	const interval = 30 * time.Millisecond
	h := start(t, setup{opts: Options{PingInterval: interval, PingTimeout: patience}})
	c := h.openWS()
	for i := range 5 {
		began := time.Now()
		c.want(ws.OpText, "2")
		if took := time.Since(began); i > 0 && took < interval-time.Millisecond {
			t.Errorf("ping %d after %v", i, took)
		}
		c.send("3")
	}
	poll := h.openPoll()
	for range 3 {
		poll.wantPoll("2")
		poll.post("3")
	}
	if got := append(h.peer(c.sid).closes(), poll.peer().closes()...); len(got) > 0 {
		t.Errorf("closed: %v", got)
	}
}

// While the session is paused nothing is read: a client that goes on sending is held back, and its messages take no
// memory.
func TestBackPressure(t *testing.T) {
	h := start(t, setup{opts: Options{PingInterval: time.Hour}, message: func(p *peer, _ []byte, _ bool) {
		if len(p.messages()) == 1 {
			p.Pause()
		}
	}})
	c := h.openWS()
	big := []byte(wstest.Frame(0x81, "4"+strings.Repeat("x", 100_000)))
	var sent atomic.Int64
	wrote := make(chan error, 1)
	const count = 500 // 50 MB, more than the kernel buffers
	go func() {
		for range count {
			_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
			if _, err := c.conn.Write(big); err != nil {
				wrote <- err
				return
			}
			sent.Add(1)
		}
		wrote <- nil
	}()
	// It stops: nothing more goes out for a while.
	last, since := int64(-1), time.Now()
	eventually(t, "the client to be held back", func() bool {
		if n := sent.Load(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > 300*time.Millisecond
	})
	if last == count {
		t.Fatal("the client was not held back")
	}
	if got := len(h.peer(c.sid).messages()); got != 1 {
		t.Errorf("%d messages delivered during a pause", got)
	}
	h.peer(c.sid).Resume()
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	p := h.peer(c.sid)
	eventually(t, "all messages", func() bool { return len(p.messages()) == count })
}

// Messages are delivered one at a time and in order.
func TestDeliveryInOrder(t *testing.T) {
	var running atomic.Int32
	h := start(t, setup{message: func(*peer, []byte, bool) {
		if running.Add(1) != 1 {
			t.Error("two calls of OnMessage at once")
		}
		running.Add(-1)
	}})
	c := h.openWS()
	var stream []byte
	var want []received
	for i := range 500 {
		data := strings.Repeat("x", i)
		stream = append(stream, wstest.Frame(0x81, "4"+data)...)
		want = append(want, received{data, false})
	}
	for len(stream) > 0 {
		n := min(len(stream), 997)
		if err := c.tryWriteRaw(stream[:n]); err != nil {
			t.Fatal(err)
		}
		stream = stream[n:]
	}
	p := h.peer(c.sid)
	eventually(t, "all messages", func() bool { return len(p.messages()) == len(want) })
	for i, m := range p.messages() {
		if m != want[i] {
			t.Fatalf("message %d: %q", i, clip(m.data))
		}
	}
}

// A client that sends pings and reads no pongs is a slow client like any other.
func TestPingsDoNotFillTheQueue(t *testing.T) {
	h := start(t, setup{opts: Options{MaxQueueBytes: 256 << 10, PingInterval: time.Hour}})
	c := h.openWS()
	p := h.peer(c.sid)
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	pings := []byte(strings.Repeat(wstest.Frame(0x89, ""), 10_000))
	for { // and reads no pong
		if _, err := c.conn.Write(pings); err != nil {
			break
		}
	}
	p.wantClose(t, ReasonSlowClient)
	h.wantSlowLog(256 << 10)
}

// A pause is not held against a client whose pong may wait behind what is not being read, and no longer than it lasts.
func TestPauseStopsTheHeartbeat(t *testing.T) {
	h := start(t, setup{opts: Options{PingInterval: time.Hour, PingTimeout: 50 * time.Millisecond}})
	c := h.openWS()
	p := h.peer(c.sid)
	p.Pause()
	p.Pause()
	p.beat() // the interval is over
	c.want(ws.OpText, "2")
	for range 3 {
		p.beat() // and so is the time for the pong
	}
	p.Resume()
	p.beat()
	if got := p.closes(); len(got) != 0 {
		t.Fatalf("closed: %v", got)
	}
	p.Resume()
	p.wantClose(t, ReasonPingTimeout)
}

// A paused session can be closed, and its client's close frame is then read.
func TestCloseWhilePaused(t *testing.T) {
	h := start(t, setup{})
	c := h.openWS()
	p := h.peer(c.sid)
	p.Pause()
	c.send("4unread")
	p.Close(ReasonForcedClose)
	c.wantEnd(0)
	p.wantClose(t, ReasonForcedClose)
	if got := p.messages(); len(got) != 0 {
		t.Errorf("delivered %v", got)
	}
	eventually(t, "the connection's end", func() bool {
		h.Server.mu.RLock()
		defer h.Server.mu.RUnlock()
		return len(h.leaving) == 0
	})
}

// A POST is answered when a pause that it has caused is over: the client sends no more before.
func TestPauseHoldsBackPosts(t *testing.T) {
	paused := make(chan struct{}, 1)
	h := start(t, setup{message: func(p *peer, _ []byte, _ bool) { p.Pause(); paused <- struct{}{} }})
	for _, end := range []func(*Session){(*Session).Resume, func(s *Session) { s.Close(ReasonForcedClose) }} {
		c := h.openPoll()
		answered := make(chan error, 1)
		go func() {
			_, err := h.request(http.MethodPost, c.params, "4x")
			answered <- err
		}()
		<-paused
		select {
		case err := <-answered:
			t.Errorf("answered during the pause, %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		end(c.peer().Session)
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

// The heartbeat's timer may have fired, and wait for the lock, while a session is closed in order: it once took
// itself for the timer of the close, and cut the connection before its close frame was written.
func TestLateHeartbeatLeavesACloseAlone(t *testing.T) {
	h := start(t, setup{})
	c := h.openWS()
	s := h.peer(c.sid).Session
	s.Close(ReasonForcedClose)
	s.beat()
	if !s.heartbeat.Reset(time.Minute) { // the timer has been stopped
		t.Error("the connection is cut")
	}
	c.wantEnd(0)
}
