package netloop

import (
	"net"
	"sync"
)

// A Counted is a TCP connection whose end somebody is told of. It is a net.Conn for others than this package, with what
// the net package's has beside that. New takes it over without an end in between.
type Counted struct {
	*net.TCPConn
	ended func()
	once  sync.Once
	peer  net.Addr // where the kernel does not say it any more
}

// NewCounted returns conn; ended is called once, when it is closed.
func NewCounted(conn *net.TCPConn, ended func()) *Counted {
	return &Counted{TCPConn: conn, ended: ended}
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
	c.once.Do(c.ended)
	return err
}

// pass returns what is to be called at the end, which is for the caller to do from here on.
func (c *Counted) pass() (ended func()) {
	ended = func() {} // it has ended already
	c.once.Do(func() { ended = c.ended })
	return ended
}
