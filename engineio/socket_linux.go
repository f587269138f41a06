package engineio

// A plain socket outside Go's poller: written without waiting, read by a loop.

import (
	"math"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// A socket is a connection that a loop reads.
//
// Reading and writing do not wait, so they are done without telling the scheduler (RawSyscall): telling it costs more
// than half of what a small write does, and what it is told for, the thread being stuck, does not happen.
type socket struct {
	fd    int
	loop  *loop
	owner socketOwner

	// refs counts who uses fd; math.MinInt32 is added when it is to be closed. The last one closes it, as its number may
	// then be another connection's.
	refs atomic.Int32
	shut atomic.Bool // shutdown has been called

	// Guarded by loop.mu. The loop writes ended, and so may read it without.
	gen      int32 // tells it from others that had the same descriptor
	added    bool
	ended    bool
	waking   bool
	writable chan struct{} // closed when it may be written to again; made by who waits
}

// newSocket takes conn over; it returns nil where that is not a plain socket. Nothing is read until the loop has it.
func newSocket(conn net.Conn, l *loop, owner socketOwner) *socket {
	var raw syscall.RawConn
	var err error
	if replay, ok := conn.(*replayConn); ok && len(replay.early) == 0 {
		conn = replay.Conn
	}
	switch conn := conn.(type) {
	case *net.TCPConn:
		raw, err = conn.SyscallConn()
	case *net.UnixConn:
		raw, err = conn.SyscallConn()
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	fd := -1
	duplicate := func(original uintptr) {
		r, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, original, syscall.F_DUPFD_CLOEXEC, 0)
		if errno == 0 {
			fd = int(r)
		}
	}
	if raw.Control(duplicate) != nil || fd < 0 {
		return nil // no descriptor to spare: the portable way needs none
	}
	_ = conn.Close() // the connection lives on in fd
	return &socket{fd: fd, loop: l, owner: owner}
}

// join has the loop read it from now on.
func (s *socket) join() { s.loop.add(s) }

// acquire keeps fd from being closed; it reports false where that has happened.
func (s *socket) acquire() bool {
	for {
		n := s.refs.Load()
		if n < 0 {
			return false
		}
		if s.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (s *socket) release() {
	if s.refs.Add(-1) == math.MinInt32 {
		_ = syscall.Close(s.fd)
	}
}

// close closes fd as soon as nobody uses it. It is called once, by the loop.
func (s *socket) close() {
	if s.refs.Add(math.MinInt32) == math.MinInt32 {
		_ = syscall.Close(s.fd)
	}
}

// take takes fd away from the socket, for somebody else, when nobody uses it.
func (s *socket) take() int {
	for !s.refs.CompareAndSwap(0, math.MinInt32) {
		runtime.Gosched() // nobody uses it for long
	}
	return s.fd
}

// read reads what there is; syscall.EAGAIN where there is nothing.
func (s *socket) read(b []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// maxWrite bounds one write(2), during which the garbage collector cannot stop the thread.
const maxWrite = 64 << 10

// write writes b as far as the socket takes it at once; fewer bytes written than len(b) with no error means that it
// takes no more for now.
func (s *socket) write(b []byte) (n int, err error) {
	if !s.acquire() {
		return 0, net.ErrClosed
	}
	defer s.release()
	for n < len(b) {
		m, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(s.fd), uintptr(unsafe.Pointer(&b[n])),
			uintptr(min(len(b)-n, maxWrite)))
		switch errno {
		case 0:
			n += int(m)
		case syscall.EINTR:
		case syscall.EAGAIN:
			return n, nil
		default:
			return n, os.NewSyscallError("write", errno)
		}
	}
	return n, nil
}

// writeAll writes b, waiting for the client as long as it takes.
func (s *socket) writeAll(b []byte) error {
	for {
		n, err := s.write(b)
		if err != nil || n == len(b) {
			return err
		}
		b = b[n:]
		if !s.awaitWritable() {
			return net.ErrClosed
		}
	}
}

// awaitWritable waits until more may be written; it reports false where the connection has ended.
func (s *socket) awaitWritable() bool {
	l := s.loop
	l.mu.Lock()
	if s.ended {
		l.mu.Unlock()
		return false
	}
	again := make(chan struct{})
	s.writable = again
	if s.added { // what has become possible meanwhile is reported at once
		_ = l.control(syscall.EPOLL_CTL_MOD, s)
	}
	l.mu.Unlock()
	<-again
	return true
}

// resume has the loop read again after a pause.
func (s *socket) resume() {
	l := s.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.added && !s.ended { // what has come meanwhile is reported at once
		_ = l.control(syscall.EPOLL_CTL_MOD, s)
	}
}

// wake has the loop call the owner's woken, unless bytes have come.
func (s *socket) wake() {
	l := s.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.added && !s.ended {
		s.waking = true // a socket that nothing has been written to is writable, which is reported at once
		_ = l.control(syscall.EPOLL_CTL_MOD, s)
	}
}

// shutdown ends the connection in both directions, or only the writing; the loop then does the rest.
func (s *socket) shutdown(how int) {
	if how == syscall.SHUT_RDWR {
		s.shut.Store(true)
	}
	if s.acquire() {
		_ = syscall.Shutdown(s.fd, how)
		s.release()
	}
}

func (s *socket) hangUp() { s.shutdown(syscall.SHUT_WR) }
func (s *socket) cut()    { s.shutdown(syscall.SHUT_RDWR) }
