package mux

// A stream as a net.Conn, for its handshake.

import (
	"io"
	"net"
	"os"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
)

// A Stream is a net.Conn until package engineio or a Loop takes it over. Its addresses are those of the session's
// connection. Where it is not accepted, its methods return ErrRefused.
type Stream struct {
	stream *stream

	// Guarded by Session.mu.
	readBy, writeBy time.Time
}

// Read implements net.Conn.
func (c *Stream) Read(b []byte) (int, error) {
	st := c.stream
	s := st.session
	for {
		s.mu.Lock()
		switch {
		case expired(c.readBy):
			s.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		case len(st.inbox) > 0 || len(b) == 0:
			n := copy(b, st.inbox)
			if st.inbox = st.inbox[n:]; len(st.inbox) == 0 {
				st.inbox = nil
			}
			st.taken(n)
			s.mu.Unlock()
			return n, nil
		case st.broken() != nil:
			defer s.mu.Unlock()
			return 0, st.broken()
		case st.ended:
			s.mu.Unlock()
			return 0, io.EOF
		}
		again, by := st.changed.next(), c.readBy
		s.mu.Unlock()
		await(again, by)
	}
}

// Write implements net.Conn.
func (c *Stream) Write(b []byte) (written int, err error) {
	st := c.stream
	s := st.session
	for {
		s.mu.Lock()
		if expired(c.writeBy) {
			s.mu.Unlock()
			return written, os.ErrDeadlineExceeded
		}
		n, err := st.tryWrite(b[written:])
		if written += n; err != nil || written == len(b) {
			s.mu.Unlock()
			return written, err
		}
		again, by := st.awaitWritable(), c.writeBy
		s.mu.Unlock()
		await(again, by)
	}
}

func expired(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// await waits for a change, until a time unless that is zero.
func await(change <-chan struct{}, until time.Time) {
	if until.IsZero() {
		<-change
		return
	}
	timeout := time.NewTimer(time.Until(until))
	defer timeout.Stop()
	select {
	case <-change:
	case <-timeout.C:
	}
}

// CloseWrite ends the writing: the peer reads the end of the stream, and may still send.
func (c *Stream) CloseWrite() error {
	c.stream.CloseWrite()
	return nil
}

// Close implements net.Conn.
func (c *Stream) Close() error {
	c.stream.Close()
	return nil
}

// LocalAddr implements net.Conn.
func (c *Stream) LocalAddr() net.Addr { return c.stream.session.conn.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *Stream) RemoteAddr() net.Addr { return c.stream.session.conn.RemoteAddr() }

// SetDeadline implements net.Conn.
func (c *Stream) SetDeadline(t time.Time) error { return c.setDeadlines(&t, &t) }

// SetReadDeadline implements net.Conn.
func (c *Stream) SetReadDeadline(t time.Time) error { return c.setDeadlines(&t, nil) }

// SetWriteDeadline implements net.Conn.
func (c *Stream) SetWriteDeadline(t time.Time) error { return c.setDeadlines(nil, &t) }

func (c *Stream) setDeadlines(read, write *time.Time) error {
	s := c.stream.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if read != nil {
		c.readBy = *read
	}
	if write != nil {
		c.writeBy = *write
	}
	c.stream.changed.tell() // whoever waits looks again
	return nil
}

// Adopt makes the stream a netloop.Conn; netloop.New calls it. The Stream is of no more use to others.
func (c *Stream) Adopt(writeTimeout time.Duration, h netloop.Handler) netloop.Conn {
	c.stream.timeout, c.stream.handler = writeTimeout, h
	return c.stream
}

// A listener is a Server session as what http.Server serves.
type listener struct {
	session *Session
}

// Listener returns the streams that the peer opens. Closed, it accepts no more; those that there are go on.
func (s *Session) Listener() net.Listener { return listener{s} }

// Accept returns the next stream, or an error when the session has ended or the listener is closed.
func (l listener) Accept() (net.Conn, error) {
	s := l.session
	for {
		s.mu.Lock()
		switch {
		case s.deaf || s.err != nil:
			s.mu.Unlock()
			s.tellNews() // the next one, too
			return nil, net.ErrClosed
		case len(s.arrived) > 0:
			st := s.arrived[0]
			if s.arrived = s.arrived[1:]; len(s.arrived) == 0 {
				s.arrived = nil
			} else {
				s.tellNews()
			}
			s.mu.Unlock()
			return &Stream{stream: st}, nil
		}
		s.mu.Unlock()
		<-s.news
	}
}

// tellNews has Accept look.
func (s *Session) tellNews() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// Close implements net.Listener.
func (l listener) Close() error {
	s := l.session
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = true
	for _, st := range s.arrived {
		st.cut = true
		s.say(frameReset, st.id, byte(resetRefused))
		s.forget(st)
	}
	s.arrived = nil
	s.tellNews()
	return nil
}

// Addr implements net.Listener.
func (l listener) Addr() net.Addr { return l.session.conn.LocalAddr() }
