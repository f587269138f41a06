package engineio

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
	"github.com/gobwas/ws"
)

// A client that sends more than it may is made to wait and loses nothing. One that sends less is not.
func TestClientsWaitWhoSendTooMuch(t *testing.T) {
	const n = 60
	for name, opts := range map[string]Options{
		"messages": {MessageRate: 100, MessageBurst: 10},
		"bytes":    {ByteRate: 10_000, ByteBurst: 1000}, // of 100 each
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, setup{opts: opts, message: echo})
			text := "4" + strings.Repeat("x", 100)
			w, calm := h.openWS(), h.openWS()
			began := time.Now()
			for range n { // they may be read all at once
				w.send(text)
			}
			calm.send("4hello")
			calm.want(ws.OpText, "4hello")
			for range n {
				w.want(ws.OpText, text)
			}
			w.send("4last") // behind what is owed for the others
			w.want(ws.OpText, "4last")
			if took := time.Since(began); took < 300*time.Millisecond { // a burst may come twice
				t.Errorf("%d messages took %v, want that of 40 at 100 per second at least", n, took)
			}
			if n := h.Stats().Throttled; n == 0 {
				t.Error("nothing is counted")
			}
			s := h.peer(calm.sid).Session
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.spent != nil || s.pauses > 0 {
				t.Error("the other client was made to wait")
			}
			if !strings.Contains(h.logs.String(), "a client sends more than it may") {
				t.Error("there is no log line")
			}
		})
	}
}

// A polling client waits for the answer to its POST.
func TestPollingClientsWaitWhoSendTooMuch(t *testing.T) {
	eachListener(t, testThrottledPost)
}

func testThrottledPost(t *testing.T, listener net.Listener) {
	h := start(t, setup{opts: Options{MessageRate: 100, MessageBurst: 1}, listener: listener})
	c := h.openPoll()
	began := time.Now()
	c.post(strings.TrimSuffix(strings.Repeat("4x\x1e", 41), "\x1e"))
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("41 messages at 100 per second took %v", took)
	}
	if n := len(c.peer().messages()); n != 41 {
		t.Errorf("%d of 41 messages came", n)
	}
}

// Neither a ping that goes unanswered meanwhile, nor the end of the session, is a trouble for who waits.
func TestWaitingClientsHeartbeatAndEnd(t *testing.T) {
	h := start(t, setup{opts: Options{
		PingInterval: 100 * time.Millisecond, PingTimeout: 400 * time.Millisecond, MessageRate: 10, MessageBurst: 1,
	}})
	w, leaves := h.openWS(), h.openWS()
	for _, c := range []*wsClient{w, leaves} {
		c.tryWriteRaw([]byte(strings.Repeat(wstest.Frame(0x81, "4x"), 15))) // at once, so that the wait is for all
		eventually(t, "the wait", func() bool { return h.peer(c.sid).isPaused() })
	}
	leaves.conn.Close()
	h.peer(leaves.sid).Close(ReasonForcedClose)
	h.peer(leaves.sid).wantClose(t, ReasonForcedClose)
	s := h.peer(leaves.sid).Session
	s.mu.Lock()
	if s.spent.waiting {
		t.Error("the session that has ended has a timer")
	}
	s.mu.Unlock()
	w.want(ws.OpText, "2")
	w.send("3") // it is read when the wait is over, long after PingTimeout
	w.want(ws.OpText, "2")
	if reasons := h.peer(w.sid).closes(); len(reasons) > 0 {
		t.Errorf("closed: %v", reasons)
	}
}

// Limits that are switched off do not exist.
func TestNoRates(t *testing.T) {
	h := start(t, setup{opts: Options{MessageRate: -1, ByteRate: -1}})
	w := h.openWS()
	for range 20 {
		w.tryWriteRaw([]byte(strings.Repeat(wstest.Frame(0x81, "4x"), 1000)))
	}
	p := h.peer(w.sid)
	eventually(t, "the messages", func() bool { return len(p.messages()) == 20_000 })
	if h.Stats().Throttled != 0 {
		t.Error("it was made to wait")
	}
}

// Charging a client that keeps to its rate costs nothing that is worth speaking of.
func BenchmarkSpend(b *testing.B) {
	srv := NewServer(Options{MessageRate: 1e9, ByteRate: 1e12}, nil)
	s := &Session{srv: srv, opened: opening{at: time.Now().UnixNano()}}
	b.ReportAllocs()
	for b.Loop() {
		s.spend(100)
	}
}
