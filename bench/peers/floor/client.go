//go:build unix

package main

// Writes to one client: at once with one system call, and what the socket does not take, once it is writable again.

import (
	"net"
	"sync"
	"syscall"
)

// maxPending bounds, in bytes, what waits for a client that does not read. Beyond that the client is cut off.
const maxPending = 16 << 20

// A client is a connection after its handshake.
type client struct {
	conn *net.TCPConn
	raw  syscall.RawConn
	fd   int // valid until closed is set

	mu      sync.Mutex
	pending []byte // what the socket's buffer had no room for; while there is any, a goroutine writes it
	closed  bool
}

func newClient(conn *net.TCPConn) (*client, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, raw: raw}
	return c, raw.Control(func(fd uintptr) { c.fd = int(fd) })
}

// write sends a frame without waiting.
func (c *client) write(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	waiting := len(c.pending) > 0
	if !waiting {
		n, err := syscall.Write(c.fd, frame)
		if n == len(frame) {
			return
		}
		if err != nil && err != syscall.EAGAIN && err != syscall.EINTR {
			return // the reader will see it too and end the connection
		}
		frame = frame[max(n, 0):]
	}
	if c.pending = append(c.pending, frame...); len(c.pending) > maxPending {
		c.conn.CloseRead() // has the reader end the connection
		return
	}
	if !waiting {
		go c.drain()
	}
}

// drain writes what is pending until nothing is left. While the socket takes nothing, the runtime's poller parks it.
func (c *client) drain() {
	c.raw.Write(func(uintptr) (done bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for len(c.pending) > 0 && !c.closed {
			n, err := syscall.Write(c.fd, c.pending)
			if err == syscall.EAGAIN {
				return false
			}
			if err != nil && err != syscall.EINTR {
				return true // the rest stays pending, so that nothing follows a frame that is cut
			}
			c.pending = c.pending[max(n, 0):]
		}
		c.pending = nil
		return true
	})
}

// close ends the connection. Once closed is set nobody uses the descriptor, which may soon belong to another
// connection.
func (c *client) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.conn.Close()
}
