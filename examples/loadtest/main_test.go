package main

// The load on a server in memory: that what is printed is what the server has seen.

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	engine "github.com/brunossouza/websocket-escalonavel/engineio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server whose handler of "hello" takes that long, and returns a load for it.
func serve(t *testing.T, takes time.Duration) (srv *socketiotest.Server, l load, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	srv = socketiotest.New(t, socketio.Options{})
	socketio.Handle(srv, "hello", func(_ context.Context, _ *socketio.Socket, name string) (string, error) {
		asked.Add(1)
		time.Sleep(takes)
		return "Hello, " + name + "!", nil
	})
	return srv, load{
		url: srv.URL, clients: 20, connecting: 5, event: "hello", every: 50 * time.Millisecond, lasts: time.Second,
		options: client.Options{Transports: []string{engine.WebSocket}, DialContext: srv.Network.DialContext},
	}, asked
}

func TestWhatIsPrintedHasHappened(t *testing.T) {
	const takes = 2 * time.Millisecond
	for _, transport := range []string{engine.WebSocket, engine.Polling} {
		t.Run(transport, func(t *testing.T) {
			srv, l, asked := serve(t, takes)
			l.options.Transports = []string{transport}
			var out strings.Builder
			if err := l.run(t.Context(), &out); err != nil {
				t.Fatal(err)
			}
			var events, answered int
			said := out.String()
			m := regexp.MustCompile(`(?m)^(\d+) events in .*, (\d+) answered`).FindStringSubmatch(said)
			if m == nil {
				t.Fatalf("it prints\n%s", said)
			}
			_, _ = fmt.Sscan(m[1], &events)
			_, _ = fmt.Sscan(m[2], &answered)
			// 20 clients, 20 events each in the second; a busy machine may send fewer, none sends more.
			if events != answered || int64(events) != asked.Load() || events < 20 || events > 20*21 {
				t.Errorf("the server was asked %d times; it prints\n%s", asked.Load(), said)
			}
			var before time.Duration
			for _, p := range []string{"p50", "p90", "p99", "p99.9", "p100"} {
				m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(p) + ` (\S+)$`).FindStringSubmatch(said)
				if m == nil {
					t.Fatalf("no %s in\n%s", p, said)
				}
				latency, err := time.ParseDuration(m[1])
				if err != nil || latency < max(takes, before) {
					t.Errorf("%s of %v, %v", p, latency, err)
				}
				before = latency
			}
			clientsLeave(t, srv)
		})
	}
}

// clientsLeave waits until the server knows that its clients have left.
func clientsLeave(t *testing.T, srv *socketiotest.Server) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); srv.SocketCount() != 0; {
		if time.Now().After(deadline) {
			t.Fatalf("%d clients are left", srv.SocketCount())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestWhatFailsIsCounted(t *testing.T) {
	srv, l, asked := serve(t, 20*time.Millisecond)
	go func() {
		for asked.Load() < 50 && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		srv.Network.Cut() // all clients are connected
	}()
	var out strings.Builder
	if err := l.run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^20 clients lost\n\d+ not answered: socketio: `).MatchString(out.String()) {
		t.Errorf("it prints\n%s", out.String())
	}
}

func TestARefusalEndsIt(t *testing.T) {
	srv, l, _ := serve(t, 0)
	var let atomic.Int64
	srv.Use(func(*socketio.Socket) error {
		if let.Add(1) > 10 {
			return fmt.Errorf("full")
		}
		return nil
	})
	if err := l.run(t.Context(), new(strings.Builder)); err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("it ended with %v", err)
	}
}

func TestPercentile(t *testing.T) {
	values := make([]time.Duration, 1000)
	for i := range values {
		values[i] = time.Duration(i + 1)
	}
	for p, want := range map[int]time.Duration{500: 500, 990: 990, 999: 999, 1000: 1000, 0: 1} {
		if got := percentile(values, p); got != want {
			t.Errorf("%d of 1000: %d, want %d", p, got, want)
		}
	}
	if got := percentile(values[:1], 500); got != 1 {
		t.Errorf("of one: %d", got)
	}
}
