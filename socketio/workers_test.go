package socketio

import (
	"sync/atomic"
	"testing"
)

// Handlers that block keep nobody else's from running, however many there are.
func TestBlockedHandlersBlockNobodyElse(t *testing.T) {
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
		c.send(`20["block"]`)
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
