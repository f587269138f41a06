package fleet

// A TCP proxy that can be made to lose what passes through it.

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// A Proxy passes bytes between its own address and another.
type Proxy struct {
	Addr string
	// Lose, while true, makes the proxy take bytes and pass none on.
	Lose atomic.Bool

	done sync.WaitGroup

	mu     sync.Mutex
	target string
	conns  []net.Conn
	over   bool
}

// StartProxy starts a proxy to target; the test's end ends it.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), target: target}
	p.done.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			target := p.target
			p.mu.Unlock()
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, in, out)
			if p.over {
				in.Close()
				out.Close()
			}
			p.mu.Unlock()
			p.done.Go(func() { p.pass(in, out) })
			p.done.Go(func() { p.pass(out, in) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		p.over = true
		p.mu.Unlock()
		p.cut()
		p.done.Wait()
	})
	return p
}

// Retarget cuts all connections and leads new ones to another address.
func (p *Proxy) Retarget(target string) {
	p.mu.Lock()
	p.target = target
	p.mu.Unlock()
	p.cut()
}

func (p *Proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// URL is the proxy's address as that of a Redis.
func (p *Proxy) URL() string { return "redis://" + p.Addr }

func (p *Proxy) pass(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	lost := false
	for {
		n, err := from.Read(buf)
		// A connection that has lost bytes stays dead: what comes behind them makes no sense.
		if lost = lost || p.Lose.Load(); n > 0 && !lost {
			if _, err := to.Write(buf[:n]); err != nil {
				from.Close()
				return
			}
		}
		if err != nil {
			to.Close()
			return
		}
	}
}
