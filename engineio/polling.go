package engineio

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
)

// HTTP long-polling: a GET waits until there is something to send and takes all of it, a POST brings what the client
// sends. There may be one of each at a time.

// A poll is a GET that waits.
type poll struct {
	session *Session
	size    int // of the answer, on the session's account until it is written

	// Read by net/http: the request's goroutine waits for the answer.
	batch chan []*Message // of one; nil where the session is no longer polling
	rc    *http.ResponseController

	// Read by a loop: the flusher writes the answer.
	conn  *plainConn
	given []*Message
	gzip  bool
}

// give ends the wait with an answer, nil where the session is no longer polling. It is called with the session's mu held.
func (p *poll) give(batch []*Message) {
	if p.conn == nil {
		p.batch <- batch
		return
	}
	p.given = batch
	p.session.flusher.addPoll(p)
}

// abort keeps an answer that the client does not read from holding its goroutine. One that it does read gets through.
// The poll is the session's answering, and mu held, because its request must not have ended.
func (p *poll) abort() {
	if p.conn == nil {
		_ = p.rc.SetWriteDeadline(time.Now().Add(breachTimeout))
	} else {
		p.conn.abort(p)
	}
}

// answerPoll gives what is queued to the poll that waits, if there is one and the one before it has been answered: a
// client that reads no answers is not to get more of them. It is called with mu held.
func (s *Session) answerPoll() {
	if p := s.poll; p != nil && len(s.queue) > 0 && s.answering == nil {
		s.poll, s.answering = nil, p
		p.size = s.queued
		p.give(s.queue)
		s.queue = nil
	}
}

// answered ends p, whose answer is written or has come to nothing.
func (s *Session) answered(p *poll) {
	s.mu.Lock()
	if s.answering != p {
		s.mu.Unlock()
		return
	}
	s.answering = nil
	s.queued -= p.size
	s.answerPoll()
	left := s.ws == nil && s.state == stateClosed && s.answering == nil
	if left {
		s.heartbeat.Stop()
	}
	s.mu.Unlock()
	if p.conn == nil {
		_ = p.rc.SetWriteDeadline(time.Time{}) // the connection's next request is none of the session's business
	}
	if left {
		s.srv.lingered(s)
	}
}

// servePoll answers a GET of a session.
func (srv *Server) servePoll(w http.ResponseWriter, r *http.Request, s *Session) {
	p := &poll{session: s, batch: make(chan []*Message, 1), rc: http.NewResponseController(w)}
	// A poll takes as long as it takes: an HTTP server's limits on reading and writing are not meant for it.
	_ = p.rc.SetReadDeadline(time.Time{})
	_ = p.rc.SetWriteDeadline(time.Time{})
	s.mu.Lock()
	switch {
	case s.ws != nil: // upgraded since the request was looked at
		s.mu.Unlock()
		refuse(BadRequest).writeJSON(w)
		return
	case s.state == stateClosed:
		s.mu.Unlock()
		refuse(UnknownSID).writeJSON(w)
		return
	case s.poll != nil:
		s.mu.Unlock()
		s.cut(ReasonTransportError)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.poll = p
	if s.state == stateDraining && len(s.queue) == 0 && !(s.listens && s.posting) {
		s.enqueue(noopPacket) // Node's answer is "6" and "1"
		s.finishPolling()
	} else {
		// The close packet does not come with what is queued: Node's client would take a DISCONNECT packet before it for
		// the end of the connection, and connect again.
		s.answerPoll()
		s.mu.Unlock()
	}
	batch, ok := s.awaitBatch(r, p)
	if !ok {
		s.cut(ReasonTransportError) // the client has hung up
		return
	}
	if batch == nil { // the client has left polling
		refuse(BadRequest).writeJSON(w)
		return
	}
	defer s.answered(p)
	s.flusher.traffic.sent(messagesIn(batch), srv.writePoll(w, r, batch))
}

// awaitBatch waits for something to send; it reports false where the client goes away first.
func (s *Session) awaitBatch(r *http.Request, p *poll) ([]*Message, bool) {
	var soon <-chan time.Time
	s.mu.Lock()
	if s.probed {
		soon = time.After(pollWhileProbed)
	}
	s.mu.Unlock()
	select {
	case batch := <-p.batch:
		return batch, true
	case <-soon:
		s.mu.Lock()
		if s.poll == p {
			s.releasePoll()
		}
		s.mu.Unlock()
		return <-p.batch, true
	case <-r.Context().Done():
		s.mu.Lock()
		waiting := s.poll == p
		if waiting {
			s.poll = nil
		}
		s.mu.Unlock()
		if !waiting {
			return <-p.batch, true // it may still get through
		}
		return nil, false
	}
}

// writePoll writes the answer to a poll, and returns how long it is.
func (srv *Server) writePoll(w http.ResponseWriter, r *http.Request, batch []*Message) int {
	body, gzipped := srv.payload(batch, plainhttp.AcceptsGzip(r.Header.Values("Accept-Encoding")))
	h := w.Header()
	h.Set("Content-Type", pollContentType)
	h.Set("Cache-Control", "no-store")
	if gzipped {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a client that is gone shows when its session's ping goes unanswered
	return len(body)
}

const pollContentType = "text/plain; charset=UTF-8"

// payload is the body that takes a batch to a client, compressed where that pays and the client takes it.
func (srv *Server) payload(batch []*Message, acceptsGzip bool) (body []byte, gzipped bool) {
	size, compressible := 0, false
	for _, m := range batch {
		size += m.size() + 1
		compressible = compressible || !m.noCompress
	}
	body = make([]byte, 0, size)
	for _, m := range batch {
		if m.control {
			continue
		}
		if len(body) > 0 {
			body = append(body, payloadSeparator)
		}
		body = m.appendPayload(body)
	}
	if threshold := srv.opts.HTTPCompression; acceptsGzip && compressible && threshold >= 0 && len(body) >= threshold {
		return compress(body), true
	}
	return body, false
}

// servePost reads a POST of a session and delivers what is in it.
func (srv *Server) servePost(w http.ResponseWriter, r *http.Request, s *Session) {
	s.mu.Lock()
	overlap := s.posting
	if !overlap {
		s.posting, s.reading = true, http.NewResponseController(w)
	}
	s.mu.Unlock()
	if overlap {
		s.cut(ReasonTransportError)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	defer s.posted()
	if r.Header.Get("Content-Type") == "application/octet-stream" {
		s.cut(ReasonTransportError)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	body, err := readBody(w, r, srv.opts.MaxHTTPBufferSize)
	s.mu.Lock()
	s.reading = nil
	s.mu.Unlock()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		s.cut(ReasonTransportError) // the client has hung up in the middle of it
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.flusher.traffic.bytesReceived.Add(int64(len(body)))
	s.receivePayload(validText(body))
	s.awaitResume(r.Context()) // the client sends no more before it has the answer
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", "2")
	_, _ = io.WriteString(w, "ok")
}

// posted ends a POST.
func (s *Session) posted() {
	s.mu.Lock()
	s.posting, s.reading = false, nil
	if s.listens && s.state == stateDraining && s.ws == nil && s.poll != nil && len(s.queue) == 0 {
		s.finishPolling() // it has waited for this
		return
	}
	s.mu.Unlock()
}

// readBody reads a body of at most limit bytes. Its memory grows with what has arrived.
func readBody(w http.ResponseWriter, r *http.Request, limit int) ([]byte, error) {
	if r.ContentLength > int64(limit) {
		return nil, &http.MaxBytesError{Limit: int64(limit)}
	}
	var b bytes.Buffer
	if n := r.ContentLength; n > 0 {
		b.Grow(int(min(n, 4<<10)) + bytes.MinRead)
	}
	_, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, int64(limit)))
	return b.Bytes(), err
}

// receivePayload deals with the packets of a POST.
func (s *Session) receivePayload(payload []byte) {
	for more := true; more; {
		var p packet
		var ok bool
		p, payload, more, ok = nextPacket(payload)
		switch {
		case !ok:
			s.cut(ReasonParseError)
			return
		case p.kind == packetClose:
			s.awaitPoll()
			s.mu.Lock()
			s.releasePoll()
			s.mu.Unlock()
			s.cut(ReasonTransportClose)
			return
		case !s.receive(p):
			return
		}
	}
}

// awaitPoll waits a moment for a poll. A client that polls always has one under way; where it closes the session at the
// same time, on another connection, the POST may have overtaken the poll, which is to be answered and not refused.
func (s *Session) awaitPoll() {
	for range 10 {
		s.mu.Lock()
		wait := s.poll == nil && s.ws == nil && s.state == stateOpen
		s.mu.Unlock()
		if !wait {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

var gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func compress(body []byte) []byte {
	var b bytes.Buffer
	z := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(z)
	z.Reset(&b)
	_, _ = z.Write(body) // a bytes.Buffer takes everything
	_ = z.Close()
	return b.Bytes()
}
