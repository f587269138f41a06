package client

// HTTP long-polling (Engine.IO protocol, "HTTP long-polling"): a GET waits until the server has something to send, a
// POST brings what the client sends. There is at most one of each at a time.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// A polling is the transport. It has a goroutine that polls, and another one while there is something to send.
type polling struct {
	session *Session
	client  *http.Client
	wake    chan struct{} // of one: the polling goroutine is to look again

	// Guarded by the session's mu.
	polls   bool // the goroutine that polls runs
	posting bool // another one posts
	left    bool // the session has done with it
}

func newPolling(s *Session) *polling {
	o := &s.endpoint.opts
	return &polling{session: s, polls: true, wake: make(chan struct{}, 1), client: &http.Client{
		Jar: o.Jar,
		// One of its own, so that its connections end with the polling.
		Transport: &http.Transport{
			DialContext: o.DialContext, TLSClientConfig: o.TLSConfig, Proxy: o.Proxy, MaxIdleConnsPerHost: 2,
		},
	}}
}

func (t *polling) name() string { return Polling }
func (t *polling) busy() bool   { return t.posting || t.session.leaving }
func (t *polling) resume()      { t.look() }

func (t *polling) look() {
	select {
	case t.wake <- struct{}{}:
	default: // it is about to
	}
}

// run polls until the session leaves polling or ends.
func (t *polling) run() {
	s := t.session
	for {
		body, err := t.do(s.ctx, http.MethodGet, nil)
		if err != nil {
			t.fail(fmt.Errorf("poll: %w", err))
		} else if t.take(body) && t.goOn() {
			continue
		}
		break
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.polls = false
	if t.left || s.phase == phaseClosed {
		t.client.CloseIdleConnections()
	} else {
		s.leavePolling()
	}
	s.leave()
}

// take deals with the packets of a poll's answer; it reports false where nothing more is to be read.
func (t *polling) take(body []byte) bool {
	for more := true; more; {
		var p packet
		var err error
		p, body, more, err = nextPacket(body)
		switch {
		case err != nil:
			t.session.lockAndEnd(ReasonTransportError, err)
			return false
		case p.kind == packetClose:
			t.session.lockAndEnd(ReasonTransportClose, nil)
			return false
		case !t.session.receive(p):
			return false
		}
	}
	s := t.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == phaseOpening {
		s.end(ReasonTransportError, protocolError("the first packet does not open the session"))
	}
	return s.phase != phaseClosed
}

// goOn waits as long as the session is paused, and reports whether it is still to poll.
func (t *polling) goOn() bool {
	s := t.session
	for {
		s.mu.Lock()
		over, paused := t.left || s.phase == phaseClosed || s.leaving, s.paused
		s.mu.Unlock()
		switch {
		case over:
			return false
		case !paused:
			return true
		}
		select {
		case <-t.wake:
		case <-s.ctx.Done():
		}
	}
}

// restart polls again after an upgrade has failed in its last step. mu is held.
func (t *polling) restart() {
	if !t.polls {
		t.polls = true
		t.session.enter()
		go t.run()
	}
	t.flush()
}

// fail ends the session over a request that has failed.
func (t *polling) fail(err error) {
	s := t.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.left {
		s.end(ReasonTransportError, err)
	}
}

// flush has a goroutine post what is queued, unless one does.
func (t *polling) flush() {
	s := t.session
	if t.posting || t.left || s.leaving || len(s.queue) == 0 {
		return
	}
	t.posting = true
	s.enter()
	go t.post()
}

// post posts until nothing is queued, or the rest is to go another way.
func (t *polling) post() {
	s := t.session
	for {
		s.mu.Lock()
		if len(s.queue) == 0 || s.leaving || t.left {
			t.posting = false
			if !t.left {
				s.leavePolling()
			}
			s.leave()
			s.mu.Unlock()
			return
		}
		body, size := t.batch()
		s.mu.Unlock()
		if _, err := t.do(s.ctx, http.MethodPost, body); err != nil {
			t.fail(fmt.Errorf("post: %w", err))
			continue // the session is over
		}
		s.mu.Lock()
		if !t.left {
			s.written(size)
		}
		s.mu.Unlock()
	}
}

// batch takes as much of the queue as the server accepts at once. mu is held.
func (t *polling) batch() (body []byte, size int) {
	s := t.session
	limit := s.handshake.MaxPayload
	n := 0
	for n < len(s.queue) {
		p := &s.queue[n]
		if limit > 0 && n > 0 && len(body)+1+p.payloadSize() > limit {
			break
		}
		if n > 0 {
			body = append(body, payloadSeparator)
		}
		body = p.appendPayload(body)
		size += p.size()
		n++
	}
	s.dequeue(n)
	return body, size
}

// goodbye posts a close packet. The poll that waits is given some time to get its answer.
func (t *polling) goodbye() {
	s := t.session
	t.left = true
	s.enter()
	go func() {
		ctx, cancel := context.WithTimeout(s.ctx, s.endpoint.opts.CloseTimeout)
		defer cancel()
		_, _ = t.do(ctx, http.MethodPost, []byte{byte(packetClose)}) // the session is over either way
		s.cancel()
		t.client.CloseIdleConnections()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.leave()
	}()
}

func (t *polling) cut() {
	t.left = true
	t.session.cancel()
	t.look()
}

var errTooLong = errors.New("the answer is longer than MaxMessageBytes")

// do makes a request and returns the body of its answer.
func (t *polling) do(ctx context.Context, method string, body []byte) ([]byte, error) {
	s := t.session
	sid := ""
	s.mu.Lock()
	if s.handshake != nil {
		sid = s.handshake.SID
	}
	s.mu.Unlock()
	e := s.endpoint
	header, host := e.header()
	if header.Get("Accept") == "" {
		header.Set("Accept", "*/*")
	}
	r := (&http.Request{Method: method, URL: e.request(Polling, sid), Header: header, Host: host}).WithContext(ctx)
	if body == nil {
		// A body that nobody can read twice keeps net/http from asking again over another connection: what was on its
		// way over the one that has broken would be lost without a word.
		r.Body = io.NopCloser(strings.NewReader(""))
	} else {
		header.Set("Content-Type", "text/plain;charset=UTF-8")
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	answer, err := t.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, readServerError(answer.StatusCode, answer.Body)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, int64(e.opts.MaxMessageBytes)+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > e.opts.MaxMessageBytes:
		return nil, errTooLong
	}
	return data, nil
}
