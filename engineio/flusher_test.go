package engineio

// What the flushers write to connections that take it in pieces, or not at all.

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// A write that stops half way goes on exactly where it stopped: 20 MB in messages of all sizes, read slowly.
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

// A write of many messages copied together may stop in the middle of any of them.
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
		eventually(t, "the queue to be written", func() bool { // so that the next write starts from the beginning
			p.Session.mu.Lock()
			defer p.Session.mu.Unlock()
			return !testStream(p.Session).scheduled
		})
	}
}

func TestAdvance(t *testing.T) {
	batch := []*Message{text("a"), text("bcd"), text("e")} // 4, 6 and 4 bytes
	for n, want := range [][2]int{
		{0, 0}, {0, 1}, {0, 2}, {0, 3},
		{1, 0}, {1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5},
		{2, 0}, {2, 1}, {2, 2}, {2, 3},
		{3, 0},
	} {
		if i, off := advance(batch, 0, n, nil); i != want[0] || off != want[1] {
			t.Errorf("%d bytes: message %d, byte %d; want %v", n, i, off, want)
		}
	}
}

// A client that vanishes while it is written to ends its session.
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
