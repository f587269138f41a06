package socketio

// What one client may make the server keep, over all its namespaces: events that wait for their handlers, a packet of
// which messages are still to come, and sockets with what they connected with.

import (
	"log/slog"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A Limit is a bound past which a client is refused something, or ended.
type Limit string

const (
	// LimitNamespaces: a client asked for more than Options.MaxNamespacesPerConnection.
	LimitNamespaces Limit = "namespaces"
	// LimitAuth: a client connected with more than Options.MaxAuthBytes, or with all its sockets more than
	// MaxInboundBytes.
	LimitAuth Limit = "auth"
	// LimitPacketTime: the attachments of a packet had not come after Options.PacketTimeout.
	LimitPacketTime Limit = "packet time"
	// LimitNesting: a packet was nested deeper than other clients can parse, see parser.ErrTooDeep.
	LimitNesting Limit = "nesting"
	// LimitAttachments: a packet announced more attachments than it may have, see parser.ErrTooManyAttachments.
	LimitAttachments Limit = "attachments"
)

// limits are all of these.
var limits = [...]Limit{LimitNamespaces, LimitAuth, LimitPacketTime, LimitNesting, LimitAttachments}

func (srv *Server) countLimit(l Limit) {
	for i := range limits {
		if limits[i] == l {
			srv.limited[i].Add(1)
		}
	}
}

// waits counts n more bytes of events that wait for their handlers, and pauses the session where they are too many.
func (c *conn) waits(n int) {
	if c.waiting.Add(int64(n)) > c.pauseAt() && !c.paused.Load() {
		c.balance()
	}
}

// handled counts n bytes less, and resumes the session where that makes enough room.
func (c *conn) handled(n int) {
	if c.waiting.Add(-int64(n)) <= c.resumeAt() && c.paused.Load() {
		c.balance()
	}
}

// pauseAt is how many bytes may wait. An unfinished packet counts too, but no more than half: what it lacks must still
// be read.
func (c *conn) pauseAt() int64 {
	return int64(c.server.opts.MaxInboundBytes) - min(c.unfinished(), c.resumeAt())
}

func (c *conn) resumeAt() int64 { return int64(c.server.opts.MaxInboundBytes / 2) }

// balance pauses or resumes the session by what waits. It looks again after each change, which others may have missed
// that changed the number meanwhile.
func (c *conn) balance() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		n, paused := c.waiting.Load(), c.paused.Load()
		switch {
		case !paused && n > c.pauseAt() && !c.closed:
			c.paused.Store(true)
			c.session.Pause()
		case paused && (n <= c.resumeAt() || c.closed):
			c.paused.Store(false)
			c.session.Resume()
		default:
			return
		}
	}
}

// admit counts a socket that keeps size bytes of its CONNECT packet, until discharge. It counts sockets until their
// handlers have heard of the end, so that a client which comes and goes does not have more. limit is "" where it may.
func (c *conn) admit(auth, size int) (limit Limit) {
	o := &c.server.opts
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case int(c.sockets) >= o.MaxNamespacesPerConnection:
		return LimitNamespaces
	case auth > o.MaxAuthBytes || c.kept > 0 && int(c.kept)+size > o.MaxInboundBytes:
		return LimitAuth
	}
	c.sockets++
	c.kept += uint32(size)
	return ""
}

// discharge undoes admit.
func (c *conn) discharge(size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sockets--
	c.kept -= uint32(size)
}

// refusals are the payloads of the connect_error by which a client learns of a limit.
var refusals = map[Limit][]byte{
	LimitNamespaces: []byte(`{"message":"Too many namespaces"}`),
	LimitAuth:       []byte(`{"message":"Auth payload too large"}`),
}

// overLimit refuses a CONNECT packet.
func (c *conn) overLimit(l Limit, namespace string) {
	c.server.countLimit(l)
	c.server.log().Debug("socketio: connection refused", slog.String("session", c.session.ID()),
		slog.String("limit", string(l)))
	c.sendControl(parser.ConnectError, namespace, refusals[l])
}
