package engineio

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// dialTiny connects with a receive buffer of the smallest size, so that the server's writes block soon.
func dialTiny(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if ctl := c.Control(func(fd uintptr) { err = setReceiveBuffer(fd, 2<<10) }); ctl != nil {
			return ctl
		}
		return err
	}}
	return d.DialContext(ctx, network, addr)
}

// tinyHost is a host whose clients have tiny receive buffers, and its own ends tiny send buffers.
func tinyHost(t testing.TB, s setup) *host {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	s.listener = tinyListener{l}
	s.dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialTiny(ctx, "tcp", addr) }
	return start(t, s)
}

type tinyListener struct{ net.Listener }

func (l tinyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return c, err
}

// block sends until the client's connection takes no more, with far more waiting than buffers on the way could still
// take.
func (p *peer) block(t testing.TB) (sent int) {
	t.Helper()
	m := text(strings.Repeat("b", 20_000))
	eventually(t, "the connection to block", func() bool {
		p.Session.mu.Lock()
		queued, blocked := p.queued, testStream(p.Session).blocked
		p.Session.mu.Unlock()
		if queued < 1<<20 {
			p.Send(m)
			sent++
			return false
		}
		return blocked
	})
	return sent
}

// Writes that stop half way go on exactly where they stopped: 20 MB in messages of all sizes, read slowly.
func TestPartialWrites(t *testing.T) {
	h := tinyHost(t, setup{opts: Options{MaxQueueBytes: 64 << 20, PingInterval: time.Hour}})
	c := h.openWS()
	p := h.peer(c.sid)
	sizes := []int{1, 5, 50, 124, 125, 500, 4 << 10, 15 << 10, 16 << 10, 64 << 10, 70_000, 300_000}
	random := rand.New(rand.NewPCG(1, 2))
	want := sha256.New()
	var total, count int
	var messages []*Message
	for total < 20<<20 {
		b := make([]byte, sizes[random.IntN(len(sizes))])
		for i := 0; i < len(b); i += 8 {
			b[i] = byte(random.Uint32())
		}
		m := NewBinaryMessage(b, MessageOptions{})
		if random.IntN(3) == 0 {
			m = NewTextMessage(bytes.ToValidUTF8(b, nil), [][]byte{b[:len(b)/2]}, MessageOptions{})
		}
		messages = append(messages, m)
		want.Write(m.frames)
		total += len(m.frames)
		count++
	}
	sent := make(chan bool, 1)
	go func() {
		ok := true
		for _, m := range messages {
			ok = p.Send(m) && ok
			if len(m.frames) > 64<<10 {
				runtime.Gosched()
			}
		}
		sent <- ok
	}()
	got := sha256.New()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 32<<10)
	for n := 0; n < total; {
		size := 1 + random.IntN(len(buf))
		m, err := c.r.Read(buf[:min(size, total-n)])
		if err != nil {
			t.Fatalf("after %d of %d bytes: %v", n, total, err)
		}
		got.Write(buf[:m])
		n += m
	}
	if !<-sent {
		t.Error("a message was refused")
	}
	if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Errorf("the stream of %d messages differs", count)
	}
	p.Send(text("end"))
	c.want(ws.OpText, "4end")
	eventually(t, "an empty account", func() bool {
		p.Session.mu.Lock()
		defer p.Session.mu.Unlock()
		return p.queued == 0 && !testStream(p.Session).scheduled && !testStream(p.Session).blocked
	})
}

// A write of many messages put together may stop in the middle of any of them.
func TestPartialGatheredWrites(t *testing.T) {
	h := tinyHost(t, setup{opts: Options{PingInterval: time.Hour}})
	c := h.openWS()
	p := h.peer(c.sid)
	random := rand.New(rand.NewPCG(3, 4))
	number := 0
	for range 100 {
		first := number
		for range 100 {
			body := fmt.Appendf(nil, "%d ", number)
			p.Send(NewTextMessage(append(body, make([]byte, random.IntN(1200))...), nil, MessageOptions{}))
			number++
		}
		for i := first; i < number; i++ {
			if _, b := c.read(); !bytes.HasPrefix(b, fmt.Appendf(nil, "4%d ", i)) {
				t.Fatalf("message %d begins with %q", i, b[:min(len(b), 20)])
			}
		}
		eventually(t, "the queue to be written", func() bool { // so that the next write begins anew
			p.Session.mu.Lock()
			defer p.Session.mu.Unlock()
			return !testStream(p.Session).scheduled
		})
	}
}

func TestAdvance(t *testing.T) {
	batch := []*Message{text("a"), text("bcd"), text("e")} // 4, 6 and 4 bytes
	for n, want := range [][2]int{{0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 0}, {1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}, {2, 0}, {2, 1}, {2, 2}, {2, 3}, {3, 0}} {
		if i, off := advance(batch, 0, n, nil); i != want[0] || off != want[1] {
			t.Errorf("%d bytes: message %d, byte %d; want %v", n, i, off, want)
		}
	}
}

// A client that stops reading holds up nobody, and is closed when too much waits for it.
func TestSlowClient(t *testing.T) {
	const others, limit = 20, 2 << 20
	h := tinyHost(t, setup{opts: Options{MaxQueueBytes: limit, PingInterval: time.Hour}})
	slow := h.openWS()
	victim := h.peer(slow.sid)
	read := make(chan error, others)
	const count = 300
	var peers []*peer
	for range others {
		c := h.openWS()
		peers = append(peers, h.peer(c.sid))
		go func() {
			for i := 0; i < count; i++ {
				_, b, err := c.tryRead()
				if err == nil && binary.BigEndian.Uint32(b[1:]) != uint32(i) {
					err = fmt.Errorf("message %x, want %d", b[1:5], i)
				}
				if err != nil {
					read <- err
					return
				}
			}
			read <- nil
		}()
	}
	body := bytes.Repeat([]byte("m"), 10_000) // 3 MB for each
	for i := range count {
		binary.BigEndian.PutUint32(body, uint32(i))
		m := NewTextMessage(body, nil, MessageOptions{})
		victim.Send(m)
		for _, p := range peers {
			if !p.Send(m) {
				t.Fatal("another client was closed")
			}
		}
		if i%20 == 0 { // let the others read, or they are slow too
			eventually(t, "the others to read", func() bool {
				for _, p := range peers {
					p.Session.mu.Lock()
					queued := p.queued
					p.Session.mu.Unlock()
					if queued > limit/2 {
						return false
					}
				}
				return true
			})
		}
	}
	for range others {
		if err := <-read; err != nil {
			t.Error(err)
		}
	}
	victim.wantClose(t, ReasonSlowClient)
	h.wantSlowLog(limit)
	victim.Session.mu.Lock()
	if victim.queue != nil {
		t.Errorf("%d messages still held", len(victim.queue))
	}
	victim.Session.mu.Unlock()
}

// wantSlowLog waits for the log line about a slow client and checks that there is one.
func (h *host) wantSlowLog(limit int) {
	h.t.Helper()
	const line = "closed a slow client"
	eventually(h.t, "the log line", func() bool { return strings.Contains(h.logs.String(), line) })
	if logs := h.logs.String(); strings.Count(logs, line) != 1 || !strings.Contains(logs, fmt.Sprintf("limit_bytes=%d", limit)) {
		h.t.Errorf("log: %s", logs)
	}
}

// The memory of what waited for a client goes with it.
func TestSlowClientMemory(t *testing.T) {
	h := tinyHost(t, setup{opts: Options{MaxQueueBytes: 64 << 20, PingInterval: time.Hour}})
	c := h.openWS()
	p := h.peer(c.sid)
	var freed int
	done := make(chan struct{}, 40)
	for range 40 {
		m := NewBinaryMessage(make([]byte, 1<<20), MessageOptions{})
		runtime.AddCleanup(m, func(struct{}) { done <- struct{}{} }, struct{}{})
		p.Send(m)
	}
	_ = c.conn.Close()
	p.wantClose(t, ReasonTransportClose)
	eventually(t, "the messages to be freed", func() bool {
		runtime.GC()
		for {
			select {
			case <-done:
				freed++
				continue
			default:
			}
			return freed == 40
		}
	})
}

func TestVolatileMessages(t *testing.T) {
	volatileText := func(s string) *Message { return NewTextMessage([]byte(s), nil, MessageOptions{Volatile: true}) }
	h := tinyHost(t, setup{opts: Options{PingInterval: time.Hour}})
	c := h.openWS()
	p := h.peer(c.sid)
	if !p.Send(volatileText("first")) {
		t.Error("a volatile message is dropped for a client that keeps up")
	}
	c.want(ws.OpText, "4first")
	sent := p.block(t)
	if p.Send(volatileText("lost")) {
		t.Error("a volatile message is queued for a client that does not keep up")
	}
	p.Send(text("end"))
	for range sent {
		c.read()
	}
	c.want(ws.OpText, "4end")

	// With a poll to take it, and without.
	poll := h.openPoll()
	if poll.peer().Send(volatileText("lost")) {
		t.Error("queued with no poll")
	}
	wait := poll.startPoll()
	if !poll.peer().Send(volatileText("now")) {
		t.Error("dropped although a poll waits")
	}
	if a := <-wait; a.body != "4now" {
		t.Errorf("poll: %q", a.body)
	}
}

// Volatile messages that are in the queue already go first when it gets too long.
func TestQueueDropsVolatileFirst(t *testing.T) {
	s := &Session{srv: NewServer(Options{MaxQueueBytes: 1000}, nil)}
	for i := range 3 {
		m := NewTextMessage(make([]byte, 200), nil, MessageOptions{Volatile: i == 1})
		s.enqueue(m)
	}
	s.enqueue(text(strings.Repeat("x", 200)))
	if !s.dropVolatile() || len(s.queue) != 3 || s.queued != sizeOf(s.queue) {
		t.Errorf("%d messages, %d bytes", len(s.queue), s.queued)
	}
	if s.queue[0].volatile || s.queue[1].volatile || !bytes.Contains(s.queue[2].frames, []byte("xxx")) {
		t.Error("the wrong ones are left")
	}
}

// Clients that vanish in the middle of being written to.
func TestClientsVanish(t *testing.T) {
	h := tinyHost(t, setup{opts: Options{PingInterval: time.Hour}})
	for _, blocked := range []bool{false, true} {
		c := h.openWS()
		p := h.peer(c.sid)
		if blocked {
			p.block(t)
		}
		_ = c.conn.(*net.TCPConn).SetLinger(0) // a reset
		_ = c.conn.Close()
		m := text(strings.Repeat("m", 1000))
		eventually(t, "the server to notice", func() bool { return !p.Send(m) })
		p.wantClose(t, ReasonTransportClose)
	}
}

// Closing, and a heartbeat that nobody answers, end a session whose connection takes no more.
func TestBlockedSessionEnds(t *testing.T) {
	h := tinyHost(t, setup{
		opts:         Options{PingInterval: 100 * time.Millisecond, PingTimeout: 100 * time.Millisecond},
		closeTimeout: 50 * time.Millisecond,
	})
	c := h.openWS()
	h.peer(c.sid).block(t)
	h.peer(c.sid).wantClose(t, ReasonPingTimeout)

	c = h.openWS()
	p := h.peer(c.sid)
	p.block(t)
	p.Close(ReasonForcedClose)
	p.wantClose(t, ReasonForcedClose)
	eventually(t, "the connection's end", func() bool {
		h.Server.mu.Lock()
		defer h.Server.mu.Unlock()
		return len(h.Server.leaving) == 0
	})
}

// What was queued before Close arrives before the close frame, also where the client is slow.
func TestCloseAfterQueue(t *testing.T) {
	h := tinyHost(t, setup{opts: Options{PingInterval: time.Hour}})
	c := h.openWS()
	p := h.peer(c.sid)
	sent := p.block(t)
	p.Send(text("last"))
	p.Close(ReasonForcedClose)
	for range sent {
		if op, b := c.read(); op != ws.OpText || len(b) != 20_001 {
			t.Fatalf("%v, %d bytes", op, len(b))
		}
	}
	c.want(ws.OpText, "4last")
	c.wantEnd(0)
	p.wantClose(t, ReasonForcedClose)
	if _, err := io.Copy(io.Discard, c.r); err != nil {
		t.Error(err)
	}
}
