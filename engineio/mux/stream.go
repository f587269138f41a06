package mux

import (
	"net"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
)

// maxCredit is the most that a peer may let this side send, in bytes.
const maxCredit = 1 << 30

// A stream is one of a session's, and a netloop.Conn once it has been adopted. It has neither a goroutine nor memory
// for bytes, but where some wait for a handler that is paused.
type stream struct {
	session *Session
	id      uint32

	// Guarded by Session.mu.
	credit  int32 // may be sent
	window  int32 // may come
	owed    int32 // has been taken, and the peer is still to be told
	started bool
	busy    bool // a goroutine calls the handler, and looks again before it leaves
	look    bool // the handler may be paused no longer
	half    bool // this side has ended its writing
	ended   bool // the peer has
	told    bool // the handler knows of that
	cut     bool // it is over in both directions, whatever is under way
	stalled bool
	refused bool
	due     bool   // it is on its gatherer's list
	inbox   []byte // has come
	changed signal
	// gatherer has the handler called where what comes is to gather; nil where the reader calls it at once.
	gatherer *gatherer

	handler netloop.Handler // set before started, then by the handler itself
	timeout time.Duration   // see netloop.Loop.WriteTimeout
}

// A halfHandler is a handler that may still write when the peer has ended its writing. To others that is the end, as it
// is where a loop reads a socket.
type halfHandler interface {
	netloop.Handler
	// Ended is told that nothing more comes.
	Ended()
}

// A signal tells those who wait for a change. Session.mu guards it.
type signal struct{ ch chan struct{} }

// next is closed at the next change.
func (s *signal) next() <-chan struct{} {
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) tell() {
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// Start has the handler called from now on; see netloop.Conn.
func (st *stream) Start() {
	st.session.mu.Lock()
	st.started = true
	st.session.mu.Unlock()
	st.attend()
}

// SetHandler replaces the handler; see netloop.Conn.
func (st *stream) SetHandler(h netloop.Handler) { st.handler = h }

// control takes a frame of the peer's. Session.mu is held.
func (st *stream) control(t frameType, value uint32) error {
	switch t {
	case frameWindow:
		if value == 0 || value > maxCredit || st.credit > int32(maxCredit-value) {
			return protocolError("a window that there is not")
		}
		st.credit += int32(value)
	case frameEnd:
		if st.ended {
			return protocolError("a stream that ends twice")
		}
		st.ended = true
		st.forgetEnded()
	case frameReset:
		switch resetCode(value) {
		case resetStalled:
			st.stalled, st.cut = true, true
		case resetRefused:
			st.refused, st.cut = true, true
		default: // there is no more to say, but what has come counts
			st.half, st.ended = true, true
		}
		st.session.forget(st)
	}
	st.changed.tell()
	return nil
}

// forgetEnded takes the stream out of the session if both sides have ended their writing. Session.mu is held.
func (st *stream) forgetEnded() {
	if st.half && st.ended && !st.cut {
		st.session.forget(st)
	}
}

// listens reports whether the handler can be called. Session.mu is held.
func (st *stream) listens() bool { return st.started && !st.busy }

// attend has the handler told what it does not know yet, on this goroutine or one that is at it.
func (st *stream) attend() {
	if st.engage() {
		st.serve()
	}
}

// engage reports whether the caller is to serve.
func (st *stream) engage() bool {
	st.session.mu.Lock()
	defer st.session.mu.Unlock()
	if !st.listens() {
		return false
	}
	st.busy = true
	return true
}

// take gives bytes that have just come to the handler, or keeps them where it is paused, and serves on. The caller has
// set busy.
func (st *stream) take(b []byte) {
	s := st.session
	if st.handler.Paused() {
		s.mu.Lock()
		st.inbox = append(st.inbox, b...)
		again := st.look || st.cut
		st.busy = again
		s.mu.Unlock()
		if again {
			st.serve()
		}
		return
	}
	st.handler.Received(b)
	s.mu.Lock()
	st.taken(len(b))
	if len(st.inbox) == 0 && !st.cut && !st.ended {
		st.busy = false
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	st.serve()
}

// serve calls the handler until it knows everything, or is paused. The caller has set busy.
func (st *stream) serve() {
	s := st.session
	for {
		s.mu.Lock()
		st.look = false
		h := st.handler
		switch {
		case st.cut, st.ended && st.half && st.told && len(st.inbox) == 0:
			st.inbox = nil
			s.mu.Unlock()
			h.Closed() // the last call: busy stays set
			return
		case len(st.inbox) > 0:
			s.mu.Unlock()
			if h.Paused() {
				s.mu.Lock()
				again := st.look || st.cut
				st.busy = again
				s.mu.Unlock()
				if !again {
					return
				}
				continue
			}
			s.mu.Lock()
			b := st.inbox
			st.inbox = nil
			s.mu.Unlock()
			h.Received(b)
			s.mu.Lock()
			st.taken(len(b))
			s.mu.Unlock()
		case st.ended && !st.told:
			st.told = true
			half, ok := h.(halfHandler)
			if !ok {
				st.endWriting()
			}
			s.mu.Unlock()
			if ok {
				half.Ended()
			}
		default:
			st.busy = false
			s.mu.Unlock()
			return
		}
	}
}

// taken lets the peer send as much again, once that is worth a frame. Session.mu is held.
func (st *stream) taken(n int) {
	if st.owed += int32(n); st.owed < window/2 || st.cut || st.ended {
		return
	}
	v := uint32(st.owed)
	st.session.say(frameWindow, st.id, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	st.window += st.owed
	st.owed = 0
}

// TryWrite writes what window and connection take at once; see netloop.Conn.
func (st *stream) TryWrite(b []byte) (int, error) {
	st.session.mu.Lock()
	defer st.session.mu.Unlock()
	return st.tryWrite(b)
}

// tryWrite is TryWrite with Session.mu held.
func (st *stream) tryWrite(b []byte) (int, error) {
	s := st.session
	if err := st.broken(); err != nil {
		return 0, err
	}
	if st.half {
		return 0, net.ErrClosed
	}
	n := min(len(b), int(st.credit), maxOut-len(s.out))
	if n <= 0 {
		return 0, nil
	}
	st.credit -= int32(n)
	s.out = appendData(s.out, st.id, b[:n])
	s.kick()
	return n, nil
}

// broken is the error of a stream that is over. Session.mu is held.
func (st *stream) broken() error {
	switch {
	case st.stalled:
		return netloop.ErrStalled
	case st.refused:
		return ErrRefused
	case st.session.err != nil:
		return st.session.err
	case st.cut:
		return net.ErrClosed
	}
	return nil
}

// WriteAll writes b, waiting for the peer; see netloop.Conn.
func (st *stream) WriteAll(b []byte) error {
	s := st.session
	for {
		s.mu.Lock()
		n, err := st.tryWrite(b)
		if err != nil || n == len(b) {
			s.mu.Unlock()
			return err
		}
		b = b[n:]
		again := st.awaitWritable()
		s.mu.Unlock()
		if st.timeout <= 0 {
			<-again
			continue
		}
		timeout := time.NewTimer(st.timeout)
		select {
		case <-again:
			timeout.Stop()
		case <-timeout.C:
			s.mu.Lock()
			st.stalled = true
			s.mu.Unlock()
			return netloop.ErrStalled
		}
	}
}

// awaitWritable returns what is closed when more may be written. Session.mu is held.
func (st *stream) awaitWritable() <-chan struct{} {
	if st.credit > 0 {
		st.session.waiting = append(st.session.waiting, st)
	}
	return st.changed.next()
}

// Stalled reports whether the peer has been given up, here or where it is; see netloop.Conn.
func (st *stream) Stalled() bool {
	st.session.mu.Lock()
	defer st.session.mu.Unlock()
	return st.stalled
}

// ResumeReading asks the handler again; see netloop.Conn.
func (st *stream) ResumeReading() {
	st.session.mu.Lock()
	defer st.session.mu.Unlock()
	st.look = true
	if len(st.inbox) > 0 {
		st.attendLater()
	}
}

// attendLater is attend where Session.mu is held, or a lock of the handler's may be.
func (st *stream) attendLater() {
	if st.listens() {
		st.busy = true
		go st.serve()
	}
}

// CloseWrite ends the writing; see netloop.Conn.
func (st *stream) CloseWrite() {
	st.session.mu.Lock()
	defer st.session.mu.Unlock()
	st.endWriting()
	if st.ended {
		st.attendLater()
	}
}

// endWriting is CloseWrite with Session.mu held.
func (st *stream) endWriting() {
	if st.half || st.cut {
		return
	}
	st.half = true
	st.session.say(frameEnd, st.id)
	st.forgetEnded()
	st.changed.tell()
}

// Close ends the stream; see netloop.Conn.
func (st *stream) Close() { st.reset(resetClosed) }

// reset ends the stream at once, with its reason for the peer.
func (st *stream) reset(why resetCode) {
	st.session.mu.Lock()
	defer st.session.mu.Unlock()
	if st.cut {
		return
	}
	st.cut = true
	if !st.half || !st.ended { // else the peer has forgotten it
		st.session.say(frameReset, st.id, byte(why))
		st.session.forget(st)
	}
	st.changed.tell()
	st.attendLater()
}
