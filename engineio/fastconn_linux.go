package engineio

// A connection of the fast listener: how its bytes become requests, and what becomes of it. The requests are served in
// fastserve_linux.go.

import (
	"bytes"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
)

// A fastConn is a connection that sends plain requests, as far as anybody knows. It becomes a WebSocket connection, or
// net/http's, or ends.
type fastConn struct {
	listener *fastListener
	flusher  *flusher
	sock     *netloop.Socket
	peer     netip.AddrPort
	spare    bool // it is this host's, past the limit of connections: not for sessions, nor for silence

	mu     sync.Mutex  // see ARCHITECTURE.md for what may be held when it is taken
	since  time.Time   // the last answer, or the beginning of the next request
	begun  bool        // a request has been answered
	busy   bool        // with a request that is not answered yet
	asking bool        // the program about that request
	forget func()      // ends the context of the request that it is asked about
	said   *say        // about that request; nil where there is nothing to be said
	closes bool        // that request's client wants the connection to end with the answer
	poll   *poll       // that request, where it is one
	gzip   bool        // its client takes that
	made   *answerBody // its answer, where the backlog has put that together
	buf    []byte      // what has come of the next
	due    bool        // it has said nothing for too long
	last   bool        // the request that it is busy with is the last
	over   bool        // that has been answered: what still comes is nobody's
	left   bool        // it is nobody's any more, or somebody else's

	// The loop's own.
	posting *Session // the body of a POST to it is still coming
	twice   bool     // likewise, but it will be refused
	need    int      // the size of that request, in bytes
}

// maxPipelined is how much is read while a request waits for its answer, in bytes: the last piece may exceed it.
const maxPipelined = 64 << 10

// Paused is netloop's question whether to leave unread what comes.
func (c *fastConn) Paused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waits() && len(c.buf) >= maxPipelined // Wake has it asked again when the request is answered
}

// waits reports whether a request waits for its answer, or for the program's. Wake calls nobody where bytes have come:
// whoever looks next has to find that the program has answered. mu is held.
func (c *fastConn) waits() bool {
	if c.asking && c.said != nil {
		c.asking, c.busy = false, false
	}
	return c.busy
}

// Received takes bytes to what has come before.
func (c *fastConn) Received(b []byte) {
	if b = c.join(b); len(b) > 0 {
		c.serve(b)
	}
}

// join returns b behind what has come before, or nothing where a request cannot be answered yet.
func (c *fastConn) join(b []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil
	}
	if len(c.buf) == 0 {
		c.since, c.due = time.Now(), false
	}
	if c.waits() {
		c.buf = append(c.buf, b...)
		return nil
	}
	if len(c.buf) == 0 {
		return b
	}
	b = append(c.buf, b...)
	c.buf = nil
	if len(b) < c.need {
		c.buf = b
		return nil
	}
	return b
}

// keep keeps the beginning of a request until more has come. Its memory grows with what has come, not with what is
// announced.
func (c *fastConn) keep(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf = bytes.Clone(b)
}

// keepIfBusy keeps what stands behind a request that waits for its answer; it reports false where that is the next
// request's.
func (c *fastConn) keepIfBusy(b []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy {
		c.buf = bytes.Clone(b)
	}
	return c.busy || c.over
}

// Woken goes on with what has come while a request was waiting, or gives the connection to net/http where it has said
// nothing for too long.
func (c *fastConn) Woken() {
	c.mu.Lock()
	if c.waits() || c.left || c.over {
		c.mu.Unlock()
		return
	}
	b, due := c.buf, c.due
	c.buf = nil
	c.mu.Unlock()
	switch {
	case due:
		c.handOn(b, handedSilent)
	case len(b) > 0:
		c.serve(b)
	}
}

// serve answers the requests in b, which the loop has read.
func (c *fastConn) serve(b []byte) {
	for len(b) > 0 {
		r, verdict := parsePlain(c.listener.parser, b, c.listener.srv.opts.AllowEIO3)
		switch {
		case verdict == plainhttp.NotPlain:
			c.handOn(b, r.whyNotPlain(b))
			return
		case verdict == plainhttp.Incomplete, verdict == plainhttp.BodyToCome && c.expect(&r):
			c.keep(b)
			return
		case verdict == plainhttp.Plain && c.consider(&r, b):
			return
		case verdict != plainhttp.Plain || !c.answerRequest(&r, b):
			c.handOn(b, handedFault)
			return
		case r.Upgrade && c.hasLeft():
			return
		}
		if b = b[r.Size:]; c.keepIfBusy(b) {
			return
		}
	}
}

// hasLeft reports whether the connection is somebody else's.
func (c *fastConn) hasLeft() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left
}

// begin notes that a request waits for its answer, a poll where p is not nil.
func (c *fastConn) begin(p *poll, r *plainRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun, c.busy, c.poll, c.gzip, c.closes = true, true, p, r.Gzip, r.Close
	c.last = c.last || r.Close
}

// unbegin undoes begin.
func (c *fastConn) unbegin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy, c.poll = false, nil
}

// write writes an answer, and ends the request.
func (c *fastConn) write(answer []byte) { c.writeThen(answer, nil, func(bool) {}) }

// writeThen writes an answer in two parts. Before the request ends it calls then, and says whether the client has taken
// nothing for too long.
func (c *fastConn) writeThen(head, body []byte, then func(stalled bool)) {
	n, err := c.sock.TryWrite(head)
	if head = head[n:]; err == nil && len(head) == 0 {
		n, err = c.sock.TryWrite(body)
		body = body[n:]
	}
	if err == nil && len(head)+len(body) > 0 {
		go c.writeRest(head, body, then)
		return
	}
	then(false)
	c.endRequest()
}

// writeRest is writeThen for a client that takes its time.
func (c *fastConn) writeRest(head, body []byte, then func(stalled bool)) {
	err := c.sock.WriteAll(head)
	if err == nil {
		err = c.sock.WriteAll(body)
	}
	stalled := errors.Is(err, netloop.ErrStalled)
	if stalled {
		c.sock.Close()
	}
	then(stalled)
	c.endRequest()
}

// endRequest makes way for the next request.
func (c *fastConn) endRequest() {
	c.mu.Lock()
	c.busy, c.poll, c.said, c.since = false, nil, nil, time.Now()
	more, last := len(c.buf) > 0, c.last
	if c.over = last; last {
		c.buf = nil
	}
	c.mu.Unlock()
	switch {
	case last:
		c.sock.CloseWrite()
	case more:
		c.sock.Wake(c)
	}
}

// abort gives a client that does not read its answer a moment to do so; see waiter.
func (c *fastConn) abort(p *poll) {
	time.AfterFunc(breachTimeout, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.poll == p {
			c.sock.Close()
		}
	})
}

// check looks whether the connection has said nothing for too long; it reports true where that is somebody else's
// business.
func (c *fastConn) check(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch age := now.Sub(c.since); {
	case c.left:
		return true
	case c.busy || age < firstRequestTimeout:
	case c.spare, c.over:
		c.sock.Close()
	case !c.begun || len(c.buf) > 0:
		c.due = true
		c.sock.Wake(c)
	case age > keepAliveTimeout:
		c.sock.Close()
	}
	return false
}

// closeWhenIdle ends the connection when it has nothing more to do.
func (c *fastConn) closeWhenIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.left:
	case c.busy:
		c.last = true
	default:
		c.sock.Close()
	}
}

// depart notes that the connection is somebody else's, or ended, and returns the poll that it was waiting with.
func (c *fastConn) depart() *poll {
	c.mu.Lock()
	c.left = true
	p, said, forget := c.poll, c.said, c.forget
	c.mu.Unlock()
	said.leave(c.listener.srv)
	if forget != nil {
		forget()
	}
	return p
}

// Closed is the end of the connection.
func (c *fastConn) Closed() {
	p := c.depart()
	if s := c.endExpecting(); s != nil {
		s.lockAndEnd(endCut, ReasonTransportError)
		s.polling.endPost()
	}
	if p != nil {
		p.polling.hungUp(p)
	}
}

// handOn gives the connection to net/http, with the bytes that have been read and not answered.
func (c *fastConn) handOn(early []byte, why handedOn) {
	c.listener.srv.handsOn(why)
	c.depart()
	if s := c.endExpecting(); s != nil {
		s.polling.passPost()
	}
	conn, err := c.sock.Detach(c.peer)
	if err != nil {
		c.listener.srv.opts.Logger.Warn("cannot take a connection", "error", err, "remote", c.peer)
		return
	}
	if len(early) > 0 {
		conn = netloop.NewReplay(conn, bytes.Clone(early))
	}
	c.listener.handOn(conn)
}
