package socketio

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

// Handlers that block keep nobody else's from running, however many there are, and however long their events.
func TestBlockedHandlersBlockNobodyElse(t *testing.T) {
	for name, size := range map[string]int{"of short events": 1, "of long events": longEvent} {
		t.Run(name, func(t *testing.T) { testBlockedHandlers(t, strings.Repeat("x", size)) })
	}
}

func testBlockedHandlers(t *testing.T, text string) {
	srv := newTestServer(t, Options{})
	release := make(chan struct{})
	var blocked atomic.Int32
	srv.On("block", func(e *Event) error { blocked.Add(1); <-release; return e.Ack() })
	srv.On("x", func(e *Event) error { return e.Ack() })
	var clients, others []*testClient
	for range 100 {
		clients, others = append(clients, srv.connect()), append(others, srv.connect())
	}
	for i, c := range clients {
		c.send(`20["block","` + text + `"]`)
		others[i].send(`20["x"]`)
	}
	for _, c := range others {
		c.want(`30[]`)
	}
	eventually(t, "all blocked at once", func() bool { return blocked.Load() == 100 })
	close(release)
	for _, c := range clients {
		c.want(`30[]`)
	}
}

// Handlers of long events that keep the cores busy do not keep those of short ones waiting: few of them run at once,
// also where each lets others have their turn now and then, as parsing does.
func TestLongEventsLeaveTurnsToOthers(t *testing.T) {
	for name, turn := range map[string]time.Duration{
		"that keep the core": 5 * time.Millisecond, "that let others have it": 50 * time.Microsecond,
	} {
		t.Run(name, func(t *testing.T) { testBusyHandlers(t, turn) })
	}
}

func testBusyHandlers(t *testing.T, turn time.Duration) {
	srv := newTestServer(t, Options{})
	var busy, most atomic.Int32
	srv.On("long", func(e *Event) error {
		n := busy.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		for spent := time.Duration(0); spent < 5*time.Millisecond; spent += turn {
			for began := time.Now(); time.Since(began) < turn; {
			}
			turns.Yield()
		}
		busy.Add(-1)
		return e.Ack()
	})
	text := strings.Repeat("x", longEvent)
	clients := make([]*testClient, 100)
	for i := range clients {
		clients[i] = srv.connect()
		clients[i].send(`20["long","` + text + `"]`)
	}
	for _, c := range clients {
		c.want(`30[]`)
	}
	if n := most.Load(); n > 25 {
		t.Errorf("%d of 100 ran at once", n)
	}
}

// On a machine that is busy with other things, long events whose handlers wait do not hold up all others for good.
func TestLongEventsThatWait(t *testing.T) {
	const running = 4
	l := &longLane{queue: make([]longTask, 1), running: running, most: running}
	for _, step := range []struct {
		turns, stood time.Duration
		want         int
	}{
		{0, 0, 2 * running}, // the cores have time
		{spareTurns, 0, max(running, l.fewest())},
		{spareTurns, longStandstill / 2, 2 * running}, // they have some, and nothing is done
		{time.Second, longStandstill, max(running, l.fewest())},
		{time.Second, 2 * longStandstill, running + 1},
	} {
		if l.adapt(step.turns, step.stood); l.most != step.want {
			t.Errorf("turns of %v, nothing for %v: %d workers, want %d", step.turns, step.stood, l.most, step.want)
		}
	}
}

// TestIdleGoroutines: when there is nothing to do, no worker is left.
func TestIdleGoroutines(t *testing.T) {
	srv := newTestServer(t, Options{})
	srv.On("x", func(e *Event) error { return e.Ack() })
	clients := make([]*testClient, 40)
	for i := range clients {
		clients[i] = srv.connect()
	}
	for _, c := range clients {
		c.send(`20["x"]`)
	}
	for _, c := range clients {
		c.want(`30[]`)
	}
	eventually(t, "no worker is left", func() bool { return srv.workers.running() == 0 })
	clients[0].send(`21["x"]`)
	clients[0].want(`31[]`)
}
