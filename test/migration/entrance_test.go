package migration

// The fleet's entrance: a TCP proxy that leads each new connection to the node with the fewest connections.

import (
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/relay"
)

type entrance struct {
	addr string

	mu    sync.Mutex
	nodes []string       // where new connections lead
	open  map[string]int // connections by node
}

// openEntrance opens an entrance to nodes. It closes with the test.
func openEntrance(t *testing.T, nodes ...string) *entrance {
	t.Helper()
	e := &entrance{nodes: nodes, open: make(map[string]int)}
	e.addr = relay.Start(t, e.dial, relay.Whole).Addr
	return e
}

// dial connects to the node with the fewest connections and counts this one until it is closed.
func (e *entrance) dial() (net.Conn, error) {
	e.mu.Lock()
	addr := slices.MinFunc(e.nodes, func(a, b string) int { return e.open[a] - e.open[b] })
	e.open[addr]++
	e.mu.Unlock()
	leave := sync.OnceFunc(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.open[addr]--
	})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		leave()
		return nil, err
	}
	return &counted{conn, leave}, nil
}

// A counted connection calls leave when it is closed.
type counted struct {
	net.Conn
	leave func()
}

func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}

// replace leads new connections to one node instead of another. Connections that exist stay where they are.
func (e *entrance) replace(old, new string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.nodes = slices.Clone(e.nodes)
	e.nodes[slices.Index(e.nodes, old)] = new
}

// connections returns how many connections a node has.
func (e *entrance) connections(addr string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open[addr]
}
