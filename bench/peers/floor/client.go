//go:build unix

package main

// Writing to one client: at once with one system call, and what the socket does not take when it is writable again.

import (
	"net"
	"sync"
	"syscall"
)

// maxPending is what may wait for a client that does not read, in bytes; past it the client is cut off.
const maxPending = 16 << 20

// A client is a connection after its handshake.
type client struct {
	conn *net.TCPConn
	raw  syscall.RawConn
	fd   int // valid until closed

	mu      sync.Mutex
	pending []byte // what did not fit the socket's buffer; a goroutine is writing it if there is any
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

// write sends a frame. It does not wait.
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
			return // the reader sees it too, and ends the connection
		}
		frame = frame[max(n, 0):]
	}
	if c.pending = append(c.pending, frame...); len(c.pending) > maxPending {
		c.conn.CloseRead() // the reader ends the connection
		return
	}
	if !waiting {
		go c.drain()
	}
}

// drain writes what is pending, parked in the runtime's poller while the socket takes nothing, until nothing is left.
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
				return true // what is left stays pending, so that nothing follows a frame that is cut
			}
			c.pending = c.pending[max(n, 0):]
		}
		c.pending = nil
		return true
	})
}

// close ends the connection. Once closed is set nobody uses the descriptor any more, which may soon be another's.
func (c *client) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.conn.Close()
}
