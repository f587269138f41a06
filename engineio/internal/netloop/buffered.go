package netloop

// The portable connection: a goroutine reads it, another writes it while there is something to write.

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// readBufferBytes is what is read at once.
	readBufferBytes = 4 << 10
	// sendBufferBytes is how much a connection takes without waiting, as a socket's send buffer does.
	sendBufferBytes = 64 << 10
	// progressBytes is what is written at once: a TLS record. A peer that takes less in its time has made no progress.
	progressBytes = 16 << 10
)

// A buffered connection is one on which a write may wait, such as TLS. It takes bytes into a buffer, as the kernel does
// for a socket.
type buffered struct {
	conn    net.Conn
	handler Handler
	look    chan struct{} // of one: the reader is to ask again whether it is paused
	timeout time.Duration // Loop.WriteTimeout

	mu      sync.Mutex
	room    sync.Cond // more may be written, or the connection has ended
	pending []byte    // to be written
	writing bool      // a goroutine writes
	half    bool      // the writing is to end behind pending
	closed  bool
	stalled bool
}

// NewBuffered takes conn over, with a goroutine of its own that reads it. A write that makes no progress for timeout
// ends it; 0 is for ever.
func NewBuffered(conn net.Conn, timeout time.Duration, h Handler) Conn {
	c := &buffered{conn: conn, handler: h, timeout: timeout, look: make(chan struct{}, 1)}
	c.room.L = &c.mu
	return c
}

func (c *buffered) Start() { go c.read() }

func (c *buffered) SetHandler(h Handler) { c.handler = h }

func (c *buffered) read() {
	buf := make([]byte, readBufferBytes)
	for {
		for !c.isClosed() && c.handler.Paused() {
			<-c.look
		}
		n, err := c.conn.Read(buf)
		if n > 0 {
			c.handler.Received(buf[:n])
		}
		if err != nil {
			break
		}
	}
	c.Close()
	c.handler.Closed()
}

func (c *buffered) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *buffered) ResumeReading() {
	select {
	case c.look <- struct{}{}:
	default: // it is about to look
	}
}

func (c *buffered) TryWrite(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stalled:
		return 0, ErrStalled
	case c.closed:
		return 0, net.ErrClosed
	}
	n := min(len(b), sendBufferBytes-len(c.pending))
	if n == 0 {
		return 0, nil
	}
	c.pending = append(c.pending, b[:n]...)
	if !c.writing {
		c.writing = true
		go c.write()
	}
	return n, nil
}

func (c *buffered) WriteAll(b []byte) error {
	for {
		n, err := c.TryWrite(b)
		if err != nil || n == len(b) {
			return err
		}
		b = b[n:]
		c.mu.Lock()
		for !c.closed && len(c.pending) >= sendBufferBytes {
			c.room.Wait()
		}
		c.mu.Unlock()
	}
}

// write writes what is pending until there is no more.
func (c *buffered) write() {
	var spare []byte
	for {
		c.mu.Lock()
		if len(c.pending) == 0 || c.closed {
			c.pending, c.writing = nil, false
			half := c.half && !c.closed
			c.mu.Unlock()
			if half {
				c.endWriting()
			}
			return
		}
		b := c.pending
		c.pending = spare[:0]
		c.room.Signal()
		c.mu.Unlock()
		if err := c.writeOut(b); err != nil {
			c.mu.Lock()
			c.stalled = errors.Is(err, os.ErrDeadlineExceeded)
			c.mu.Unlock()
			c.Close() // the reader ends over it
		}
		spare = b
	}
}

// writeOut writes b, waiting for the peer as long as it makes progress.
func (c *buffered) writeOut(b []byte) error {
	for len(b) > 0 {
		if c.timeout > 0 {
			_ = c.conn.SetWriteDeadline(time.Now().Add(c.timeout)) // a connection without deadlines waits
		}
		n, err := c.conn.Write(b[:min(len(b), progressBytes)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (c *buffered) Stalled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stalled
}

func (c *buffered) CloseWrite() {
	c.mu.Lock()
	later := c.writing
	c.half = true
	c.mu.Unlock()
	if !later {
		go c.endWriting() // TLS writes an alert, and waits where the peer reads nothing
	}
}

func (c *buffered) endWriting() {
	if half, ok := c.conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		c.Close()
	}
}

func (c *buffered) Close() {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.room.Broadcast()
	c.mu.Unlock()
	if !closed {
		c.ResumeReading()
		go c.conn.Close() // it may wait, as in CloseWrite
	}
}
