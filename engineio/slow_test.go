package engineio

// Clients that do not keep up.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// A client that stops reading holds nobody up, and is closed when too much waits for it.
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
		if i%20 == 0 { // let the others read, or they are slow clients too
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

// wantSlowLog waits for the log line about a slow client, and checks that there is only one.
func (h *host) wantSlowLog(limit int) {
	h.t.Helper()
	const line = "closed a slow client"
	eventually(h.t, "the log line", func() bool { return strings.Contains(h.logs.String(), line) })
	logs := h.logs.String()
	if strings.Count(logs, line) != 1 || !strings.Contains(logs, fmt.Sprintf("limit_bytes=%d", limit)) {
		h.t.Errorf("log: %s", logs)
	}
}

// What waits for a client is freed when it goes.
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

	// Polling: without a poll to take the message, and with one.
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

// When a queue gets too long, the volatile messages in it go first.
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

// A session whose connection takes no more is ended by an unanswered ping, and by Close.
func TestBlockedSessionEnds(t *testing.T) {
	h := tinyHost(t, setup{opts: Options{PingInterval: time.Hour}, closeTimeout: 50 * time.Millisecond})
	c := h.openWS()
	p := h.peer(c.sid)
	p.block(t)
	p.Session.pass(0) // the ping
	p.Session.pass(0) // that went unanswered
	p.wantClose(t, ReasonPingTimeout)

	c = h.openWS()
	p = h.peer(c.sid)
	p.block(t)
	p.Close(ReasonForcedClose)
	p.wantClose(t, ReasonForcedClose)
	eventually(t, "the connection's end", func() bool {
		h.Server.mu.Lock()
		defer h.Server.mu.Unlock()
		return len(h.Server.leaving) == 0
	})
}

// What was queued before Close arrives before the close frame, even at a slow client.
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
