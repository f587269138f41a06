// Package abuse attacks a chat service with malformed requests, frames and packets of all kinds while good clients chat
// on it. A seed alone decides what it does.
package abuse

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// An attack does one thing that no client should do. It does not look at the answers: the service only has to survive.
type attack struct {
	kind string
	do   func(a *attacker)
}

// attacks returns all kinds; Run takes them in turn.
func attacks() []attack {
	return []attack{
		{"HTTP", badHTTP},
		{"handshake", badHandshake},
		{"upgrade request", badUpgradeRequest},
		{"frame", badFrame},
		{"engine packet over WebSocket", badEnginePacket},
		{"engine packet over polling", badPayload},
		{"socket packet", badSocketPacket},
		{"mutated socket packet", mutatedSocketPacket},
		{"polling", badPolling},
		{"upgrade", badUpgrade},
		{"half-open connection", halfOpen},
		{"socket packet over polling", badSocketPacketOverPolling},
	}
}

// An attacker makes one attack. It has random numbers of its own and keeps the connections that it opened.
type attacker struct {
	*rand.Rand
	addr string
	open []net.Conn

	sockets, sessions int // opened
}

// A Result says what was done.
type Result struct {
	Kinds    map[string]int // attacks by kind
	Sockets  int            // WebSockets that the service opened
	Sessions int            // polling sessions that it opened
}

// Run makes n attacks on addr, eight at a time, and returns when all their connections are closed.
func Run(addr string, seed uint64, n int) Result {
	const atOnce = 8
	all := attacks()
	result := Result{Kinds: map[string]int{}}
	slots := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	var sockets, sessions atomic.Int64
	for i := range n {
		kind := all[i%len(all)]
		result.Kinds[kind.kind]++
		slots <- struct{}{}
		group.Go(func() {
			a := &attacker{Rand: rand.New(rand.NewPCG(seed, uint64(i))), addr: addr}
			kind.do(a)
			a.leave()
			sockets.Add(int64(a.sockets))
			sessions.Add(int64(a.sessions))
			<-slots
		})
	}
	group.Wait()
	result.Sockets, result.Sessions = int(sockets.Load()), int(sessions.Load())
	return result
}

// leave closes the connections: most with a FIN, some with a RST, like a client that crashes.
func (a *attacker) leave() {
	for _, c := range a.open {
		if tcp, ok := c.(*net.TCPConn); ok && a.IntN(4) == 0 {
			tcp.SetLinger(0)
		}
		c.Close()
	}
}

// dial opens a connection, or returns nil. If the service takes no more connections, the good clients find out.
func (a *attacker) dial() *wire.Conn {
	c, err := wire.Dial(a.addr)
	if err != nil {
		return nil
	}
	a.open = append(a.open, c.Conn)
	return c
}

// say writes bytes to a new connection and looks briefly at what comes back.
func (a *attacker) say(b []byte) {
	if c := a.dial(); c != nil {
		c.Write(b)
		look(c)
	}
}

// look reads for a moment, or until the connection ends.
func look(c *wire.Conn) {
	c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	var b [4096]byte
	for {
		if _, err := c.Reader.Read(b[:]); err != nil {
			return
		}
	}
}

// websocket opens a WebSocket and, if join is set, asks to join the main namespace.
func (a *attacker) websocket(join bool) *wire.WebSocket {
	ws, err := wire.DialWebSocket(a.addr, wire.NewSocket)
	if err != nil {
		return nil
	}
	a.sockets++
	a.open = append(a.open, ws.Conn.Conn)
	if join {
		ws.SendText("40")
	}
	return ws
}

// session opens a polling session and returns the target of its requests.
func (a *attacker) session() string {
	sid, err := wire.OpenSession(a.addr, 10*time.Second)
	if err != nil {
		return wire.NewPolling
	}
	a.sessions++
	return wire.NewPolling + "&sid=" + sid
}

func (a *attacker) pick(list ...string) string { return list[a.IntN(len(list))] }

// noise returns 1 to n random bytes.
func (a *attacker) noise(n int) []byte {
	b := make([]byte, a.IntN(n)+1)
	for i := range b {
		b[i] = byte(a.Uint32())
	}
	return b
}
