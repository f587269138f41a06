package engineio

// The session: what is sent and received, whichever transport carries it. Its heartbeat is in heartbeat.go, its end in
// end.go.

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/admission"
	"github.com/brunossouza/websocket-escalonavel/internal/timeouts"
)

// A Handler gets what a session receives. Its methods are never called with a lock of this package held.
type Handler interface {
	// OnMessage gets each message in the order in which the client sent them, never two at once. data belongs to the
	// handler from then on. It must not block, as other clients may be waiting for their messages to be read; a handler
	// with enough to do calls Session.Pause.
	OnMessage(data []byte, binary bool)
	// OnClose is called exactly once, when the session is over. It does not wait for OnMessage: a message whose
	// delivery is under way may overlap it, or come just behind it; none follows that one.
	OnClose(reason Reason)
}

// A Session is one Engine.IO connection with a client. It outlives a change of transport. All its methods may be called
// from any goroutine; none waits.
type Session struct {
	srv       *Server
	flusher   *flusher
	id        string
	opened    opening
	guest     admission.Guest
	heartbeat *timeouts.Timeout[*Session]      // see heartbeat.go; apart, as all broadcasts read the session
	listeners atomic.Pointer[[]*SessionEvents] // see Listen; nil where nobody listens

	// delivery keeps OnMessage to one call at a time while a session changes its transport. It is taken before mu.
	delivery sync.Mutex

	mu      sync.Mutex // guards all below; see ARCHITECTURE.md for what may be taken while it is held
	handler Handler    // nil until the server's connect function has returned

	// The end, see end.go.
	phase      phase
	revision   uint8     // of the protocol: 4 or 3
	told       bool      // the handler knows, or is just being told
	stillHeard bool      // what the client sends counts although the session is closing
	slow       slowCause // where reason is ReasonSlowClient
	// Receiving. (Here, as small fields stand together; TestSizes.)
	held       bool  // the transport has left unread what has come
	awaitsBeat bool  // see heartbeat.go
	excused    bool  // the same
	pauses     int32 // calls of Pause without their Resume
	allowance

	reason Reason

	// Sending. The transport takes the queue when it can write.
	queue   []*Message
	queued  int // bytes not yet written, those on their way included
	counted int // what the budget of the whole server knows of these, see account

	transport transport
	polling   *polling // of a session that began by polling, also when it has left it
}

// ID is the session's identifier, "sid" on the wire.
func (s *Session) ID() string { return s.id }

// Handshake is the request that opened the session. It is put together at every call.
func (s *Session) Handshake() *Handshake { return s.opened.handshake() }

// Context has the values of the context of the request that opened the session: those of the http.Server's BaseContext
// and ConnContext, and of handlers in front of the Server. It never ends. A value that belongs to whoever served the
// request, and is used again for the next one, must not be read later. See Server.ListenerFor. For it, a session that
// net/http has opened keeps what net/http has made of contexts: some 0.5 KB.
func (s *Session) Context() context.Context { return context.WithoutCancel(s.opened.values) }

// Transport is the name of the transport in use now: "polling" or "websocket", or that of a Framing.
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transport.name()
}

// Send queues m and returns at once; it never waits for the client. What one goroutine sends arrives in that order. It
// reports false where the message will not be sent: the session is closing or closed, or m is volatile and the client
// is not keeping up.
func (s *Session) Send(m *Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != phaseOpen || m.volatile && s.transport.congested() {
		return false
	}
	s.enqueue(m)
	s.tellQueued(m)
	if s.queued > s.srv.opts.MaxQueueBytes && !s.dropVolatile() {
		s.endSlow(slowQueue)
		return false
	}
	s.transport.wake()
	return true
}

// sendOwn is answer where mu is not held.
func (s *Session) sendOwn(m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer(m)
}

// answer queues what the protocol itself answers, a pong. mu is held.
func (s *Session) answer(m *Message) {
	if s.phase != phaseOpen {
		return
	}
	s.spend(m.size())
	s.enqueue(m)
	if s.queued > s.srv.opts.MaxQueueBytes { // somebody sends pings and reads no pongs
		s.endSlow(slowQueue)
		return
	}
	s.transport.wake()
}

// enqueue puts m in the queue and on its account. mu is held.
func (s *Session) enqueue(m *Message) {
	s.queue = append(s.queue, m)
	s.account(m.size())
}

// takeQueue returns what is queued, and leaves an empty queue with the memory of spare. mu is held.
func (s *Session) takeQueue(spare []*Message) []*Message {
	batch := s.queue
	s.queue = spare
	return batch
}

// takeSome takes messages of limit bytes at most off the queue, but at least one. mu is held.
func (s *Session) takeSome(limit int) (batch []*Message, size int) {
	n := 0
	for _, m := range s.queue {
		if n > 0 && size+m.size() > limit {
			break
		}
		size += m.size()
		n++
	}
	if n == len(s.queue) {
		return s.takeQueue(nil), size
	}
	batch = slices.Clone(s.queue[:n]) // the queue's memory is not to hold them
	s.queue = slices.Delete(s.queue, 0, n)
	return batch, size
}

// dropVolatile drops queued volatile messages and reports whether that brought the queue back under its bound. mu is
// held.
func (s *Session) dropVolatile() bool {
	kept := s.queue[:0]
	for _, m := range s.queue {
		if m.volatile {
			s.account(-m.size())
		} else {
			kept = append(kept, m)
		}
	}
	clear(s.queue[len(kept):])
	s.queue = kept
	return s.queued <= s.srv.opts.MaxQueueBytes
}

// Close ends the session: nothing more is read, what is queued is still sent, then the transport is closed the way the
// protocol asks for. It returns at once; the handler's OnClose gets reason when it is done. Later calls do nothing.
func (s *Session) Close(reason Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(endClose, reason)
}

// setHandler ends the opening: from here on messages are delivered.
func (s *Session) setHandler(h Handler) {
	s.mu.Lock()
	s.handler = h
	told, reason := s.told, s.reason
	s.mu.Unlock()
	if told {
		h.OnClose(reason)
	}
}

// hears reports whether what the client sends is delivered. mu is held.
func (s *Session) hears() bool { return s.phase == phaseOpen || s.stillHeard }

// receive deals with one packet; it reports false where the session has ended over it.
func (s *Session) receive(p packet) bool {
	s.tellReceived(p)
	switch p.kind {
	case packetMessage:
		s.deliver(p.data, p.binary)
	case packetPing, packetPong:
		if (p.kind == packetPing) != (s.revision == revision3) { // it has been the server that pings since revision 4
			s.fail(ReasonTransportError)
			return false
		}
		s.heard()
	}
	return true
}

// deliver hands a message to the handler.
func (s *Session) deliver(data []byte, binary bool) {
	s.delivery.Lock()
	defer s.delivery.Unlock()
	s.mu.Lock()
	handler, hears := s.handler, s.hears()
	if hears {
		s.spend(len(data))
	}
	s.mu.Unlock()
	if hears {
		s.flusher.traffic.messagesReceived.Add(1)
		handler.OnMessage(data, binary)
	}
}

// Pause asks for no more messages, until as many calls of Resume have followed: nothing more is read from the client,
// which feels back-pressure, and its heartbeat is not held against it. What has been read already still comes.
func (s *Session) Pause() {
	s.mu.Lock()
	s.pauses++
	s.mu.Unlock()
}

// Resume undoes one Pause.
func (s *Session) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resume()
}

// resume is Resume where mu is held.
func (s *Session) resume() {
	if s.pauses--; s.pauses > 0 || !s.hears() {
		return
	}
	if s.phase == phaseOpen && s.awaitsBeat { // the beat may be among what has not been read
		s.setTimeout(s.beatTimeout())
	}
	s.resumeReading()
}

// resumeReading has the reading go on that a pause has stopped. mu is held.
func (s *Session) resumeReading() {
	if t := s.polling; t != nil && t.resumed != nil {
		close(t.resumed)
		t.resumed = nil
	}
	if s.held {
		s.held = false
		s.transport.resumeReading()
	}
}

// paused reports whether reading is to wait for Resume. mu is held.
func (s *Session) paused() bool { return s.pauses > 0 && s.hears() }

// isPaused is paused where mu is not held.
func (s *Session) isPaused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused()
}

// shouldPause reports whether the transport is to leave unread what has come; resumeReading has it look again.
func (s *Session) shouldPause() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = s.paused()
	return s.held
}

// awaitResume waits as long as the session, which is polling, is paused, or ctx is done.
func (s *Session) awaitResume(ctx context.Context) {
	for {
		s.mu.Lock()
		if !s.paused() {
			s.mu.Unlock()
			return
		}
		t := s.polling
		if t.resumed == nil {
			t.resumed = make(chan struct{})
		}
		resumed := t.resumed
		s.mu.Unlock()
		select {
		case <-resumed:
		case <-ctx.Done():
			return
		}
	}
}

var (
	closePacket = newPacket(packetClose, "")
	pingPacket  = newPacket(packetPing, "")
	pongPacket  = newPacket(packetPong, "")
	noopPacket  = newPacket(packetNoop, "")
)
