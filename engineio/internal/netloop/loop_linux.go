package netloop

// Reading on Linux: one epoll instance and one goroutine for each loop, instead of a goroutine for each connection. A
// connection without traffic then has neither a stack nor a buffer, and a busy server reads a batch of connections
// without the scheduler.
//
// A connection leaves Go's own poller for good: its descriptor is duplicated and the original closed. The epoll
// instance itself is a file that Go's poller watches, so a loop with nothing to do costs no thread. Go looks at its
// poller only while nothing else is to be run, so long work has the loops look for themselves: see package turns.
//
// The goroutine runs while its loop has connections. It must not wait for anything, which is why a Handler must not.

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

const (
	// loopEvents is how many connections are looked after before others get their turn.
	loopEvents = 128
	// loopBufferBytes is what is read from one connection before others get their turn.
	loopBufferBytes = 64 << 10
	// heavyReadBytes is the same for a connection that sends much: 64 KB of small messages take milliseconds.
	heavyReadBytes = 16 << 10
	// lightRead is the size of a read, in bytes, below which a connection has stopped sending much.
	lightRead = 4 << 10
	// writersAtOnce is how many writers that have waited for their peers go on before others get their turn. Each may
	// have the kernel copy 128 KB, which is the better part of 0.1 ms.
	writersAtOnce = 2
	// patientTurn is how long those that can wait are served before the loop looks who else has come.
	patientTurn = 100 * time.Microsecond
)

// A Loop reads the sockets that have been started on it. The zero value is ready for use.
type Loop struct {
	// WriteTimeout is how long a write waits for a peer that takes nothing; 0 is for ever. It is set before the loop is
	// used.
	WriteTimeout time.Duration

	mu      sync.Mutex // guards all up to running
	file    *os.File   // the epoll instance; nil until it is needed
	epoll   int
	sockets []*Socket // by descriptor
	count   int
	nextGen int32
	running bool

	parked atomic.Bool // the goroutine waits, and nobody has had it look

	// These belong to the running goroutine.
	raw    syscall.RawConn
	events []syscall.EpollEvent
	buf    []byte
	// patient are the sockets that can wait, in the order of their turns: newcomers, and those that send much. All
	// others are read as soon as something has come, however many these are.
	patient []*Socket
	// writers are closed, in turns, for those who have waited and may go on writing.
	writers []chan struct{}
}

const readable = syscall.EPOLLIN | syscall.EPOLLRDHUP | epollET

// epollET is edge-triggered delivery; syscall.EPOLLET is negative.
const epollET = 1 << 31

// open makes the epoll instance. It is called with mu held.
func (l *Loop) open() error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // or os.NewFile does not give it to Go's poller
		_ = syscall.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return err
	}
	l.file, l.epoll, l.raw = file, fd, raw
	l.events = make([]syscall.EpollEvent, loopEvents)
	l.buf = make([]byte, loopBufferBytes)
	return nil
}

// add takes s into the loop. After an error it is as if the connection had ended at once.
func (l *Loop) add(s *Socket) {
	l.mu.Lock()
	err := error(nil)
	if l.file == nil {
		err = l.open()
	}
	if err == nil {
		if fd := int(s.fd); fd >= len(l.sockets) {
			l.sockets = append(l.sockets, make([]*Socket, fd+1-len(l.sockets))...)
		}
		l.nextGen++
		s.gen, s.added = l.nextGen, true
		err = l.control(syscall.EPOLL_CTL_ADD, s)
	}
	if err != nil {
		l.mu.Unlock()
		l.end(s)
		return
	}
	l.sockets[s.fd] = s
	l.count++
	start := !l.running
	l.running = true
	l.mu.Unlock()
	if start {
		go l.run()
	}
}

// control tells the epoll instance what s is waiting for. It is called with mu held.
func (l *Loop) control(op int, s *Socket) error {
	events := uint32(readable)
	if s.writable != nil || s.waker != nil {
		events |= syscall.EPOLLOUT
	}
	return syscall.EpollCtl(l.epoll, op, int(s.fd), &syscall.EpollEvent{Events: events, Fd: s.fd, Pad: s.gen})
}

func (l *Loop) run() {
	turns.Add(l)
	defer turns.Remove(l)
	for {
		n, err := l.wait()
		if err != nil { // the file is open and the arguments are right: it cannot be
			panic(err)
		}
		for i := range l.events[:n] {
			l.handle(&l.events[i])
		}
		l.servePatient()
		l.serveWriters(writersAtOnce)
		l.mu.Lock()
		if l.count == 0 {
			l.serveWriters(len(l.writers))
			l.running = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		runtime.Gosched() // the handlers and the flushers have what has been read: together it makes longer queues
	}
}

// servePatient reads from those that can wait, one after the other, for a while.
func (l *Loop) servePatient() {
	for began := time.Now(); len(l.patient) > 0; {
		s := l.patient[0]
		l.patient[0] = nil
		if l.patient = l.patient[1:]; len(l.patient) == 0 {
			l.patient = nil
		}
		s.queued = false
		l.read(s, true)
		if time.Since(began) > patientTurn {
			return
		}
	}
}

// serveWriters has n writers go on at most.
func (l *Loop) serveWriters(n int) {
	for range min(n, len(l.writers)) {
		close(l.writers[0])
		l.writers[0] = nil
		l.writers = l.writers[1:]
	}
	if len(l.writers) == 0 {
		l.writers = nil
	}
}

// queue has a socket wait for its turn, unless it does.
func (l *Loop) queue(s *Socket) {
	if !s.queued {
		s.queued = true
		l.patient = append(l.patient, s)
	}
}

// wait waits until something has happened to a connection, or there is one to be read, and fetches the events.
func (l *Loop) wait() (n int, err error) {
	poll := func(uintptr) bool {
		for {
			r, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.epoll),
				uintptr(unsafe.Pointer(&l.events[0])), uintptr(len(l.events)), 0, 0, 0)
			switch errno {
			case 0:
				n = int(r)
				waits := n == 0 && len(l.patient) == 0 && len(l.writers) == 0
				l.parked.Store(waits)
				return !waits
			case syscall.EINTR:
			default:
				err = os.NewSyscallError("epoll_wait", errno)
				return true
			}
		}
	}
	waitErr := l.raw.Read(poll)
	l.parked.Store(false)
	switch {
	case errors.Is(waitErr, os.ErrDeadlineExceeded): // Look has been called
		return 0, l.file.SetReadDeadline(time.Time{})
	case waitErr != nil:
		return 0, waitErr
	}
	return n, err
}

// Look has the loop look whether something has happened to its connections, where it waits to be told.
func (l *Loop) Look() {
	if l.parked.CompareAndSwap(true, false) {
		_ = l.file.SetReadDeadline(longAgo) // the file is open, and can have one
	}
}

var longAgo = time.Unix(1, 0)

// handle deals with one event. It may be about a connection that is gone already, whose descriptor another has got.
func (l *Loop) handle(e *syscall.EpollEvent) {
	l.mu.Lock()
	s := l.sockets[e.Fd]
	if s == nil || s.gen != e.Pad {
		l.mu.Unlock()
		return
	}
	if e.Events&^(syscall.EPOLLIN|syscall.EPOLLRDHUP) != 0 && s.writable != nil {
		l.writers = append(l.writers, s.writable)
		s.writable = nil
	}
	waker := s.waker
	s.waker = nil
	l.mu.Unlock()
	switch {
	case e.Events&^syscall.EPOLLOUT == 0:
		if waker != nil {
			waker.Woken()
		}
	case s.turn != atOnce || s.queued:
		l.queue(s)
	default:
		// The end, too, is reported once: it stands behind what there is to read.
		l.read(s, e.Events&^(syscall.EPOLLIN|syscall.EPOLLOUT) != 0)
	}
}

// read reads from a connection once; where it is to be emptied, its turn comes again until it is.
func (l *Loop) read(s *Socket, empty bool) {
	if s.ended || !s.shut.Load() && s.handler.Paused() {
		return // ResumeReading has the loop look again
	}
	buf := l.buf
	if s.turn == heavyTurn {
		buf = buf[:heavyReadBytes]
	}
	n, err := s.read(buf)
	switch {
	case err == syscall.EAGAIN:
	case err != nil || n == 0:
		l.end(s)
	default:
		s.handler.Received(buf[:n])
		full := n == len(buf)
		switch {
		case full && s.turn == atOnce:
			s.turn = heavyTurn
		case n < lightRead && s.turn == heavyTurn:
			s.turn = atOnce
		}
		if (full || empty) && !s.ended {
			l.queue(s)
		}
	}
}

// remove takes s out of the loop, and of its hands. The loop calls it.
func (l *Loop) remove(s *Socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.control(syscall.EPOLL_CTL_DEL, s)
	l.forget(s)
}

// forget is called with mu held.
func (l *Loop) forget(s *Socket) {
	if int(s.fd) < len(l.sockets) && l.sockets[s.fd] == s {
		l.sockets[s.fd] = nil
		l.count--
	}
	s.ended = true
}

// end takes s out of the loop and closes it.
func (l *Loop) end(s *Socket) {
	l.mu.Lock()
	l.forget(s)
	if s.writable != nil {
		close(s.writable)
		s.writable = nil
	}
	l.mu.Unlock()
	s.handler.Closed()
	s.close()
}
