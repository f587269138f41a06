package engineio

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

// A plainConn is a connection that sends plain requests, as far as anybody knows. It becomes a WebSocket connection, or
// net/http's, or ends.
type plainConn struct {
	front   *front
	flusher *flusher
	sock    *socket
	addr    netip.AddrPort

	mu    sync.Mutex // taken after front.mu and Session.mu
	since time.Time  // the last answer, or the beginning of the next request
	begun bool       // a request has been answered
	busy  bool       // with a request that is not answered yet
	poll  *poll      // that request, where it is one
	buf   []byte     // what has come of the next
	due   bool       // it has kept too quiet
	last  bool       // the request that it is busy with is the last
	left  bool       // it is nobody's any more, or somebody else's

	// The loop's own.
	posting *Session // the body of a POST to it is still coming
	need    int      // the size of that request, in bytes
}

// maxPipelined bounds what may come while a request is waiting for its answer.
const maxPipelined = 64 << 10

func (c *plainConn) paused() bool { return false }

// received takes bytes to what has come before.
func (c *plainConn) received(b []byte) {
	c.mu.Lock()
	if len(c.buf) == 0 {
		c.since, c.due = time.Now(), false
	}
	if c.busy {
		if c.buf = append(c.buf, b...); len(c.buf) > maxPipelined {
			c.sock.cut()
		}
		c.mu.Unlock()
		return
	}
	if len(c.buf) > 0 {
		b = append(c.buf, b...)
		c.buf = nil
		if len(b) < c.need {
			c.buf = b
			c.mu.Unlock()
			return
		}
	}
	c.mu.Unlock()
	c.serve(b)
}

// woken goes on with what has come while a request was waiting, or gives the connection to net/http where it keeps too
// quiet.
func (c *plainConn) woken() {
	c.mu.Lock()
	if c.busy || c.left {
		c.mu.Unlock()
		return
	}
	b, due := c.buf, c.due
	c.buf = nil
	c.mu.Unlock()
	switch {
	case due:
		c.handOn(b)
	case len(b) > 0:
		c.serve(b)
	}
}

// serve answers the requests in b, which the loop has read.
func (c *plainConn) serve(b []byte) {
	for len(b) > 0 {
		r, verdict := parsePlain(c.front.parser, b)
		switch {
		case verdict == plainhttp.Incomplete, verdict == plainhttp.BodyToCome && c.expect(&r):
			c.mu.Lock()
			c.buf = append([]byte(nil), b...) // it grows with what comes, not with what is announced
			c.mu.Unlock()
			return
		case verdict != plainhttp.Plain || !c.answer(&r, b):
			c.handOn(b)
			return
		case r.Upgrade:
			return
		}
		b = b[r.Size:]
		c.mu.Lock()
		if c.busy {
			c.buf = append([]byte(nil), b...)
			b = nil
		}
		c.mu.Unlock()
	}
}

// answer sees to one request; it reports false, and has done nothing, where that is net/http's business.
func (c *plainConn) answer(r *plainRequest, b []byte) bool {
	srv := c.front.srv
	if r.query.sid == "" {
		if srv.isClosing() {
			return false
		}
		if r.Upgrade {
			c.open(r, b[r.Size:])
			return true
		}
		s := srv.newSession(srv.plainOpening(r, c.addr))
		srv.open(s)
		s.mu.Lock()
		c.wait(s, r)
		return true
	}
	s := srv.session(r.query.sid)
	switch {
	case s == nil:
		return false
	case r.Upgrade:
		return c.serveUpgrade(s, r, b[r.Size:])
	case r.Method == http.MethodPost:
		return c.servePost(s, r)
	default:
		return c.servePoll(s, r)
	}
}

// become makes the connection a WebSocket connection of s.
func (c *plainConn) become(s *Session) *wsConn {
	c.depart()
	w := s.srv.newWSConn()
	w.sock, w.session = c.sock, s
	c.sock.owner = w
	return w
}

// accepted is the answer that accepts a WebSocket handshake.
func (c *plainConn) accepted(r *plainRequest) []byte {
	answer := wsframe.AppendAccept(make([]byte, 0, 192+len(c.front.headers)), r.Key)
	return append(append(answer, c.front.headers...), "\r\n"...)
}

// open opens a session on the connection.
func (c *plainConn) open(r *plainRequest, early []byte) {
	srv := c.front.srv
	s := srv.newSession(srv.plainOpening(r, c.addr))
	s.flusher = c.flusher // of the loop that reads it
	s.ws = c.become(s)
	s.enqueue(newControl(c.accepted(r)))
	srv.open(s)
	s.ws.received(early)
}

// serveUpgrade makes the connection a probe of s.
func (c *plainConn) serveUpgrade(s *Session, r *plainRequest, early []byte) bool {
	s.mu.Lock()
	if !s.takesProbe() {
		s.mu.Unlock()
		return false
	}
	w := c.become(s)
	w.beginProbe()
	s.mu.Unlock()
	answer := c.accepted(r)
	if n, err := c.sock.write(answer); err != nil || n < len(answer) { // a new connection takes that much
		w.close()
		return true
	}
	w.received(early)
	return true
}

// servePoll lets a GET wait for something to send.
func (c *plainConn) servePoll(s *Session, r *plainRequest) bool {
	s.mu.Lock()
	if s.ws != nil || s.state != stateOpen || s.poll != nil || s.probed {
		s.mu.Unlock()
		return false
	}
	c.wait(s, r)
	return true
}

// wait makes a poll of r. It is called with the session's mu held and unlocks it.
func (c *plainConn) wait(s *Session, r *plainRequest) {
	p := &poll{session: s, conn: c, gzip: r.Gzip}
	c.begin(p)
	s.poll = p
	s.answerPoll()
	s.mu.Unlock()
}

// answerPoll writes the answer to a poll. The flusher calls it.
func (c *plainConn) answerPoll(p *poll) {
	srv := c.front.srv
	var answer []byte
	if p.given == nil {
		body := refuse(BadRequest).body()
		answer = plainhttp.AppendAnswer(nil, "400 Bad Request", "application/json", c.front.headers, false, body)
	} else {
		body, gzipped := srv.payload(p.given, p.gzip)
		answer = plainhttp.AppendAnswer(make([]byte, 0, 256+len(body)), "200 OK", pollContentType, c.front.noStore, gzipped, body)
		p.session.flusher.traffic.sent(messagesIn(p.given), len(body))
		p.given = nil
	}
	c.write(answer, func() { p.session.answered(p) })
}

// expect has the session know of a POST whose body is still coming, as browsers send it apart; it reports false where that
// is net/http's business.
func (c *plainConn) expect(r *plainRequest) bool {
	if c.posting != nil { // it knows
		return true
	}
	s := c.front.srv.session(r.query.sid)
	if s == nil || !s.beginPost() {
		return false
	}
	c.posting, c.need = s, r.Size
	return true
}

// beginPost makes a POST the one that the session has under way; it reports false where there is to be none.
func (s *Session) beginPost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ws != nil || s.state != stateOpen || s.posting {
		return false
	}
	s.posting = true
	return true
}

// endExpecting returns the session whose POST has not come to its end.
func (c *plainConn) endExpecting() *Session {
	s := c.posting
	c.posting, c.need = nil, 0
	return s
}

// servePost delivers what a POST brings.
func (c *plainConn) servePost(s *Session, r *plainRequest) bool {
	if hasClosePacket(r.Body) { // which waits for a poll
		return false
	}
	if c.posting == nil && !s.beginPost() {
		return false
	}
	c.endExpecting()
	c.begin(nil)
	s.flusher.traffic.bytesReceived.Add(int64(len(r.Body)))
	s.receivePayload(validText(bytes.Clone(r.Body))) // it is the handler's from here on
	s.mu.Lock()
	paused := s.pauses > 0
	s.mu.Unlock()
	if !paused {
		c.posted(s)
		return true
	}
	go func() {
		s.awaitResume(context.Background()) // it ends with the session
		c.posted(s)
	}()
	return true
}

// posted answers a POST. The next one may come on another connection, as soon as the client has the answer.
func (c *plainConn) posted(s *Session) {
	s.posted()
	c.write(plainhttp.AppendAnswer(make([]byte, 0, 256), "200 OK", "text/html", c.front.noStore, false, []byte("ok")), func() {})
}

// begin notes that a request waits for its answer.
func (c *plainConn) begin(p *poll) {
	c.mu.Lock()
	c.begun, c.busy, c.poll = true, true, p
	c.mu.Unlock()
}

// write writes an answer, and then ends the request.
func (c *plainConn) write(answer []byte, then func()) {
	n, err := c.sock.write(answer)
	if err != nil || n == len(answer) {
		then()
		c.end()
		return
	}
	go func() { // the client takes its time
		_ = c.sock.writeAll(answer[n:])
		then()
		c.end()
	}()
}

// end makes way for the next request.
func (c *plainConn) end() {
	c.mu.Lock()
	c.busy, c.poll, c.since = false, nil, time.Now()
	more, last := len(c.buf) > 0, c.last
	c.mu.Unlock()
	switch {
	case last:
		c.sock.hangUp()
	case more:
		c.sock.wake()
	}
}

// abort gives a client that does not read its answer a moment to do so.
func (c *plainConn) abort(p *poll) {
	time.AfterFunc(breachTimeout, func() {
		c.mu.Lock()
		stuck := c.poll == p
		c.mu.Unlock()
		if stuck {
			c.sock.cut()
		}
	})
}

// check looks whether the connection keeps too quiet; it reports true where that is somebody else's business.
func (c *plainConn) check(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch age := now.Sub(c.since); {
	case c.left:
		return true
	case c.busy || age < silence:
	case !c.begun || len(c.buf) > 0:
		c.due = true
		c.sock.wake()
	case age > quiet:
		c.sock.cut()
	}
	return false
}

// leave ends the connection when it has nothing more to do.
func (c *plainConn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.left:
	case c.busy:
		c.last = true
	default:
		c.sock.cut()
	}
}

// depart notes that the connection is somebody else's, or ended, and returns the poll that it was waiting with.
func (c *plainConn) depart() *poll {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
	return c.poll
}

// gone is the end of the connection.
func (c *plainConn) gone() {
	p := c.depart()
	if s := c.endExpecting(); s != nil {
		s.cut(ReasonTransportError)
		s.posted()
	}
	if p == nil {
		return
	}
	s := p.session
	s.mu.Lock()
	waiting := s.poll == p
	if waiting {
		s.poll = nil
	}
	s.mu.Unlock()
	if waiting {
		s.cut(ReasonTransportError)
	}
}

// handOn gives the connection to Accept, with the bytes that have been read and not answered.
func (c *plainConn) handOn(early []byte) {
	c.depart()
	if s := c.endExpecting(); s != nil {
		s.mu.Lock()
		s.posting = false // until net/http has read the request's head
		s.mu.Unlock()
	}
	c.sock.loop.remove(c.sock)
	file := os.NewFile(uintptr(c.sock.take()), "tcp")
	conn, err := net.FileConn(file)
	_ = file.Close()
	f := c.front
	if err != nil {
		f.srv.opts.Logger.Warn("cannot take a connection", "error", err, "remote", c.addr)
		return
	}
	if len(early) > 0 {
		conn = &replayConn{Conn: conn, early: append([]byte(nil), early...)}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		_ = conn.Close()
		return
	}
	f.handed = append(f.handed, conn)
	f.changed.Signal()
}
