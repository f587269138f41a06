package engineio

// What a broadcast costs.

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// idle opens n WebSocket sessions. read has each of their clients read so many messages of that size.
func idle(b testing.TB, n int) (sessions []*Session, read func(messages, size int)) {
	b.Helper()
	h := start(b, setup{opts: Options{
		PingInterval:  time.Hour,
		MaxQueueBytes: 1 << 30,
		Logger:        slog.New(slog.DiscardHandler),
	}})
	conns := make([]net.Conn, n)
	for i := range conns {
		c := h.openWS()
		if c.r.Buffered() > 0 {
			b.Fatal("more than the open packet has come")
		}
		conns[i] = c.conn
		_ = c.conn.SetDeadline(time.Time{})
		sessions = append(sessions, h.peer(c.sid).Session)
	}
	return sessions, func(messages, size int) {
		var all sync.WaitGroup
		for _, c := range conns {
			all.Go(func() {
				if _, err := io.CopyN(io.Discard, c, int64(messages*size)); err != nil {
					b.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// One message goes to 1,000 clients on loopback, until all have read it. The figures are per broadcast.
func BenchmarkSend(b *testing.B) {
	sessions, read := idle(b, 1000)
	m := text(strings.Repeat("m", 100))
	b.ReportAllocs()
	b.ResetTimer()
	done := make(chan struct{})
	go func() {
		defer close(done)
		read(b.N, len(m.frames))
	}()
	for range b.N {
		for _, s := range sessions {
			s.Send(m)
		}
	}
	<-done
	b.ReportMetric(float64(b.N*len(sessions))/b.Elapsed().Seconds(), "deliveries/s")
}

func BenchmarkNewTextMessage(b *testing.B) {
	body := []byte(strings.Repeat("x", 100))
	b.ReportAllocs()
	for b.Loop() {
		NewTextMessage(body, nil, MessageOptions{})
	}
}

// Sending a message to one more client allocates nothing, once the queues have grown to their size.
func TestSendAllocatesNothing(t *testing.T) {
	const rounds = 200
	sessions, read := idle(t, 10)
	m := text("hello")
	broadcast := func() {
		for _, s := range sessions {
			s.Send(m)
		}
	}
	written := func() bool {
		for _, s := range sessions {
			s.mu.Lock()
			busy := testStream(s).scheduled
			s.mu.Unlock()
			if busy {
				return false
			}
		}
		return true
	}
	for range 50 { // so that the queues grow
		broadcast()
	}
	read(50, len(m.frames))
	eventually(t, "idle queues", written)
	// The flusher's goroutine comes and goes, and what it allocates counts here too.
	if perBroadcast := testing.AllocsPerRun(rounds, broadcast); perBroadcast > 2 {
		t.Errorf("%.1f allocations for a broadcast to %d sessions", perBroadcast, len(sessions))
	}
	read(rounds+1, len(m.frames)) // AllocsPerRun runs once more
}
