package engineio

// Requests that come through net/http: each is read here, decided by its session, and answered. The fast listener does
// the same for plain requests in fastserve_linux.go.

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/admission"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
)

// serveOpenPolling opens a session by polling; the handshake is its first poll.
func (srv *Server) serveOpenPolling(w http.ResponseWriter, r *http.Request, q query, guest admission.Guest) {
	id, refused := srv.newID(r)
	if refused != nil {
		srv.door.Leave(guest)
		srv.turnAway(w, r, refused, false)
		return
	}
	srv.decorate(w.Header(), r, id, false)
	srv.awaitPoll(w, r, srv.openPolling(id, q, newOpening(r), guest, srv.nextFlusher()))
}

// serveOpenWebSocket opens a session on a WebSocket connection. allowed is what CORS says of r's origin.
func (srv *Server) serveOpenWebSocket(
	w http.ResponseWriter, r *http.Request, q query, guest admission.Guest, allowed bool,
) {
	id, refused := srv.newID(r)
	if refused != nil {
		srv.door.Leave(guest)
		srv.turnAway(w, r, refused, true)
		return
	}
	srv.decorateUpgrade(w.Header(), r, id, allowed)
	s := srv.newSession(id, &q, newOpening(r), guest, srv.nextFlusher())
	conn, err := srv.acceptWebSocket(w, r, q)
	if err != nil {
		srv.door.Leave(guest)
		refuse(BadRequest).write(w)
		return
	}
	c := newWebSocket(s, q)
	c.attach(conn)
	srv.openOn(&c.stream, conn.answer)
	c.start(conn.early)
}

// serveUpgrade accepts a WebSocket connection for a session that polls. One that has no use for it gets it closed.
func (srv *Server) serveUpgrade(w http.ResponseWriter, r *http.Request, q query, s *Session, allowed bool) {
	srv.decorateUpgrade(w.Header(), r, "", allowed)
	conn, err := srv.acceptWebSocket(w, r, q)
	if err != nil {
		refuse(BadRequest).write(w)
		return
	}
	if _, err := conn.Write(conn.answer); err != nil {
		srv.endContext(conn.agreed.TakesOver())
		_ = conn.Close()
		return
	}
	if s == nil {
		conn.reject()
		return
	}
	c := newWebSocket(s, q)
	s.mu.Lock()
	taken := s.takesProbe()
	if taken {
		c.attach(conn)
		s.beginProbe(&c.stream)
	}
	s.mu.Unlock()
	if !taken {
		conn.reject()
		return
	}
	c.start(conn.early)
}

// An httpPoll is a poll whose request's goroutine waits for the answer.
type httpPoll struct {
	answers chan struct{} // of one: there is an answer
	rc      *http.ResponseController

	mu      sync.Mutex // taken after Session.mu
	aborted bool
}

func (w *httpPoll) answer(*poll) { w.answers <- struct{}{} }

// abort does not outlive the request: it is called under the session's lock, and polling.answered takes that before the
// request ends.
func (w *httpPoll) abort(*poll) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.aborted = true
	_ = w.rc.SetWriteDeadline(time.Now().Add(breachTimeout))
}

// allow gives the client so much time to take the next piece; 0 or less is for ever. It reports false after abort.
func (w *httpPoll) allow(d time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.aborted && d > 0 {
		_ = w.rc.SetWriteDeadline(time.Now().Add(d))
	}
	return !w.aborted
}

// servePoll answers a GET of a session.
func (srv *Server) servePoll(w http.ResponseWriter, r *http.Request, s *Session) {
	srv.decorate(w.Header(), r, "", false)
	srv.awaitPoll(w, r, s)
}

// awaitPoll answers a GET of a session when there is something to say.
func (srv *Server) awaitPoll(w http.ResponseWriter, r *http.Request, s *Session) {
	waiter := &httpPoll{answers: make(chan struct{}, 1), rc: http.NewResponseController(w)}
	// A poll takes as long as it takes: an HTTP server's limits on reading and writing are not meant for it.
	_ = waiter.rc.SetReadDeadline(time.Time{})
	_ = waiter.rc.SetWriteDeadline(time.Time{})
	p := &poll{waiter: waiter}
	if verdict := s.beginPoll(p); verdict != pollTaken {
		verdict.refusal().write(w)
		return
	}
	select {
	case <-waiter.answers:
	case <-r.Context().Done():
		if s.polling.hungUp(p) {
			return
		}
		<-waiter.answers // it may still get through
	}
	if p.batch == nil { // the client has left polling
		refuse(BadRequest).write(w)
		return
	}
	err := srv.writePoll(w, r, p, waiter)
	s.polling.answered(p, errors.Is(err, errStalled))
	_ = waiter.rc.SetWriteDeadline(time.Time{}) // the connection's next request is none of the session's business
}

// progressBytes is what is written of an answer at once. A client that takes less in its time has made no progress.
const progressBytes = 32 << 10

// errStalled ends an answer whose client takes nothing.
var errStalled = errors.New("engineio: the client takes nothing")

// writePoll writes the answer to a poll. A client that is gone shows when its session's ping goes unanswered.
func (srv *Server) writePoll(w http.ResponseWriter, r *http.Request, p *poll, waiter *httpPoll) error {
	gzip := plainhttp.AcceptsGzip(r.Header.Values("Accept-Encoding"))
	s, payloads := p.polling.session, p.polling.payloads
	var body answerBody
	if payloads.mustZip(srv, p.batch, gzip) {
		srv.backlog.do(func() { body = payloads.answer(srv, p.batch, gzip) })
	} else {
		body = payloads.answer(srv, p.batch, gzip)
	}
	s.flusher.traffic.sent(messagesIn(p.batch), len(body.bytes))
	p.polling.built(p, body)
	h := w.Header()
	h.Set("Content-Type", body.contentType())
	h.Set("Cache-Control", "no-store")
	if body.gzipped {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body.bytes)))
	for b := body.bytes; ; {
		allowed := waiter.allow(srv.opts.WriteTimeout)
		n, err := w.Write(b[:min(len(b), progressBytes)])
		if b = b[n:]; err == nil && len(b) == 0 {
			err = waiter.rc.Flush() // or net/http writes the last of it, and nobody looks
		}
		switch {
		case allowed && errors.Is(err, os.ErrDeadlineExceeded):
			return errStalled
		case err != nil && !errors.Is(err, http.ErrNotSupported):
			return err
		case len(b) == 0:
			return nil
		}
	}
}

// servePost reads a POST of a session and delivers what is in it.
func (srv *Server) servePost(w http.ResponseWriter, r *http.Request, s *Session) {
	rc := http.NewResponseController(w)
	// Where no deadline can be set, the HTTP server's own limit ends the reading.
	verdict := s.beginPost(func() { _ = rc.SetReadDeadline(time.Unix(1, 0)) })
	if verdict != pollTaken {
		verdict.refusal().write(w)
		return
	}
	defer s.polling.endPost()
	srv.decorate(w.Header(), r, "", false)
	contentType := r.Header.Get("Content-Type")
	if !s.polling.payloads.takes(contentType) {
		s.lockAndEnd(endCut, ReasonTransportError)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	body, err := readBody(w, r, srv.opts.MaxHTTPBufferSize)
	s.polling.postRead()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	case err != nil: // the client has hung up in the middle of it
		s.lockAndEnd(endCut, ReasonTransportError)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.flusher.traffic.bytesReceived.Add(int64(len(body)))
	s.receivePayload(contentType, body)
	s.awaitResume(r.Context()) // the client sends no more before it has the answer
	w.Header().Set("Content-Type", postContentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(postAnswer)))
	_, _ = io.WriteString(w, postAnswer)
}

const (
	postAnswer      = "ok"
	postContentType = "text/html"
)

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
