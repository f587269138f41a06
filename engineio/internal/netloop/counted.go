package netloop

import (
	"net"
	"sync"
)

// A Counter is told when a connection has ended, once. (An interface, as a function for each connection takes memory.)
type Counter interface{ Ended() }

// uncounted is the Counter of a connection whose end has been told of.
type uncounted struct{}

func (uncounted) Ended() {}

// A Counted is a TCP connection whose end somebody is told of. It is a net.Conn for others than this package, with what
// the net package's has beside that. New takes it over without an end in between.
type Counted struct {
	*net.TCPConn
	counter Counter
	once    sync.Once
	peer    net.Addr // where the kernel does not say it any more
}

// NewCounted returns conn; c is told when it is closed.
func NewCounted(conn *net.TCPConn, c Counter) *Counted {
	return &Counted{TCPConn: conn, counter: c}
}

// RemoteAddr is the address of the peer, be it that it has reset the connection.
func (c *Counted) RemoteAddr() net.Addr {
	if addr := c.TCPConn.RemoteAddr(); addr != nil {
		return addr
	}
	return c.peer
}

// Close ends the connection.
func (c *Counted) Close() error {
	err := c.TCPConn.Close()
	c.once.Do(c.counter.Ended)
	return err
}

// pass returns who is to be told of the end, which is for the caller to do from here on.
func (c *Counted) pass() (counter Counter) {
	counter = uncounted{}
	c.once.Do(func() { counter = c.counter })
	return counter
}
