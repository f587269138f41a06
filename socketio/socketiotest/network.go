package socketiotest

// Connections in memory.

import (
	"context"
	"errors"
	"net"
	"sync"
)

// A Network is where the server listens: in memory. Its zero value is not for use; see Server.Network.
type Network struct {
	accept chan net.Conn
	done   chan struct{}
	once   sync.Once

	mu     sync.Mutex
	conns  map[*conn]bool // the clients' ends
	down   bool
	silent bool
	change chan struct{} // closed when silent ends
}

func newNetwork() *Network {
	return &Network{accept: make(chan net.Conn), done: make(chan struct{}), conns: make(map[*conn]bool)}
}

var errDown = errors.New("socketiotest: the network is down")

// DialContext connects to the server, whatever the address. It is for the options of clients that the test makes
// itself.
func (n *Network) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	n.mu.Lock()
	if n.down {
		n.mu.Unlock()
		return nil, errDown
	}
	here, there := net.Pipe()
	c := &conn{Conn: here, network: n, closed: make(chan struct{})}
	n.conns[c] = true
	n.mu.Unlock()
	select {
	case n.accept <- &conn{Conn: there, network: n, closed: make(chan struct{})}:
		return c, nil
	case <-n.done:
	case <-ctx.Done():
	}
	_ = c.Close()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, net.ErrClosed
}

// Cut breaks all connections that there are.
func (n *Network) Cut() {
	n.mu.Lock()
	conns := make([]*conn, 0, len(n.conns))
	for c := range n.conns {
		conns = append(conns, c)
	}
	n.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// SetDown breaks all connections and has no more made, until it is called with false.
func (n *Network) SetDown(down bool) {
	n.mu.Lock()
	n.down = down
	n.mu.Unlock()
	if down {
		n.Cut()
	}
}

// SetSilent has nothing more arrive, on either side, without breaking a connection, until it is called with false: as
// where a cable is pulled.
func (n *Network) SetSilent(silent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if silent == n.silent {
		return
	}
	n.silent = silent
	if silent {
		n.change = make(chan struct{})
	} else {
		close(n.change)
	}
}

// wait waits while the network is silent, or until c is closed.
func (n *Network) wait(closed <-chan struct{}) {
	for {
		n.mu.Lock()
		silent, change := n.silent, n.change
		n.mu.Unlock()
		if !silent {
			return
		}
		select {
		case <-change:
		case <-closed:
			return
		}
	}
}

// Accept is net.Listener's: a Network is what the server listens on.
func (n *Network) Accept() (net.Conn, error) {
	select {
	case c := <-n.accept:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

// Close ends the listening. Connections go on.
func (n *Network) Close() error {
	n.once.Do(func() { close(n.done) })
	return nil
}

// Addr is an address for logs.
func (n *Network) Addr() net.Addr { return addr }

var addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}

// A conn is one end of a connection.
type conn struct {
	net.Conn
	network *Network
	once    sync.Once
	closed  chan struct{}
}

func (c *conn) Read(b []byte) (int, error) {
	k, err := c.Conn.Read(b)
	c.network.wait(c.closed)
	return k, err
}

func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.network.mu.Lock()
		delete(c.network.conns, c)
		c.network.mu.Unlock()
	})
	return c.Conn.Close()
}

func (c *conn) LocalAddr() net.Addr  { return addr }
func (c *conn) RemoteAddr() net.Addr { return addr }
