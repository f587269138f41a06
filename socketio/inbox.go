package socketio

// The way of an event from the goroutine that reads it to the handlers: a queue for each socket, emptied by a worker
// goroutine that there is only while there is something in it.

import "time"

// inbox is what a socket still has to do, in this order: connect, handle events, disconnect. Guarded by Socket.mu.
type inbox struct {
	head, tail *Event
	bytes      int
	space      chan struct{} // closed when there is room again; made by who waits for it
	running    bool          // a worker has the socket
	connectDue bool
	closeDue   bool
}

// push appends e. While the inbox is full it blocks, which is what keeps the client from sending more.
func (s *Socket) push(e *Event) {
	limit := s.conn.server.opts.MaxInboundBytes
	for {
		s.mu.Lock()
		if s.state.Load() > stateConnected {
			s.mu.Unlock()
			return
		}
		in := &s.inbox
		if in.head == nil || in.bytes+e.size <= limit {
			if in.tail == nil {
				in.head = e
			} else {
				in.tail.next = e
			}
			in.tail = e
			in.bytes += e.size
			start := !in.running
			in.running = true
			s.mu.Unlock()
			if start {
				s.conn.server.dispatch(s)
			}
			return
		}
		if in.space == nil {
			in.space = make(chan struct{})
		}
		space := in.space
		s.mu.Unlock()
		<-space
	}
}

// pop takes the first event out.
func (in *inbox) pop(limit int) *Event {
	e := in.head
	in.head = e.next
	if in.head == nil {
		in.tail = nil
	}
	e.next = nil
	in.bytes -= e.size
	if in.bytes <= limit/2 {
		in.release()
	}
	return e
}

// release lets go whoever waits for room.
func (in *inbox) release() {
	if in.space != nil {
		close(in.space)
		in.space = nil
	}
}

// discard drops the events.
func (in *inbox) discard() {
	in.head, in.tail, in.bytes = nil, nil, 0
}

// work does what the socket has to do, until there is no more.
func (s *Socket) work() {
	limit := s.conn.server.opts.MaxInboundBytes
	for {
		s.mu.Lock()
		in := &s.inbox
		switch {
		case in.connectDue:
			in.connectDue = false
			s.mu.Unlock()
			s.connect()
		case in.head != nil:
			e := in.pop(limit)
			s.mu.Unlock()
			s.handle(e)
		case in.closeDue:
			in.closeDue = false
			s.mu.Unlock()
			s.finish()
		default:
			in.running = false
			s.mu.Unlock()
			return
		}
	}
}

// idleWorkers may wait for work rather than end: a goroutine whose stack has grown already is cheaper than a new one.
const idleWorkers = 16

// idleWorkerLife is how long one waits.
const idleWorkerLife = time.Second

// dispatch has a worker take care of s.
func (srv *Server) dispatch(s *Socket) {
	select {
	case srv.work <- s:
		return
	default:
	}
	srv.workers.Add(1)
	go srv.worker(s)
}

func (srv *Server) worker(s *Socket) {
	defer srv.workerDone()
	var timer *time.Timer
	for {
		s.work()
		s = nil
		if srv.idle.Add(1) > idleWorkers {
			srv.idle.Add(-1)
			return
		}
		if timer == nil {
			timer = time.NewTimer(idleWorkerLife)
			defer timer.Stop()
		} else {
			timer.Reset(idleWorkerLife)
		}
		select {
		case s = <-srv.work:
		case <-timer.C:
		case <-srv.stop:
		}
		srv.idle.Add(-1)
		if s == nil {
			return
		}
	}
}

func (srv *Server) workerDone() {
	if srv.workers.Add(-1) == 0 {
		select {
		case srv.drained <- struct{}{}:
		default:
		}
	}
}
