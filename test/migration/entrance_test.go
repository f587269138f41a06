package migration

// The fleet's entrance: a TCP proxy that leads each new connection to the node that has the fewest.

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

type entrance struct {
	addr string

	done sync.WaitGroup

	mu    sync.Mutex
	nodes []string       // that new connections go to
	open  map[string]int // connections that each node has
	conns map[net.Conn]bool
	over  bool
}

// openEntrance opens an entrance to nodes; the test's end closes it.
func openEntrance(t *testing.T, nodes ...string) *entrance {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &entrance{addr: l.Addr().String(), nodes: nodes, open: make(map[string]int), conns: make(map[net.Conn]bool)}
	e.done.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			e.done.Go(func() { e.lead(client) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		e.mu.Lock()
		e.over = true
		for c := range e.conns {
			c.Close()
		}
		e.mu.Unlock()
		e.done.Wait()
	})
	return e
}

// replace leads new connections to one node in place of another. Those that there are stay.
func (e *entrance) replace(old, new string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.nodes = slices.Clone(e.nodes)
	e.nodes[slices.Index(e.nodes, old)] = new
}

func (e *entrance) lead(client net.Conn) {
	defer client.Close()
	addr := e.enter()
	defer e.leave(addr)
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	if !e.keep(client, server) {
		return
	}
	defer e.forget(client, server)
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(client, server)
		client.Close()
	})
	io.Copy(server, client)
	server.Close()
	back.Wait()
}

// keep reports whether the entrance is still open; the connections then end with it.
func (e *entrance) keep(conns ...net.Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range conns {
		e.conns[c] = true
	}
	return !e.over
}

func (e *entrance) forget(conns ...net.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range conns {
		delete(e.conns, c)
	}
}

// enter counts a connection to the node that it returns.
func (e *entrance) enter() (addr string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	addr = slices.MinFunc(e.nodes, func(a, b string) int { return e.open[a] - e.open[b] })
	e.open[addr]++
	return addr
}

func (e *entrance) leave(addr string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open[addr]--
}

// connections is how many connections a node has.
func (e *entrance) connections(addr string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open[addr]
}
