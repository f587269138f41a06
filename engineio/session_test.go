package engineio

// How a session delivers what it receives, and what a pause does.

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
)

// While a session is paused nothing is read: a client that goes on sending is held back, and takes no memory.
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
	const count = 500 // 50 MB, more than the kernel's buffers hold
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
	// The client is held back when nothing more goes out for a while.
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

// A paused session can be closed. Its client's close frame is read then.
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

// A POST that causes a pause is answered when the pause ends: until then the client sends no other.
func TestPauseHoldsBackPosts(t *testing.T) {
	paused := make(chan struct{}, 1)
	h := start(t, setup{message: func(p *peer, _ []byte, _ bool) {
		p.Pause()
		paused <- struct{}{}
	}})
	for _, end := range []func(*Session){
		(*Session).Resume,
		func(s *Session) { s.Close(ReasonForcedClose) },
	} {
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
