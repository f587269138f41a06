package mux

import (
	"cmp"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

const (
	// readBytes is what is read at once.
	readBytes = 64 << 10
	// maxBurst is how much is read before others have their turn, as long as there is more to be read.
	maxBurst = 1 << 20
	// maxOut is how much waits for the connection at most, in bytes, beside as much that is being written.
	maxOut = 1 << 20
	// maxControl is where a peer is given up that has this side answer, and reads no answers.
	maxControl = maxOut + 1<<20
	// keepOut is how much memory is kept for the next writing, in bytes.
	keepOut = 256 << 10
	// writeBytes is what is written at once. A peer that takes less within Options.Timeout has made no progress.
	writeBytes = 64 << 10
)

// Options configure a Session.
type Options struct {
	// Timeout is how long the peer may say nothing, when asked, and how long the connection may take nothing. Twice in
	// that time it is asked where it is quiet. Default 60 s.
	Timeout time.Duration
	// Idle is how long a Client session stays open without a stream. Default 30 s.
	Idle time.Duration
	// MaxStreams is how many streams of a Server session may be open; those past it are refused. Default 262,144,
	// which bounds memory only: what a stream leads to has limits of its own.
	MaxStreams int
}

// A Session is one connection with streams on it. Its methods may be called from any goroutine.
type Session struct {
	conn   net.Conn
	opts   Options
	client bool
	parser parser        // the reader's
	due    []*stream     // the reader's: those that have got something for their gatherers
	heard  atomic.Bool   // something has come since the last look
	parked atomic.Bool   // the reader waits, and nobody has had it look
	news   chan struct{} // of one: somebody has arrived, or the listener is closed
	done   chan struct{} // closed when all is over

	mu      sync.Mutex // guards all below, and the streams. It is a leaf: nothing else is locked under it
	streams map[uint32]*stream
	last    uint32 // the newest stream's number
	arrived []*stream
	deaf    bool // no stream is accepted any more
	err     error
	look    *time.Timer // beats
	asked   bool        // a PING is on its way
	idle    *time.Timer // of a client without streams

	out     []byte // to be written
	spare   []byte // an empty buffer to swap for a full one
	writing bool
	waiting []*stream // for room in out, in their order
}

// Client begins a session on conn, whose streams this end opens. early is what has been read of conn already.
func Client(conn net.Conn, early []byte, o Options) *Session { return begin(conn, early, o, true) }

// Server begins a session on conn, whose streams the peer opens; see Listener.
func Server(conn net.Conn, early []byte, o Options) *Session { return begin(conn, early, o, false) }

func begin(conn net.Conn, early []byte, o Options, client bool) *Session {
	o.Timeout = cmp.Or(o.Timeout, time.Minute)
	o.Idle = cmp.Or(o.Idle, 30*time.Second)
	o.MaxStreams = cmp.Or(o.MaxStreams, 1<<18)
	s := &Session{
		conn: conn, opts: o, client: client,
		news: make(chan struct{}, 1), done: make(chan struct{}), streams: make(map[uint32]*stream),
	}
	s.parser.sink = s
	s.mu.Lock() // the timers may be early
	defer s.mu.Unlock()
	s.look = time.AfterFunc(o.Timeout/2, s.beat)
	if client {
		s.idle = time.AfterFunc(o.Idle, s.endIdle)
	}
	go s.read(early)
	return s
}

// Open begins a stream. The error is that with which the session has ended, or will, as no more can be opened.
func (s *Session) Open() (*Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return nil, s.err
	case !s.client, s.last == 1<<32-1:
		return nil, errors.ErrUnsupported
	}
	s.last++
	st := s.add(s.last)
	s.idle.Stop()
	s.out = appendHead(s.out, 0, frameOpen, st.id)
	s.kick()
	return &Stream{stream: st}, nil
}

// add is called with mu held.
func (s *Session) add(id uint32) *stream {
	st := &stream{session: s, id: id, credit: window, window: window}
	s.streams[id] = st
	return st
}

// forget takes a stream out of the session. mu is held.
func (s *Session) forget(st *stream) {
	delete(s.streams, st.id)
	if len(s.streams) > 0 {
		return
	}
	s.streams = make(map[uint32]*stream) // a map does not shrink
	if s.client && s.err == nil {
		s.idle.Reset(s.opts.Idle)
	}
}

// Streams counts those that are open.
func (s *Session) Streams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams)
}

// Done is closed when the session and all its streams are over.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err says why the session has ended, nil while it goes on.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close ends the session with all its streams. It does not wait.
func (s *Session) Close() { s.fail(ErrClosed) }

// fail ends the session over an error, of which the first counts. The reader does the rest.
func (s *Session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(err)
}

// failLocked is fail where mu is held.
func (s *Session) failLocked(err error) {
	if s.err == nil {
		s.err = err
		go s.conn.Close() // TLS writes an alert, and may wait
	}
}

// endIdle ends a client's session that has no streams.
func (s *Session) endIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.streams) == 0 {
		s.failLocked(ErrClosed)
	}
}

// beat asks a peer that has been quiet whether it is there, and gives it up where it has been asked before.
func (s *Session) beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return
	case s.heard.Swap(false):
		s.asked = false
	case s.asked:
		s.failLocked(ErrSilent)
		return
	default:
		s.asked = true
		s.say(framePing, 0)
	}
	s.look.Reset(s.opts.Timeout / 2)
}

// read reads the connection to its end, and ends everything with it.
func (s *Session) read(early []byte) {
	defer close(s.done)
	turns.Add(s)
	defer turns.Remove(s)
	err := s.parser.feed(early)
	burst := 0
	for buf := make([]byte, readBytes); err == nil; {
		s.parked.Store(true)
		n, readErr := s.conn.Read(buf)
		s.parked.Store(false)
		if errors.Is(readErr, os.ErrDeadlineExceeded) { // Look has been called
			readErr = s.conn.SetReadDeadline(time.Time{})
		}
		if n > 0 {
			s.heard.Store(true)
			err = s.parser.feed(buf[:n])
			s.handOn() // at once: the peer may wait for the windows of what has come
		}
		err = cmp.Or(err, readErr)
		if burst += n; n < len(buf) || burst >= maxBurst {
			burst = 0
			runtime.Gosched() // a round of work has been done, as in netloop's loops
		}
	}
	s.fail(err)
	s.mu.Lock()
	all := s.streams
	s.streams = make(map[uint32]*stream)
	for _, st := range all {
		st.cut = true
		st.changed.tell()
	}
	s.out, s.spare, s.arrived = nil, nil, nil
	s.look.Stop()
	if s.client {
		s.idle.Stop()
	}
	s.mu.Unlock()
	s.tellNews()
	for _, st := range all {
		st.attend()
	}
}

// Look has the reader look whether something has come, where it waits to be told; see package turns.
func (s *Session) Look() {
	if s.parked.CompareAndSwap(true, false) {
		_ = s.conn.SetReadDeadline(longAgo) // a connection without deadlines is told by Go's poller
	}
}

var longAgo = time.Unix(1, 0)

// handOn gives what has come to the gatherers. Where it is for one stream only, there is nothing to gather.
func (s *Session) handOn() {
	if len(s.due) == 1 {
		st := s.due[0]
		s.due[0], s.due = nil, s.due[:0]
		s.mu.Lock()
		st.due = false
		s.mu.Unlock()
		st.attend()
		return
	}
	for i, st := range s.due {
		s.due[i] = nil
		st.gatherer.add(st)
	}
	s.due = s.due[:0]
}

// data implements sink.
func (s *Session) data(id uint32, b []byte) error {
	s.mu.Lock()
	st, err := s.find(id)
	if st == nil {
		s.mu.Unlock()
		return err
	}
	if st.window -= int32(len(b)); st.window < 0 || st.ended {
		s.mu.Unlock()
		return protocolError("more bytes than it may send")
	}
	if st.gatherer != nil || !st.listens() || len(st.inbox) > 0 {
		st.inbox = append(st.inbox, b...)
		st.changed.tell()
		if st.gatherer != nil && st.started && !st.due {
			st.due = true
			s.due = append(s.due, st)
		}
		s.mu.Unlock()
		return nil
	}
	st.busy, st.look = true, false
	s.mu.Unlock()
	st.take(b)
	return nil
}

// find returns an open stream, nil for one that is over. mu is held.
func (s *Session) find(id uint32) (*stream, error) {
	if id > s.last {
		return nil, protocolError("a stream that has not been opened")
	}
	return s.streams[id], nil
}

// control implements sink.
func (s *Session) control(t frameType, id, value uint32) error {
	s.mu.Lock()
	if t == frameOpen || t == framePing || t == framePong {
		defer s.mu.Unlock()
		return s.ofSession(t, id)
	}
	st, err := s.find(id)
	if st == nil {
		s.mu.Unlock()
		return err
	}
	err = st.control(t, value)
	s.mu.Unlock()
	if t != frameWindow {
		st.attend()
	}
	return err
}

// ofSession deals with a frame that is not for an open stream. mu is held.
func (s *Session) ofSession(t frameType, id uint32) error {
	switch t {
	case framePing:
		s.say(framePong, 0)
	case frameOpen:
		if s.client || id <= s.last {
			return protocolError("a stream that cannot be opened")
		}
		s.last = id
		if s.deaf || len(s.streams) >= s.opts.MaxStreams {
			s.say(frameReset, id, byte(resetRefused))
			return nil
		}
		s.arrived = append(s.arrived, s.add(id))
		s.tellNews()
	}
	return nil
}

// say writes a frame that is not DATA. mu is held.
func (s *Session) say(t frameType, id uint32, payload ...byte) {
	if s.err != nil {
		return
	}
	if len(s.out) > maxControl {
		s.failLocked(protocolError("it does not read its answers"))
		return
	}
	s.out = append(appendHead(s.out, len(payload), t, id), payload...)
	s.kick()
}

// kick sees to it that out is written. mu is held.
func (s *Session) kick() {
	if !s.writing && s.err == nil {
		s.writing = true
		go s.write()
	}
}

// write writes what is in out until there is no more. While it writes, the next gathers.
func (s *Session) write() {
	var b []byte
	for {
		runtime.Gosched() // let who writes go on
		s.mu.Lock()
		if s.spare == nil && cap(b) <= keepOut {
			s.spare = b[:0]
		}
		b = s.out
		over := len(b) == 0 || s.err != nil
		if over {
			s.writing = false
		} else {
			s.out, s.spare = s.spare, nil
		}
		s.makeRoom(over)
		s.mu.Unlock()
		if over {
			return
		}
		if err := s.writeOut(b); err != nil {
			s.fail(err)
		}
	}
}

// makeRoom tells those who wait that there is room, in their order: as many as there is room for, or all where nobody
// will write on to tell the rest. mu is held.
func (s *Session) makeRoom(all bool) {
	for room := maxOut - len(s.out); (all || room > 0) && len(s.waiting) > 0; {
		st := s.waiting[0]
		s.waiting[0] = nil
		s.waiting = s.waiting[1:]
		if !st.cut {
			room -= int(st.credit)
			st.changed.tell()
		}
	}
	if len(s.waiting) == 0 {
		s.waiting = nil
	}
}

// writeOut writes b, waiting for the peer as long as it makes progress.
func (s *Session) writeOut(b []byte) error {
	for len(b) > 0 {
		_ = s.conn.SetWriteDeadline(time.Now().Add(s.opts.Timeout)) // a connection without deadlines waits
		n, err := s.conn.Write(b[:min(len(b), writeBytes)])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return netloop.ErrStalled
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
