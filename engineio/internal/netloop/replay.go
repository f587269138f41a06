package netloop

import "net"

// A Replay is a connection of which something has been read already.
type Replay struct {
	net.Conn
	early []byte
}

// NewReplay returns conn with the bytes early before what comes next. It keeps early.
func NewReplay(conn net.Conn, early []byte) *Replay { return &Replay{conn, early} }

// Read reads what has been read already, then the connection.
func (c *Replay) Read(b []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.early)
	if c.early = c.early[n:]; len(c.early) == 0 {
		c.early = nil
	}
	return n, nil
}

// CloseWrite is what net/http ends a connection with that it has not read to the end.
func (c *Replay) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Conn.Close()
}
