package socketio

// A packet of which messages are still to come: its attachments.

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A partial is the packet of a client that is not whole yet, or an empty one between two such packets.
type partial struct {
	packet parser.Packet // of who takes messages
	// size is that of what has come, in bytes, and begunAt when that began, in ns of Server.epoch; 0 for an empty one.
	size, begunAt atomic.Int64
	// timer is of PacketTimeout; nil while no packet has been incomplete for some time. Guarded by conn.mu.
	timer *time.Timer
}

// pending is the packet of which messages are still to come, or nil. It is called by who takes messages.
func (c *conn) pending() *parser.Packet {
	if p := c.partial.Load(); p != nil && p.packet.Missing > 0 {
		return &p.packet
	}
	return nil
}

// unfinished is the size of what has come of that packet.
func (c *conn) unfinished() int64 {
	if p := c.partial.Load(); p != nil {
		return p.size.Load()
	}
	return 0
}

// begun takes note of a packet of which messages are still to come.
func (c *conn) begun(packet *parser.Packet) {
	p := c.partial.Load()
	if p == nil {
		p = new(partial)
		c.partial.Store(p)
	}
	p.packet = *packet
	p.size.Store(int64(packet.Size()))
	if p.begunAt.Load() != 0 {
		return
	}
	p.begunAt.Store(int64(time.Since(c.server.epoch)) + 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.timer == nil && !c.closed {
		p.timer = time.AfterFunc(c.server.opts.PacketTimeout, c.checkPacket)
	}
}

// finished takes note that there is no such packet any more. The timer stays: it finds nothing to do, and a client that
// sends many such packets needs but one.
func (c *conn) finished() {
	if p := c.partial.Load(); p != nil {
		p.packet = parser.Packet{}
		p.begunAt.Store(0)
		p.size.Store(0)
	}
}

var errPacketTime = errors.New("the packet's attachments have not come in time")

// checkPacket ends the connection where a packet has taken too long.
func (c *conn) checkPacket() {
	p := c.partial.Load()
	limit := c.server.opts.PacketTimeout
	begun := p.begunAt.Load()
	left := limit - (time.Since(c.server.epoch) + 1 - time.Duration(begun))
	c.mu.Lock()
	p.timer = nil
	switch {
	case begun == 0 || c.closed:
	case c.paused.Load(): // it is not the client who is slow
		p.timer = time.AfterFunc(limit, c.checkPacket)
	case left > 0: // another one meanwhile
		p.timer = time.AfterFunc(left, c.checkPacket)
	default:
		c.mu.Unlock()
		c.server.countLimit(LimitPacketTime)
		c.server.log().Debug("socketio: parse error", slog.String("session", c.session.ID()),
			slog.Any("error", errPacketTime))
		c.end(ReasonParseError, engineio.ReasonParseError)
		return
	}
	c.mu.Unlock()
}

// stopTimer is called with mu held.
func (p *partial) stopTimer() {
	if p != nil && p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}
