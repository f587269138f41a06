package abuse

// A gateway in this process is attacked while good clients chat on it. Afterwards it must have as many goroutines and
// as much on the heap as before.

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/gateway/chat"
	"github.com/brunossouza/websocket-escalonavel/test/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAttacksLeaveNothingBehind(t *testing.T) {
	// Short time-outs, so that abandoned sessions end soon.
	env := map[string]string{
		"HOST": "127.0.0.1", "PORT": "0", "PING_INTERVAL": "3s", "PING_TIMEOUT": "3s", "CONNECT_TIMEOUT": "3s",
		"UPGRADE_TIMEOUT":  "2s",
		"SHUTDOWN_TIMEOUT": "5s",
	}
	service := new(chat.Service)
	cfg, err := gateway.LoadConfig(func(name string) string { return env[name] }, service)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler), service)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	if err := g.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	addr := g.Addr().String()

	// The first round fills pools and tables; what the second adds is a leak.
	round(t, addr, 1, 600)
	goroutines, heap := settle(t, 0)
	round(t, addr, 2, 2400)
	after, heapAfter := settle(t, goroutines)
	t.Logf("goroutines %d, then %d; heap %d KB, then %d KB", goroutines, after, heap>>10, heapAfter>>10)
	if after > goroutines {
		t.Errorf("%d goroutines before the attacks, %d after", goroutines, after)
		dump := make([]byte, 1<<20)
		t.Logf("%s", dump[:runtime.Stack(dump, true)])
	}
	if heapAfter > heap+1<<20 {
		t.Errorf("%d KB on the heap before the attacks, %d KB after", heap>>10, heapAfter>>10)
	}
}

// round makes n attacks while 50 clients chat.
func round(t *testing.T, addr string, seed uint64, n int) {
	t.Helper()
	chat, err := NewChat(addr, 50)
	if err != nil {
		t.Fatal(err)
	}
	defer chat.Close()
	attacked := make(chan Result)
	go func() { attacked <- Run(addr, seed, n) }()
	said := 0
	for done := false; !done; {
		if err := chat.Say(said, said+1, 200*time.Millisecond); err != nil {
			t.Errorf("while under attack: %v", err)
		}
		said++
		select {
		case result := <-attacked:
			t.Logf("%d attacks, %d messages to each of 50 clients: %+v", n, said*50, result)
			if result.Sockets < n/4 || result.Sessions < n/4 {
				t.Errorf("the attacks hardly reached the gateway: %+v", result)
			}
			done = true
		default:
		}
	}
	if err := chat.Heard(said); err != nil {
		t.Error(err)
	}
}

// settle waits until at most want goroutines are left, or until their number has not changed for a while. It returns
// the number, and the bytes on the heap.
func settle(t *testing.T, want int) (goroutines int, heap uint64) {
	t.Helper()
	last, since := 0, time.Now()
	await.Until(time.Minute, func() bool {
		n := runtime.NumGoroutine()
		if n != last {
			last, since = n, time.Now()
		}
		// 8 s is longer than any time-out of an abandoned session.
		return time.Since(since) > 8*time.Second || want > 0 && n <= want
	})
	for range 3 {
		runtime.GC()
		time.Sleep(100 * time.Millisecond)
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return last, stats.HeapAlloc
}
