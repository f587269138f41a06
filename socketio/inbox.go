package socketio

// The inbox: each socket's queue between the goroutine that reads events and the handlers. A worker empties it; there
// is none while it is empty.

import (
	"time"

	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

// inbox is what a socket still has to do, in this order: connect, handle events, disconnect. Guarded by Socket.mu.
type inbox struct {
	head, tail *Event
	bytes      int32 // at most MaxInboundBytes, and one event
	running    bool  // a worker has the socket
	connectDue bool
	closeDue   bool
}

// push appends e. Where too much waits, that pauses the session, which keeps the client from sending more.
func (s *Socket) push(e *Event) {
	s.mu.Lock()
	if s.state.Load() > stateConnected {
		s.mu.Unlock()
		return
	}
	size := e.size()
	s.inbox.bytes += int32(size)
	s.conn.waits(size)
	start := s.append(e)
	s.mu.Unlock()
	if start {
		s.conn.server.workers.dispatch(s)
	}
}

// append appends e, and reports whether a worker is to be told. It is called with mu held.
func (s *Socket) append(e *Event) (start bool) {
	in := &s.inbox
	if in.tail == nil {
		in.head = e
	} else {
		in.tail.next = e
	}
	in.tail = e
	start = !in.running
	in.running = true
	return start
}

// pop takes the first event out. It is called with mu held.
func (s *Socket) pop() *Event {
	in := &s.inbox
	e := in.head
	in.head = e.next
	if in.head == nil {
		in.tail = nil
	}
	e.next = nil
	switch {
	case e.isCallback():
	case e.outgoing:
		s.on.outgoing.waiting -= e.size()
	default:
		in.bytes -= int32(e.size())
		s.conn.handled(e.size())
	}
	return e
}

// discard drops the events, but not the callbacks. It is called with mu held.
func (s *Socket) discard() {
	in := &s.inbox
	s.conn.handled(int(in.bytes))
	e := in.head
	in.head, in.tail, in.bytes = nil, nil, 0
	for e != nil {
		next := e.next
		if e.next = nil; e.isCallback() {
			s.append(e)
		}
		e = next
	}
	if s.on != nil && s.on.outgoing != nil {
		s.on.outgoing.waiting = 0
	}
}

// work does what the socket has to do, until there is no more, or it is somebody else's turn.
func (s *Socket) work() {
	var began time.Time // the second event; most have only one
	for n, size := 0, 0; ; n++ {
		if n == 1 {
			began = time.Now()
		}
		s.mu.Lock()
		in := &s.inbox
		switch {
		case n == manyEvents, size >= longEvent, n%fewEvents == fewEvents-1 && time.Since(began) > longTurn:
			s.mu.Unlock()
			turns.Yield()
			s.conn.server.workers.dispatch(s)
			return
		case in.connectDue:
			in.connectDue = false
			s.mu.Unlock()
			s.connect()
		case in.head != nil && in.head.size() >= longEvent:
			s.mu.Unlock()
			s.conn.server.workers.dispatchLong(s)
			return
		case in.head != nil:
			e := s.pop()
			s.mu.Unlock()
			size += e.size()
			s.handle(e)
		case in.closeDue:
			in.closeDue = false
			s.mu.Unlock()
			s.finish()
		default:
			in.running = false
			s.mu.Unlock()
			s.conn.calm()
			return
		}
	}
}
