package client

// The session: what is sent and received, whichever transport carries it, and its end.

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A Handler gets what a session receives. No lock of this package is held while its methods run.
type Handler interface {
	// OnMessage gets each message in the order in which the server sent them, never two at once. data belongs to the
	// handler from then on. It must not block where a Dialer's sessions share the goroutine that reads; a handler with
	// enough to do calls Session.Pause.
	OnMessage(data []byte, binary bool)
	// OnClose is called exactly once, when the session is over, with the reason and, where there is one, the error
	// behind it. A message whose delivery is under way may overlap it; none follows that one.
	OnClose(reason Reason, err error)
}

// A Session is one Engine.IO connection to a server. It outlives a change of transport. All its methods may be called
// from any goroutine; only Flush and Wait wait.
type Session struct {
	endpoint *endpoint
	connect  func(*Session) Handler
	opened   chan error // gets the outcome of the opening

	mu        sync.Mutex // guards all below
	phase     phase
	handler   Handler // nil until the handshake
	handshake *Handshake
	transport transport
	probe     *webSocket      // a connection that may become the transport
	leaving   bool            // the probe has been answered, and polling is to end
	ctx       context.Context // of requests, while the session polls; done at the end
	cancel    context.CancelFunc
	running   int           // goroutines and connections that belong to the session
	idle      chan struct{} // closed when running is 0 and phase is phaseClosed; made by who waits

	// Sending.
	queue   []packet      // not yet taken by the transport
	queued  int           // bytes not yet written, those on their way included
	flushed chan struct{} // closed when nothing is left to write, or the session is over; made by who waits

	// Receiving, and the heartbeat.
	paused    bool
	heartbeat *time.Timer
	expiry    time.Time // when it is due
}

type phase uint8

const (
	phaseOpening phase = iota
	phaseOpen
	phaseClosing // Close has been called: what is queued is still written
	phaseClosed
)

// A Message is what a session sends: a text message, with the binary messages that must follow it directly (Socket.IO's
// attachments), or a binary message.
type Message struct {
	Data        []byte
	Binary      bool     // Data is a binary message
	Attachments [][]byte // binary messages
	// Volatile lets the message be dropped while the transport has not written what was queued before.
	Volatile bool
	// NoCompress leaves it uncompressed where permessage-deflate would apply.
	NoCompress bool
}

// messageOverhead is roughly what a queued packet costs beside its bytes.
const messageOverhead = 64

func (p *packet) size() int { return len(p.data) + messageOverhead }

// ID is the session's identifier, "sid" on the wire. Whoever knows it can use the session.
func (s *Session) ID() string { return s.Handshake().SID }

// Handshake is what the server opened the session with.
func (s *Session) Handshake() Handshake {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.handshake
}

// Transport is the name of the transport in use now.
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transport.name()
}

// Writable reports whether what is sent now is written at once.
func (s *Session) Writable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase == phaseOpen && !s.congested()
}

func (s *Session) congested() bool { return len(s.queue) > 0 || s.transport.busy() }

// Send queues m and returns at once. What one goroutine sends arrives in that order. It keeps m's bytes until they are
// written; they must not be changed. Errors: ErrClosed, ErrQueueFull. A volatile message that is dropped is no error.
func (s *Session) Send(m Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != phaseOpen || s.expired() {
		return ErrClosed
	}
	if m.Volatile && s.congested() {
		return nil
	}
	size := len(m.Data) + messageOverhead
	for _, a := range m.Attachments {
		size += len(a) + messageOverhead
	}
	if s.queued > 0 && s.queued+size > s.endpoint.opts.MaxQueueBytes {
		return ErrQueueFull
	}
	s.push(packet{kind: packetMessage, binary: m.Binary, noCompress: m.NoCompress, data: m.Data})
	for _, a := range m.Attachments {
		s.push(packet{kind: packetMessage, binary: true, noCompress: m.NoCompress, data: a})
	}
	s.transport.flush()
	return nil
}

// push puts p in the queue. mu is held.
func (s *Session) push(p packet) {
	s.queue = append(s.queue, p)
	s.queued += p.size()
}

// keptQueue is how long an empty queue's memory may be, in packets.
const keptQueue = 4

// dequeue takes the first n packets off the queue. mu is held.
func (s *Session) dequeue(n int) {
	clear(s.queue[:n])
	switch {
	case n < len(s.queue):
		s.queue = s.queue[n:]
	case cap(s.queue) <= keptQueue:
		s.queue = s.queue[:0]
	default:
		s.queue = nil
	}
}

// written takes note that n bytes of the queue's account have been written. mu is held.
func (s *Session) written(n int) {
	s.queued -= n
	if n == 0 || s.queued > 0 || s.phase == phaseClosed {
		return
	}
	s.wakeFlush()
	if s.phase == phaseClosing {
		s.finishClose()
	}
}

func (s *Session) wakeFlush() {
	if s.flushed != nil {
		close(s.flushed)
		s.flushed = nil
	}
}

// Flush waits until all that has been sent is written. Errors: ErrClosed where the session ends before, and ctx's.
func (s *Session) Flush(ctx context.Context) error {
	s.mu.Lock()
	if s.phase == phaseClosed {
		s.mu.Unlock()
		return ErrClosed
	}
	if s.queued == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.flushed == nil {
		s.flushed = make(chan struct{})
	}
	flushed := s.flushed
	s.mu.Unlock()
	select {
	case <-flushed:
	case <-ctx.Done():
		return fmt.Errorf("engineio: flush: %w", ctx.Err())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queued > 0 && s.phase == phaseClosed {
		return ErrClosed
	}
	return nil
}

// Close ends the session: what is queued is still written, then the transport is closed as the protocol asks for. It
// returns at once; OnClose gets ReasonForcedClose when it is done.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != phaseOpen {
		return
	}
	s.phase = phaseClosing
	if s.queued == 0 {
		s.finishClose()
	}
}

// finishClose ends a session that is closing, unless an upgrade has to end first. mu is held.
func (s *Session) finishClose() {
	if s.leaving {
		return
	}
	s.transport.goodbye()
	s.finish(ReasonForcedClose, nil)
}

// Wait waits until the session is over and nothing of it is left: no goroutine and no connection. It must not be called
// by the session's handler.
func (s *Session) Wait(ctx context.Context) error {
	s.mu.Lock()
	if s.running == 0 && s.phase == phaseClosed {
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("engineio: wait: %w", ctx.Err())
	}
}

// enter counts something that belongs to the session; leave undoes it. mu is held.
func (s *Session) enter() { s.running++ }

func (s *Session) leave() {
	if s.running--; s.running == 0 && s.phase == phaseClosed && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// end cuts the session short. mu is held.
func (s *Session) end(reason Reason, err error) {
	if s.phase == phaseClosed {
		return
	}
	if s.transport != nil {
		s.transport.cut()
	}
	s.finish(reason, err)
}

func (s *Session) lockAndEnd(reason Reason, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(reason, err)
}

// finish is the end of every session. mu is held.
func (s *Session) finish(reason Reason, err error) {
	if s.phase == phaseClosed {
		return
	}
	opening := s.phase == phaseOpening
	s.phase = phaseClosed
	s.queue = nil
	if s.heartbeat != nil {
		s.heartbeat.Stop()
	}
	if s.probe != nil {
		s.probe.cut()
		s.probe = nil
	}
	s.wakeFlush()
	if opening {
		if err == nil {
			err = fmt.Errorf("engineio: %s", reason)
		}
		s.opened <- err
		return
	}
	s.enter()
	go func() {
		s.handler.OnClose(reason, err)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.leave()
	}()
}

// receive deals with one packet; it reports false where nothing more is to be read.
func (s *Session) receive(p packet) bool {
	switch p.kind {
	case packetOpen:
		return s.open(p.data)
	case packetPing:
		s.ping()
	case packetMessage:
		s.mu.Lock()
		handler, hears := s.handler, s.phase == phaseOpen || s.phase == phaseClosing
		s.mu.Unlock()
		if hears {
			handler.OnMessage(p.data, p.binary)
		} else if handler == nil {
			s.lockAndEnd(ReasonTransportError, protocolError("the first packet does not open the session"))
		}
		return hears
	}
	return true
}

// open takes the packet that opens the session.
func (s *Session) open(data []byte) bool {
	h, err := parseHandshake(data)
	s.mu.Lock()
	if s.phase != phaseOpening {
		defer s.mu.Unlock()
		return s.phase != phaseClosed // a second one, as if it had not come
	}
	if err != nil {
		defer s.mu.Unlock()
		s.end(ReasonTransportError, err)
		return false
	}
	s.handshake = h
	s.mu.Unlock()

	handler := s.connect(s) // may use the session, so the lock is not held

	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler = handler
	if s.phase != phaseOpening { // the context was done meanwhile
		return false
	}
	s.phase = phaseOpen
	s.startHeartbeat()
	s.opened <- nil
	if s.endpoint.opts.NoUpgrade || s.transport.name() == WebSocket ||
		!slices.Contains(s.endpoint.opts.Transports, WebSocket) || !slices.Contains(h.Upgrades, WebSocket) {
		return true
	}
	s.enter()
	go s.tryUpgrade()
	return true
}

// Pause asks for no more messages until Resume: nothing more is read, and the server feels the back-pressure. The
// session answers for itself meanwhile, so that its heartbeat goes on. What is being read already still comes.
func (s *Session) Pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.paused && s.phase != phaseClosed {
		s.paused = true
		s.beatPaused()
	}
}

// Resume undoes Pause.
func (s *Session) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.paused {
		return
	}
	s.paused = false
	if s.phase != phaseClosed {
		s.resetHeartbeat()
		s.transport.resume()
	}
}

// isPaused reports whether reading is to wait for Resume.
func (s *Session) isPaused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused && s.phase != phaseClosed
}

// Over reports whether Wait would return at once.
func (s *Session) Over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running == 0 && s.phase == phaseClosed
}
