package client

// What comes over one Engine.IO session, for the sockets.

import (
	"context"
	"errors"
	"log/slog"
	"time"

	engine "github.com/brunossouza/websocket-escalonavel/engineio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A link is a Conn's handler of one session. OnMessage is called on the goroutine that reads, and calls no code of the
// program but the parser: it completes acknowledgements, and leaves the rest to the sockets' tasks.
type link struct {
	conn   *Conn
	ctx    context.Context // done with the session
	cancel context.CancelFunc

	pending *parser.Packet // of which messages are still to come; of the reading goroutine

	// Guarded by Conn.mu.
	session *engine.Session // nil while opening
	begun   time.Time       // when pending began, or zero
	over    bool            // OnClose has been called
	reason  Reason
	err     error
}

var _ engine.Handler = (*link)(nil)

// OnMessage takes one message of the server's.
func (l *link) OnMessage(data []byte, binary bool) {
	c := l.conn
	p, err := c.opts.Parser.Decode(l.pending, data, binary)
	if err == nil && p.Missing > 0 {
		if l.pending == nil {
			l.pending = new(parser.Packet)
			l.setBegun(time.Now())
		}
		*l.pending = p
		return
	}
	if l.pending != nil {
		l.pending = nil
		l.setBegun(time.Time{})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.link != l || l.over: // nobody wants it any more
	case err != nil:
		c.opts.Logger.Debug("socketio: parse error", slog.Any("error", err))
		c.drop(l, ReasonParseError, err)
	default:
		c.packet(l, &p)
	}
}

func (l *link) setBegun(t time.Time) {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	l.begun = t
}

var errAttachments = errors.New("socketio: the attachments of a packet have not come in time")

// pinged tells handlers of OnPing, and gives up a packet whose attachments do not come: a server that goes on pinging
// would keep the rest behind it for ever.
func (c *Conn) pinged() {
	c.mu.Lock()
	defer c.mu.Unlock()
	tell(c, func(h *hooks) []func() { return h.ping }, func(f func()) { f() })
	if l := c.link; l != nil && !c.paused && !l.begun.IsZero() && time.Since(l.begun) > c.opts.ConnectTimeout {
		c.drop(l, ReasonParseError, errAttachments)
	}
}

// OnClose is told of the session's end.
func (l *link) OnClose(reason engine.Reason, err error) {
	c := l.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	l.over, l.reason, l.err = true, Reason(reason), err
	if l.session != nil {
		c.lost(l, l.reason, err)
	}
}

// packet takes a whole packet. mu is held.
func (c *Conn) packet(l *link, p *parser.Packet) {
	s := c.sockets[p.Namespace]
	switch {
	case s == nil:
		return
	case !s.active && p.Type == parser.Connect && c.state == stateOpen: // it has been closed before it was connected
		s.sendControl(parser.Disconnect, nil)
		return
	case !s.active || s.asked != l:
		return
	}
	switch p.Type {
	case parser.Connect:
		s.accepted(p)
	case parser.ConnectError:
		s.refused(parseConnectError(p))
	case parser.Disconnect:
		s.active = false
		s.disconnected(ReasonServerDisconnect, nil)
		s.settle(&DisconnectError{ReasonServerDisconnect})
		c.release()
	case parser.Event:
		if p.Payload != nil { // an event without even a name goes to no handler
			s.received(p)
		}
	case parser.Ack:
		s.acknowledged(p)
	}
}
