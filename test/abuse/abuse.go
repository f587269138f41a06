// Package abuse attacks a chat service with malformed requests, frames and packets of all kinds, while good clients chat
// on it. What it does is decided by a seed alone.
package abuse

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// An attack does one thing that a client should not do. Its answers do not matter, only that the service survives it.
type attack struct {
	kind string
	do   func(a *attacker)
}

// attacks are taken in turn.
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

// An attacker is what one attack has: its own random numbers and the connections that it opened.
type attacker struct {
	*rand.Rand
	addr string
	open []net.Conn

	sockets, sessions int // opened
}

// Result says what was done.
type Result struct {
	Kinds    map[string]int // attacks of each kind
	Sockets  int            // WebSockets that the service opened for them
	Sessions int            // polling sessions
}

// Run makes n attacks on addr, several at once, and returns when all their connections are closed.
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

// leave closes the attacker's connections: most with a FIN, some with a RST, as a client that crashes does.
func (a *attacker) leave() {
	for _, c := range a.open {
		if tcp, ok := c.(*net.TCPConn); ok && a.IntN(4) == 0 {
			tcp.SetLinger(0)
		}
		c.Close()
	}
}

// dial opens a connection. A service that takes no more connections is found by the good clients.
func (a *attacker) dial() *wire.Conn {
	c, err := wire.Dial(a.addr)
	if err != nil {
		return nil
	}
	a.open = append(a.open, c.Conn)
	return c
}

// say writes bytes to a connection of their own and takes a short look at what comes back.
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

const (
	socketPath  = "/socket.io/?EIO=4&transport=websocket"
	pollingPath = "/socket.io/?EIO=4&transport=polling"
)

// websocket opens a WebSocket, joined to the main namespace or not.
func (a *attacker) websocket(join bool) *wire.WebSocket {
	ws, err := wire.DialWebSocket(a.addr, socketPath)
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

// session opens a polling session and returns the path of its requests.
func (a *attacker) session() string {
	response, err := wire.Do(a.addr, wire.Request{Method: "GET", Target: pollingPath}, 10*time.Second)
	if err != nil {
		return pollingPath
	}
	var sid string
	if _, err := fmt.Sscanf(strings.ReplaceAll(string(response.Body), `",`, ` `), `0{"sid":"%s`, &sid); err != nil {
		return pollingPath
	}
	a.sessions++
	return pollingPath + "&sid=" + sid
}

func (a *attacker) pick(list ...string) string { return list[a.IntN(len(list))] }

// noise is up to n random bytes.
func (a *attacker) noise(n int) []byte {
	b := make([]byte, a.IntN(n)+1)
	for i := range b {
		b[i] = byte(a.Uint32())
	}
	return b
}
