package netloop

import (
	"net"
	"sync"
)

// A Guest is told of the end of a connection, once.
type Guest interface{ Closed() }

// A Counted is a TCP connection whose end somebody is told of. It is a net.Conn for others than this package, with what
// the net package's has beside that. New takes it over without an end in between.
type Counted struct {
	*net.TCPConn
	guest Guest
	once  sync.Once
}

// NewCounted returns conn, whose end guest is told of.
func NewCounted(conn *net.TCPConn, guest Guest) *Counted {
	return &Counted{TCPConn: conn, guest: guest}
}

// Close ends the connection.
func (c *Counted) Close() error {
	err := c.TCPConn.Close()
	c.once.Do(c.guest.Closed)
	return err
}

// pass returns the guest, which is somebody else's from here on.
func (c *Counted) pass() (g Guest) {
	c.once.Do(func() { g = c.guest })
	return g
}
