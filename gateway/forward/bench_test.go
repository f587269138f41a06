package forward

// What forwarding adds to a request, as percentiles: a post of a few bytes on a connection that is kept, and a message
// and its echo on a WebSocket, at the owner and through another node. Both nodes and the client share the machine.

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// percentiles times each run of do.
func percentiles(b *testing.B, do func()) {
	do()
	times := make([]time.Duration, 0, b.N)
	for b.Loop() {
		began := time.Now()
		do()
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2])/1e3, "p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100])/1e3, "p99-µs")
}

func BenchmarkPost(b *testing.B) {
	_, m := newCluster(b, 2)
	for name, at := range map[string]*member{"direct": m[1], "forwarded": m[0]} {
		b.Run(name, func(b *testing.B) {
			c, err := wire.Dial(at.addr)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			post := wire.Request{Method: "POST", Target: target("polling", m[1].open(b)), Body: "3"}
			percentiles(b, func() {
				if r, err := c.Do(post, patience); err != nil || r.Code != 200 {
					b.Fatal(r, err)
				}
			})
		})
	}
}

func BenchmarkWebSocketEcho(b *testing.B) {
	_, m := newCluster(b, 2)
	for name, at := range map[string]*member{"direct": m[1], "forwarded": m[0]} {
		b.Run(name, func(b *testing.B) {
			ws := dialThrough(b, at, m[1])
			percentiles(b, func() {
				ws.SendText("4hello")
				if _, err := ws.ReadFrame(); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkOwnSession is what a request for a session of the node itself pays.
func BenchmarkOwnSession(b *testing.B) {
	n := New(Options{})
	defer n.Close(b.Context())
	h := n.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequest("GET", target("polling", n.NewID()), nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(nil, r)
	}
}
