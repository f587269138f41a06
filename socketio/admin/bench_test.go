package admin

// What it costs: nothing while nobody looks, a look at the counts every 2 s in Production, and a note for each event in
// Development.

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

// watchers are the ways of being looked at.
var watchers = []struct {
	name string
	opts *Options
	look bool
}{
	{"without", nil, false},
	{"nobody", &Options{}, false},
	{"production", &Options{Mode: Production}, true},
	{"development", &Options{Mode: Development}, true},
}

func eachWatcher(b *testing.B, bench func(b *testing.B, io *socketiotest.Server)) {
	for _, w := range watchers {
		b.Run(w.name, func(b *testing.B) {
			io := socketiotest.New(b, socketio.Options{
				MessageRate: -1, ByteRate: -1, MaxQueueBytes: 1 << 30, MaxTotalQueueBytes: -1,
			})
			if w.opts != nil {
				opts := *w.opts
				opts.statsInterval = defaultStatsInterval
				instrument(b, io.Server, opts)
			}
			if w.look {
				c := io.ConnectTo(b, DefaultNamespace, client.Options{})
				c.Expect("config", patience)
			}
			bench(b, io)
		})
	}
}

// BenchmarkBroadcast is a broadcast to 100 sockets, until the last has it.
func BenchmarkBroadcast(b *testing.B) {
	eachWatcher(b, func(b *testing.B, io *socketiotest.Server) {
		const sockets = 100
		got := make(chan struct{}, sockets)
		for range sockets {
			c := io.NewClient(b, "/", client.Options{})
			c.OnAny(func(*client.Event) error { got <- struct{}{}; return nil })
			c.Connect()
		}
		for len(got) > 0 {
			<-got
		}
		b.ReportAllocs()
		for b.Loop() {
			io.Emit("news", "text")
			for range sockets {
				<-got
			}
		}
	})
}

// BenchmarkEvent is an event of a client and its acknowledgement.
func BenchmarkEvent(b *testing.B) {
	eachWatcher(b, func(b *testing.B, io *socketiotest.Server) {
		io.On("echo", func(e *socketio.Event) error { return e.Ack(e.Raw(0)) })
		c := io.Connect(b)
		b.ReportAllocs()
		for b.Loop() {
			c.EmitWithAck("echo", 1)
		}
	})
}

// BenchmarkNumbers is what a line of numbers takes, with so many sockets.
func BenchmarkNumbers(b *testing.B) {
	for _, sockets := range []int{10, 1000} {
		b.Run(fmt.Sprint(sockets), func(b *testing.B) {
			io, a := start(b, Options{Mode: Production, statsInterval: time.Hour})
			for range sockets {
				io.Connect(b)
			}
			n := a.newNumbers()
			for b.Loop() {
				n.next()
			}
		})
	}
}

// BenchmarkSerialize is what a socket in a snapshot takes.
func BenchmarkSerialize(b *testing.B) {
	io, _ := start(b, Options{})
	header := http.Header{"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64) Chrome/143"}, "Cookie": {"a=b"}}
	c := io.ConnectTo(b, "/", client.Options{Header: header})
	s := io.Socket(c.ID())
	for b.Loop() {
		serialize(s)
	}
}
