package webtransport

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/quic-go/webtransport-go"
)

// lastWordsTime is how long a client has to read what was written before the session is closed, which throws away what
// is under way: QUIC does not tell when a stream's end has been read.
const lastWordsTime = 500 * time.Millisecond

// A conn is a WebTransport session with the one stream that its client opens, which the first Read waits for.
type conn struct {
	session *webtransport.Session

	mu     sync.Mutex
	stream *webtransport.Stream // nil until the client has opened it
	until  time.Time            // the deadline of reading
	ending *time.Timer          // closes the session behind the last words
	closed bool
}

var _ net.Conn = (*conn)(nil)

// Read is for one goroutine at a time.
func (c *conn) Read(b []byte) (int, error) {
	stream, err := c.opened()
	if err != nil {
		return 0, err
	}
	return stream.Read(b)
}

// opened waits for the stream.
func (c *conn) opened() (*webtransport.Stream, error) {
	c.mu.Lock()
	stream, until := c.stream, c.until
	c.mu.Unlock()
	if stream != nil {
		return stream, nil
	}
	ctx := c.session.Context()
	if !until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	stream, err := c.session.AcceptStream(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = os.ErrDeadlineExceeded
	}
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream = stream
	return stream, stream.SetReadDeadline(c.until)
}

// current is the stream, or nil.
func (c *conn) current() *webtransport.Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stream
}

func (c *conn) Write(b []byte) (int, error) {
	stream := c.current()
	if stream == nil {
		return 0, net.ErrClosed // nothing is said before the client has
	}
	return stream.Write(b)
}

// Close ends the session at once.
func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	if c.ending != nil {
		c.ending.Stop()
	}
	c.mu.Unlock()
	return c.session.CloseWithError(0, "")
}

// CloseWrite ends the stream, and soon the session: the end of a stream alone tells engine.io-client nothing.
func (c *conn) CloseWrite() error {
	stream := c.current()
	if stream == nil {
		return c.Close()
	}
	if err := stream.Close(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && c.ending == nil {
		c.ending = time.AfterFunc(lastWordsTime, func() { _ = c.session.CloseWithError(0, "") })
	}
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.session.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.session.RemoteAddr() }

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = t
	if c.stream == nil {
		return nil
	}
	return c.stream.SetReadDeadline(t)
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	if stream := c.current(); stream != nil {
		return stream.SetWriteDeadline(t)
	}
	return nil
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
