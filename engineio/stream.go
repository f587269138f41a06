package engineio

// The transports on a connection that takes messages at any time: what they have in common, whatever their framing. How
// a queue is written is in flusher.go, how a connection becomes a polling session's transport in upgrade.go.

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
)

// A stream is a connection with packets on it: a session's transport, or a probe that may become one.
type stream struct {
	session *Session
	conn    netloop.Conn
	framing framing
	form    *form       // how messages go out; nil for plain WebSocket frames
	expiry  *time.Timer // of a probe
	probing atomic.Bool // not the session's transport yet

	over bool // the reader's: nothing more counts

	// Guarded by the session's mu. Whoever sets scheduled sees to it that the queue is written, and alone writes until
	// it is empty.
	scheduled bool
	blocked   bool        // the connection takes no more for now
	hangUp    bool        // once the queue is written, end the writing
	draining  *[]*Message // what drain has still to write, the rest being nil; nil while it does not run
}

// A framing is how packets stand in a stream's bytes, in both directions. Its feed calls stream.packet.
type framing interface {
	name() string
	// feed takes bytes apart as they come. After an error it is not called again.
	feed(b []byte) error
	// encode returns a text packet as it goes out.
	encode(packet string) []byte
	// closing is what closes the transport, over an error of feed or without one; nil where the end of the stream says
	// it all.
	closing(over error) *Message
	// answersClosing reports whether the client answers that.
	answersClosing() bool
}

// unwritten are messages that have left the queue and are still to be written, with some nil among them. mu is held.
func (c *stream) unwritten() []*Message {
	if c.draining == nil {
		return nil
	}
	return *c.draining
}

// errOver ends the reading of a connection that has said all it may.
var errOver = errors.New("engineio: connection is over")

func (c *stream) name() string    { return c.framing.name() }
func (c *stream) congested() bool { return c.blocked }
func (c *stream) reads() bool     { return !c.blocked }
func (c *stream) resumeReading()  { c.conn.ResumeReading() }
func (c *stream) cut()            { c.conn.Close() }

func (c *stream) answersGoodbye() bool { return c.framing.answersClosing() }

func (c *stream) wake() {
	if !c.scheduled {
		c.scheduled = true
		c.session.flusher.add(c)
	}
}

func (c *stream) goodbye(last lastWords) bool {
	if last.message == nil {
		last.message = c.framing.closing(nil)
	}
	c.hangUp = last.hangUp || last.message == nil
	if last.message == nil {
		last.message = nothing // so that the writing ends behind what is queued
	}
	c.session.enqueue(last.message)
	c.wake()
	return true
}

// nothing is a message of no bytes.
var nothing = newControl(nil)

// start has the connection read from now on. early are bytes that came with the request.
func (c *stream) start(early []byte) {
	c.Received(early)
	c.conn.Start()
}

// Paused is netloop's question whether to leave unread what comes. The close frame of a session that is over is waited
// for all the same.
func (c *stream) Paused() bool { return !c.probing.Load() && c.session.shouldPause() }

// Received takes the bytes that come. Those of a connection that is over are read as well: one closed with bytes unread
// is reset, and the close frame lost.
func (c *stream) Received(b []byte) {
	if c.over || len(b) == 0 {
		return
	}
	c.session.flusher.traffic.bytesReceived.Add(int64(len(b)))
	if err := c.framing.feed(b); err != nil {
		c.giveUp(err)
	}
}

// giveUp ends the reading: the client broke the rules of the framing, or has said all it may (errOver).
func (c *stream) giveUp(err error) {
	c.over = true
	switch {
	case err == errOver:
	case c.probing.Load():
		c.closeProbe(err)
	default:
		c.fail(ReasonTransportError, lastWords{c.framing.closing(err), true})
	}
	c.closeIn(breachTimeout)
}

// Closed is the end of the connection.
func (c *stream) Closed() {
	if c.expiry != nil {
		c.expiry.Stop()
	}
	c.session.srv.endContext(c.takeover() != nil)
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.probing.Load() {
		s.dropProbe(c)
		return
	}
	c.endBroken()
	s.srv.lingered(s)
}

// endBroken ends the session of a connection that is of no more use. mu is held.
func (c *stream) endBroken() {
	if c.conn.Stalled() {
		c.session.endSlow(slowStalled)
	} else {
		c.session.end(endCut, ReasonTransportClose)
	}
}

// broke is endBroken where mu is not held.
func (c *stream) broke() {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	c.endBroken()
}

// packet takes what the client sends. A session that is over takes no more notice of it, but the connection is still
// read, for the client's goodbye.
func (c *stream) packet(data []byte, binary bool) error {
	if c.probing.Load() {
		return c.probePacket(data, binary)
	}
	if p, ok := c.session.decode(data, binary); ok {
		c.session.receive(p)
	} else {
		c.session.fail(ReasonParseError)
	}
	return nil
}

// fail is Session.fail with last words of the framing's.
func (c *stream) fail(reason Reason, last lastWords) {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	c.session.endWith(endFail, reason, last)
}

// closedByClient ends a session whose client has said goodbye. A client that answers ours is hung up on.
func (c *stream) closedByClient(answer *Message) {
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stillHeard: // it has been let go, and this is its answer
		s.end(endCut, ReasonShutdown)
	case s.phase == phaseClosed:
		c.conn.Close()
	default:
		s.endWith(endFail, ReasonTransportClose, lastWords{answer, true})
	}
}

// closeIn gives the client so much time to end the connection.
func (c *stream) closeIn(d time.Duration) { time.AfterFunc(d, c.conn.Close) }

// written takes n bytes off the account and reports whether more has been queued meanwhile.
func (c *stream) written(n int) (more bool) {
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrote(n)
	if len(s.queue) > 0 {
		return true
	}
	c.scheduled, c.blocked, c.draining = false, false, nil
	switch {
	case c.hangUp:
		c.conn.CloseWrite()
	case s.phase != phaseOpen:
		s.goodbyeWritten()
	}
	return false
}

// drain writes batch, its first message from off, and then all that has been queued. It waits for the client as long as
// that takes something; see Options.WriteTimeout.
func (c *stream) drain(batch []*Message, off int) {
	s := c.session
	g := gathers.Get().(*gather)
	defer gathers.Put(g)
	for {
		for i := 0; i < len(batch); {
			chunk, next := g.next(batch, i, off, c.form)
			if err := c.conn.WriteAll(chunk); err != nil {
				s.mu.Lock()
				c.endBroken()
				c.scheduled, c.draining = false, nil
				s.mu.Unlock()
				return
			}
			s.flusher.traffic.sent(messagesIn(batch[i:next]), len(chunk))
			s.mu.Lock()
			s.wrote(sizeOf(batch[i:next]))
			clear(batch[i:next]) // the client may take its time over the rest
			s.mu.Unlock()
			i, off = next, 0
		}
		if !c.written(0) {
			s.tellDrain()
			return
		}
		s.mu.Lock()
		batch = s.takeQueue(nil)
		c.draining = &batch
		s.mu.Unlock()
		if c.compressor() != nil && c.anyDeflates(batch) {
			s.srv.backlog.do(func() { batch = c.inContext(batch) })
		} else if first := c.uncompressed(batch); first != nil {
			s.srv.backlog.do(func() { c.compress(first) })
		}
	}
}
