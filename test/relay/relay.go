// Package relay has the TCP proxy behind the balancers and faulty networks that tests put before a fleet.
package relay

import (
	"io"
	"net"
	"sync"
	"testing"
)

// A Relay accepts connections and passes each on to a server.
type Relay struct {
	Addr string // host:port

	dial func() (net.Conn, error)
	pass func(to, from net.Conn)
	done sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool
	over bool
}

// Start listens on a free port of 127.0.0.1 until the test ends.
//
// For each connection dial connects to a server; where it fails the connection is closed. Then pass copies what comes,
// once in each direction, and both connections are closed when both calls have returned.
func Start(t testing.TB, dial func() (net.Conn, error), pass func(to, from net.Conn)) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Addr: l.Addr().String(), dial: dial, pass: pass, open: make(map[net.Conn]bool)}
	r.done.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			r.done.Go(func() { r.serve(client) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		r.over = true
		r.mu.Unlock()
		r.Cut()
		r.done.Wait()
	})
	return r
}

// Cut closes every connection that is open. New ones are accepted as before.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		c.Close()
	}
}

func (r *Relay) serve(client net.Conn) {
	defer client.Close()
	server, err := r.dial()
	if err != nil {
		return
	}
	defer server.Close()
	if !r.keep(client, server) {
		return
	}
	defer r.forget(client, server)
	var back sync.WaitGroup
	back.Go(func() { r.pass(client, server) })
	r.pass(server, client)
	back.Wait()
}

// keep has Cut close the connections too. It reports false when the relay has ended meanwhile.
func (r *Relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		r.open[c] = true
	}
	return !r.over
}

func (r *Relay) forget(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		delete(r.open, c)
	}
}

// Whole copies until from ends and then closes to: the end of one direction ends the other.
func Whole(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
}

// Halves copies until from ends and then closes that half of to, as a balancer does.
func Halves(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return
	}
	to.(*net.TCPConn).CloseWrite()
}
