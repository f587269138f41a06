package socketio

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// sink is a session that takes everything and keeps nothing.
type sink struct{ sent atomic.Int64 }

func (*sink) ID() string                     { return "sink" }
func (*sink) Handshake() *engineio.Handshake { return nil }
func (*sink) Context() context.Context       { return context.Background() }
func (*sink) Transport() string              { return "websocket" }
func (*sink) Protocol() int                  { return 4 }
func (s *sink) Send(*engineio.Message) bool  { s.sent.Add(1); return true }
func (*sink) Close(engineio.Reason)          {}
func (*sink) Pause()                         {}
func (*sink) Resume()                        {}

// sinks returns a server with n connected sockets in rooms.
func sinks(t testing.TB, n int, rooms ...string) (*Server, []*Socket) {
	srv := newServer(Options{Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() {
		if err := srv.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		eventually(t, "the workers have ended", func() bool { return srv.workers.running() == 0 })
	})
	sockets := make([]*Socket, n)
	for i := range sockets {
		c := srv.newConn(&sink{})
		c.OnMessage([]byte("0"), false)
		sockets[i], _ = c.socket(parser.MainNamespace)
	}
	for _, s := range sockets {
		eventually(t, "connected", s.Connected)
		s.Join(rooms...)
	}
	return srv, sockets
}

// TestBroadcastGarbage: a broadcast makes no garbage per recipient.
func TestBroadcastGarbage(t *testing.T) {
	for name, op := range map[string]func(*Server, []*Socket) BroadcastOperator{
		"one room":    func(srv *Server, _ []*Socket) BroadcastOperator { return srv.To("a") },
		"all":         func(srv *Server, _ []*Socket) BroadcastOperator { return srv.Local() },
		"two rooms":   func(srv *Server, s []*Socket) BroadcastOperator { return srv.To(s[0].ID(), "a") },
		"except":      func(srv *Server, s []*Socket) BroadcastOperator { return s[0].To("a") },
		"equal rooms": func(srv *Server, s []*Socket) BroadcastOperator { return srv.To("a", "b") },
	} {
		var allocs [2]float64
		for i, n := range []int{10, 1000} {
			srv, sockets := sinks(t, n, "a", "b")
			o := op(srv, sockets)
			allocs[i] = testing.AllocsPerRun(100, func() {
				if err := o.Emit("messages", "hello"); err != nil {
					t.Fatal(err)
				}
			})
		}
		// The garbage collector may empty a pool at any moment, hence the slack.
		if allocs[1] > allocs[0]+10 {
			t.Errorf("%s: %v allocations for 10 sockets, %v for 1000", name, allocs[0], allocs[1])
		}
	}
}

// TestIdleSocketMemory guards what an idle socket costs here, the Engine.IO session apart.
func TestIdleSocketMemory(t *testing.T) {
	const n, limit = 2000, 1500
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	_, sockets := sinks(t, n)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int(after.HeapAlloc) - int(before.HeapAlloc)) / n
	t.Logf("%d bytes", each)
	if each > limit {
		t.Errorf("an idle socket costs %d bytes, more than %d", each, limit)
	}
	runtime.KeepAlive(sockets)
}

func BenchmarkBroadcast1000(b *testing.B) {
	for _, rooms := range [][]string{{"a"}, {"own", "a"}, {"a", "b"}} {
		b.Run(strings.Join(rooms, "+"), func(b *testing.B) {
			srv, sockets := sinks(b, 1000, "a", "b")
			for i := range rooms {
				if rooms[i] == "own" {
					rooms[i] = sockets[0].ID()
				}
			}
			op := srv.To(rooms...)
			b.ReportAllocs()
			for b.Loop() {
				if err := op.Emit("messages", "hello"); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/recipient")
		})
	}
}

func BenchmarkJoinLeave(b *testing.B) {
	for _, members := range []int{1, 10000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			_, sockets := sinks(b, members, "a")
			s := sockets[members/2]
			b.ReportAllocs()
			for b.Loop() {
				s.Leave("a")
				s.Join("a")
			}
		})
	}
}

// BenchmarkEvent is the way of an event to its handler and of the acknowledgement back.
func BenchmarkEvent(b *testing.B) {
	for name, messages := range map[string][]string{
		"main":      {`0`, `27["x",{"a":1}]`},
		"namespace": {`0/chat,`, `2/chat,7["x",{"a":1}]`},
		"binary":    {`0`, `51-7["x",{"_placeholder":true,"num":0}]`, "attachment"},
	} {
		b.Run(name, func(b *testing.B) {
			srv, _ := sinks(b, 0)
			done := make(chan struct{}, 1)
			handler := func(e *Event) error { defer func() { done <- struct{}{} }(); return e.Ack() }
			srv.On("x", handler)
			srv.Of("/chat").On("x", handler)
			c := srv.newConn(&sink{})
			c.OnMessage([]byte(messages[0]), false)
			b.ReportAllocs()
			for b.Loop() {
				c.OnMessage([]byte(messages[1]), false)
				for _, attachment := range messages[2:] {
					c.OnMessage([]byte(attachment), true)
				}
				<-done
			}
		})
	}
}

// BenchmarkEmit is an event to one socket.
func BenchmarkEmit(b *testing.B) {
	_, sockets := sinks(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := sockets[0].Emit("messages", "hello", 7, []byte{1, 2, 3}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStats is what a look at all sockets of a busy node takes, those of the sessions below apart.
func BenchmarkStats(b *testing.B) {
	srv, _ := sinks(b, 20_000)
	b.ReportAllocs()
	for b.Loop() {
		if n := srv.Stats().Sockets["/"]; n.WebSocket != 20_000 {
			b.Fatalf("%+v", n)
		}
	}
}
