package engineio

// Plain requests on a connection of the fast listener: each has been read, is decided by its session, and answered.
// Requests that come through net/http are served in http.go.

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/admission"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

// answerRequest sees to one request; it reports false, and has done nothing, where that is net/http's business.
func (c *fastConn) answerRequest(r *plainRequest, b []byte) bool {
	srv := c.listener.srv
	early := b[r.Size:]
	said := c.said // the loop alone sets it while the connection is not busy
	switch {
	case c.spare:
		c.turnAwaySpare()
		return true
	case r.preflight():
		c.begin(nil, r)
		c.write(plainhttp.AppendNoContent(nil, c.headers()))
		return true
	case !srv.opts.allows(r.query.transport):
		return false
	case said != nil && said.refused != nil:
		if s := c.endExpecting(); s != nil {
			s.polling.endPost()
		}
		c.twice = false
		if request := c.httpRequest(r, b, srv.clientOf(c.peer, r.ForwardedFor)); request != nil {
			srv.connectionError(request, said.refused)
		}
		c.turnAway(r, said.refused)
		return true
	}
	if r.query.sid == "" {
		if srv.isClosing() {
			return false
		}
		client := srv.clientOf(c.peer, r.ForwardedFor)
		guest, refused := c.admit(client.Addr(), r.openingSize())
		switch {
		case refused != nil: // by a limit, and those who cause it may cause many: no work for net/http's parser
			o := plainOpening(r, client, c.listener.origin)
			srv.connectionError(o.handshake().Request(o.values), refused)
			c.turnAway(r, refused)
			return true
		case r.Upgrade:
			c.openWebSocket(r, early, client, guest)
			return true
		}
		o := plainOpening(r, client, c.listener.origin)
		return c.servePoll(srv.openPolling(c.newID(), r.query, o, guest, c.flusher), r)
	}
	s := srv.session(r.query.sid)
	if s == nil || s.revision != r.query.protocol() {
		return false
	}
	c.sock.Settle()
	switch {
	case r.Upgrade:
		return c.serveUpgrade(s, r, early)
	case r.Method == http.MethodPost:
		return c.servePost(s, r)
	default:
		return c.servePoll(s, r)
	}
}

// admit lets the client in, if that has not been done before the program was asked about it.
func (c *fastConn) admit(from netip.Addr, size int) (admission.Guest, *refusal) {
	if c.said != nil && c.said.holds {
		c.said.holds = false
		return c.said.guest, nil
	}
	return c.listener.srv.admit(from, size)
}

// turnAway answers a request that is refused.
func (c *fastConn) turnAway(r *plainRequest, refused *refusal) {
	c.begin(nil, r)
	var answer []byte
	switch {
	case r.Upgrade && refused.status < http.StatusTooManyRequests:
		c.endAfterThis()
		answer = refusedUpgrade(refused)
	case r.Upgrade: // whose answer is no page's to read
		answer = refusedWith(nil, refused)
	default:
		answer = c.refused(refused)
	}
	if refused.waits {
		time.AfterFunc(refusalDelay, func() { c.write(answer) })
		return
	}
	c.write(answer)
}

// httpRequest is r, which b begins with, as net/http reads it.
func (c *fastConn) httpRequest(r *plainRequest, b []byte, client netip.AddrPort) *http.Request {
	reader := bufio.NewReaderSize(bytes.NewReader(b[:r.Size]), min(r.Size, 4<<10))
	request, err := http.ReadRequest(reader)
	if err != nil {
		return nil
	}
	request.RemoteAddr = client.String()
	return request.WithContext(c.listener.origin.values)
}

// endAfterThis has the connection end when the request that it is busy with has been answered.
func (c *fastConn) endAfterThis() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = true
}

// turnAwaySpare ends a connection that is not for sessions.
func (c *fastConn) turnAwaySpare() {
	c.begin(nil, new(plainRequest))
	c.endAfterThis()
	c.write(connectionRefused)
}

// become makes the connection a WebSocket connection of s.
func (c *fastConn) become(s *Session, q query) *webSocket {
	w := newWebSocket(s, q)
	w.conn = c.sock
	return w
}

// newID is the id of the session that is being opened.
func (c *fastConn) newID() string {
	if c.said != nil && c.said.id != "" {
		return c.said.id
	}
	return c.listener.srv.opts.NewID()
}

// accepted is the answer that accepts a WebSocket handshake.
func (c *fastConn) accepted(r *plainRequest, agreed wsframe.Agreement) []byte {
	headers := c.headers()
	answer := wsframe.AppendAccept(make([]byte, 0, 192+len(headers)+len(agreed.Answer)), r.Key)
	if agreed.Deflates() {
		answer = plainhttp.AppendField(answer, "Sec-WebSocket-Extensions", agreed.Answer)
	}
	return append(append(answer, headers...), "\r\n"...)
}

// openWebSocket opens a session on the connection.
func (c *fastConn) openWebSocket(r *plainRequest, early []byte, client netip.AddrPort, guest admission.Guest) {
	srv := c.listener.srv
	o := plainOpening(r, client, c.listener.origin)
	w := c.become(srv.newSession(c.newID(), &r.query, o, guest, c.flusher), r.query)
	c.depart()
	c.sock.SetHandler(w)
	c.sock.Settle()
	agreed := srv.negotiate(r.Extensions, r.query)
	w.agree(agreed)
	srv.openOn(&w.stream, c.accepted(r, agreed))
	w.Received(early)
}

// serveUpgrade makes the connection a probe of s.
func (c *fastConn) serveUpgrade(s *Session, r *plainRequest, early []byte) bool {
	w := c.become(s, r.query)
	agreed := s.srv.negotiate(r.Extensions, r.query)
	w.agree(agreed)
	s.mu.Lock()
	taken := s.takesProbe()
	if taken {
		s.beginProbe(&w.stream)
	}
	s.mu.Unlock()
	if !taken {
		s.srv.endContext(agreed.TakesOver())
		return false
	}
	c.depart()
	c.sock.SetHandler(w)
	answer := c.accepted(r, agreed)
	if n, err := c.sock.TryWrite(answer); err != nil || n < len(answer) { // a new connection takes that much
		w.conn.Close()
		return true
	}
	w.Received(early)
	return true
}

// servePoll lets a GET wait for something to send.
func (c *fastConn) servePoll(s *Session, r *plainRequest) bool {
	p := &poll{waiter: c}
	c.begin(p, r)
	switch verdict := s.beginPoll(p); verdict {
	case pollTaken:
		return true
	case pollTwice:
		c.write(c.refused(verdict.refusal()))
		return true
	default: // nothing has been done, and net/http finds the same
		c.unbegin()
		return false
	}
}

// answer has the flusher write the answer to a poll; see waiter.
func (c *fastConn) answer(p *poll) { p.polling.session.flusher.add(c) }

// flush writes the answer to a poll.
func (c *fastConn) flush(f *flusher) {
	c.mu.Lock()
	p, gzip, made, noStore := c.poll, c.gzip, c.made, c.noStore()
	c.made = nil
	c.mu.Unlock()
	if p.batch == nil {
		c.write(c.refused(pollLeft.refusal()))
		p.polling.answered(p, false)
		return
	}
	srv, payloads := c.listener.srv, p.polling.payloads
	var body answerBody
	switch {
	case made != nil:
		body = *made
	case payloads.mustZip(srv, p.batch, gzip), only(p.batch) == nil && sizeOf(p.batch) >= longAnswer: // or copied
		srv.backlog.add(func() {
			body := payloads.answer(srv, p.batch, gzip)
			c.mu.Lock()
			c.made = &body
			c.mu.Unlock()
			f.add(c)
		})
		return
	default:
		body = payloads.answer(srv, p.batch, gzip)
	}
	f.round.messages += messagesIn(p.batch)
	f.round.bytes += len(body.bytes)
	p.polling.built(p, body)
	alone := len(body.bytes) >= aloneBytes
	size := 256
	if !alone {
		size += len(body.bytes)
	}
	head := plainhttp.AppendHead(make([]byte, 0, size), "200 OK", body.contentType(), noStore, body.gzipped,
		len(body.bytes))
	if !alone {
		head, body.bytes = append(head, body.bytes...), nil
	}
	then := func(stalled bool) { p.polling.answered(p, stalled) }
	if len(body.bytes) >= longAnswer {
		srv.backlog.add(func() { c.writeThen(head, body.bytes, then) })
		return
	}
	c.writeThen(head, body.bytes, then)
}

// longAnswer is the length from which an answer's body is not put together by the flusher, nor written by it: the
// kernel copies it.
const longAnswer = 64 << 10

// refused is the answer to a request that has not been taken.
func (c *fastConn) refused(e *refusal) []byte { return refusedWith(c.headers(), e) }

func refusedWith(headers []byte, e *refusal) []byte {
	status := strconv.Itoa(e.status) + " " + http.StatusText(e.status)
	if e.message == "" {
		return plainhttp.AppendAnswer(nil, status, "", headers, false, nil)
	}
	return plainhttp.AppendAnswer(nil, status, refusalContentType, headers, false, e.body())
}

// refusedUpgrade is refuseUpgrade's answer to a WebSocket handshake.
func refusedUpgrade(e *refusal) []byte {
	code := e.upgradeStatus()
	status := strconv.Itoa(code) + " " + http.StatusText(code)
	headers := plainhttp.AppendField(nil, "Connection", "close")
	return plainhttp.AppendAnswer(nil, status, "text/html", headers, false, []byte(e.message))
}

// expect has the session know of a POST whose body is still coming, as browsers send it apart; it reports false where
// that is net/http's business.
func (c *fastConn) expect(r *plainRequest) bool {
	if c.posting != nil || c.twice { // it knows
		return true
	}
	if cors := c.listener.srv.opts.CORS; cors.mustAsk(r.Origin) || cors.refuses(r.Origin, r.Host) {
		c.need = r.Size // until it is known whether the page may use the server
		return true
	}
	s := c.listener.srv.session(r.query.sid)
	if s == nil {
		return false
	}
	switch s.beginPost(nil) {
	case pollTaken:
		c.posting = s
	case pollTwice:
		c.twice = true
	default:
		return false
	}
	c.need = r.Size
	return true
}

// endExpecting returns the session whose POST has not come to its end.
func (c *fastConn) endExpecting() *Session {
	s := c.posting
	c.posting, c.need = nil, 0
	return s
}

// beginPost begins a POST that has come whole, unless expect has done so.
func (c *fastConn) beginPost(s *Session) pollVerdict {
	switch {
	case c.twice:
		c.twice, c.need = false, 0
		return pollTwice
	case c.endExpecting() != nil:
		return pollTaken
	default:
		return s.beginPost(nil)
	}
}

// servePost delivers what a POST brings.
func (c *fastConn) servePost(s *Session, r *plainRequest) bool {
	switch verdict := c.beginPost(s); verdict {
	case pollTaken:
	case pollTwice:
		c.begin(nil, r)
		c.write(c.refused(verdict.refusal()))
		return true
	default: // nothing has been done, and net/http finds the same
		return false
	}
	c.begin(nil, r)
	s.flusher.traffic.bytesReceived.Add(int64(len(r.Body)))
	body := bytes.Clone(r.Body)            // it is the handler's from here on
	if s.polling.payloads.hasClose(body) { // which waits for a poll
		go func() {
			s.receivePayload("", body)
			c.endPost(s)
		}()
		return true
	}
	s.receivePayload("", body) // a plain request's is a text
	if !s.isPaused() {
		c.endPost(s)
		return true
	}
	go func() {
		s.awaitResume(context.Background()) // it ends with the session
		c.endPost(s)
	}()
	return true
}

// endPost answers a POST. The next one may come on another connection, as soon as the client has the answer.
func (c *fastConn) endPost(s *Session) {
	s.polling.endPost()
	answer := make([]byte, 0, 256)
	c.write(plainhttp.AppendAnswer(answer, "200 OK", postContentType, c.noStore(), false, []byte(postAnswer)))
}
