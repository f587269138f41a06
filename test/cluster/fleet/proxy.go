package fleet

// A TCP proxy that can be told to lose what passes through it.

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/relay"
)

// A Proxy passes bytes between its own address and another.
type Proxy struct {
	Addr string
	// Lose, while true, has the proxy read bytes and pass none on.
	Lose atomic.Bool

	relay  *relay.Relay
	target atomic.Value // string: where new connections lead
}

// StartProxy starts a proxy to target. It ends with the test.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	p := new(Proxy)
	p.target.Store(target)
	p.relay = relay.Start(t, func() (net.Conn, error) { return net.Dial("tcp", p.target.Load().(string)) }, p.pass)
	p.Addr = p.relay.Addr
	return p
}

// Retarget cuts all connections and leads new ones to another address.
func (p *Proxy) Retarget(target string) {
	p.target.Store(target)
	p.relay.Cut()
}

// URL returns the proxy's address as that of a Redis.
func (p *Proxy) URL() string { return "redis://" + p.Addr }

// pass copies until either side ends, and then ends the other.
func (p *Proxy) pass(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	lost := false
	for {
		n, err := from.Read(buf)
		// A connection that has lost bytes stays dead: what follows them would make no sense.
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
