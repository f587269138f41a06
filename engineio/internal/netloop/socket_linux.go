package netloop

// A plain socket outside Go's poller: written without waiting, read by a loop.

import (
	"math"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// A Socket is a plain TCP or Unix socket that a Loop reads. Beside the methods of Conn it has some for who accepts
// connections.
//
// Reading and writing do not wait, so they are done without telling the scheduler (RawSyscall): telling it costs more
// than half of what a small write does, and what it is told for, the thread being stuck, does not happen.
type Socket struct {
	fd int32
	// refs counts who uses fd; closing adds math.MinInt32. The last user closes fd, as its number may then be another
	// connection's, or where idle is set leaves it to Detach.
	refs    atomic.Int32
	loop    *Loop
	handler Handler
	counted Counter       // told when fd is closed; may be nil
	idle    chan struct{} // closed when nobody uses fd any more; set by Detach before it adds to refs
	shut    atomic.Bool   // Close has been called
	stalled atomic.Bool   // see Stalled

	// Guarded by Loop.mu. The loop writes ended, and so may read it without.
	gen      int32 // tells it from others that had the same descriptor
	added    bool
	ended    bool
	turn     turn // the loop's own, and whether it is in Loop.patient
	queued   bool
	waker    Waker
	writable chan struct{} // closed when it may be written to again; made by who waits
}

// A turn says when a socket that something has come for is read.
type turn byte

const (
	atOnce turn = iota
	newcomersTurn
	heavyTurn // it sends much
)

// A Waker is who calls Wake.
type Waker interface {
	// Woken is called by the socket's loop.
	Woken()
}

const (
	tcpNotSentLowAt = 25 // TCP_NOTSENT_LOWAT
	// maxUnsent is how much a socket takes that has not been sent yet, in bytes. What is on its way to the peer comes
	// on top. The kernel's own bound is its send buffer: megabytes for each peer that reads nothing, in memory that
	// nobody here can see.
	maxUnsent = 128 << 10
)

// NewSocket returns the socket of a descriptor that does not block, as accept4(2) gives it.
func NewSocket(fd int, l *Loop, h Handler) *Socket {
	// A listening socket does not hand this one down where it is Go's, which listens with Multipath TCP.
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, tcpNotSentLowAt, maxUnsent) // a Unix socket has none
	return &Socket{fd: int32(fd), loop: l, handler: h}
}

// limitUnsent does the same for a connection that another type is wrapped round, such as TLS.
func limitUnsent(conn net.Conn) {
	for {
		switch c := conn.(type) {
		case *Replay:
			conn = c.Conn
			continue
		case interface{ NetConn() net.Conn }: // as crypto/tls has it
			conn = c.NetConn()
			continue
		}
		break
	}
	tcp, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowAt, maxUnsent)
		})
	}
}

// newSocket takes conn over; it returns nil where that is not a plain socket, or there is no descriptor to spare.
func newSocket(conn net.Conn, l *Loop, h Handler) Conn {
	if replay, ok := conn.(*Replay); ok && len(replay.early) == 0 {
		conn = replay.Conn
	}
	var raw syscall.RawConn
	var err error
	counted, _ := conn.(*Counted)
	if counted != nil {
		conn = counted.TCPConn
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
		return nil
	}
	s := NewSocket(fd, l, h)
	if counted != nil {
		s.counted = counted.pass()
	}
	_ = conn.Close() // the connection lives on in fd
	return s
}

// SetCounted has c told when the connection is closed: before Start. What Detach returns tells it too.
func (s *Socket) SetCounted(c Counter) { s.counted = c }

// Newcomer says of a socket, before Start, that its peer has not shown yet that it is one to be kept: all others are
// read before it.
func (s *Socket) Newcomer() { s.turn = newcomersTurn }

// Settle says that its peer has; the handler calls it.
func (s *Socket) Settle() {
	if s.turn == newcomersTurn {
		s.turn = atOnce
	}
}

// Start has the loop read the socket from now on.
func (s *Socket) Start() { s.loop.add(s) }

// SetHandler replaces the handler; see Conn.
func (s *Socket) SetHandler(h Handler) { s.handler = h }

// acquire keeps fd from being closed; it reports false where that has happened.
func (s *Socket) acquire() bool {
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

func (s *Socket) release() {
	if s.refs.Add(-1) == math.MinInt32 {
		s.unused()
	}
}

// close closes fd as soon as nobody uses it. It is called once, by the loop.
func (s *Socket) close() {
	if s.refs.Add(math.MinInt32) == math.MinInt32 {
		s.unused()
	}
}

// unused is called once, when nobody uses fd and nobody will.
func (s *Socket) unused() {
	if s.idle != nil {
		close(s.idle)
	} else {
		_ = syscall.Close(int(s.fd))
		if s.counted != nil {
			s.counted.Ended()
		}
	}
}

// Detach takes the connection away from the loop, as a net.Conn on Go's own poller. The handler calls it, and is not
// called again. peer is whom the connection was accepted from. On an error the connection is closed.
func (s *Socket) Detach(peer netip.AddrPort) (net.Conn, error) {
	s.loop.remove(s)
	idle := make(chan struct{})
	s.idle = idle
	s.close()
	<-idle // a write that is under way, which does not wait either
	file := os.NewFile(uintptr(s.fd), "tcp")
	defer file.Close()
	conn, err := net.FileConn(file) // a duplicate
	if s.counted == nil {
		return conn, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		c := NewCounted(tcp, s.counted)
		c.peer = net.TCPAddrFromAddrPort(peer)
		return c, nil
	}
	s.counted.Ended()
	return conn, err
}

// read reads what there is; syscall.EAGAIN where there is nothing.
func (s *Socket) read(b []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])),
			uintptr(len(b)))
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

// TryWrite writes what the socket takes at once; see Conn.
func (s *Socket) TryWrite(b []byte) (n int, err error) {
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

// WriteAll writes b, waiting for the peer; see Conn.
func (s *Socket) WriteAll(b []byte) error {
	for {
		n, err := s.TryWrite(b)
		if err != nil || n == len(b) {
			return err
		}
		b = b[n:]
		if err := s.awaitWritable(); err != nil {
			return err
		}
	}
}

// Stalled reports whether the peer has been given up; see Conn.
func (s *Socket) Stalled() bool { return s.stalled.Load() }

// awaitWritable waits until more may be written.
func (s *Socket) awaitWritable() error {
	l := s.loop
	l.mu.Lock()
	if s.ended {
		l.mu.Unlock()
		return net.ErrClosed
	}
	again := make(chan struct{})
	s.writable = again
	if s.added { // what has become possible meanwhile is reported at once
		_ = l.control(syscall.EPOLL_CTL_MOD, s)
	}
	l.mu.Unlock()
	if l.WriteTimeout <= 0 {
		<-again
		return nil
	}
	timeout := time.NewTimer(l.WriteTimeout)
	defer timeout.Stop()
	select {
	case <-again:
		return nil
	case <-timeout.C:
		s.stalled.Store(true)
		return ErrStalled
	}
}

// ResumeReading has the loop look again; see Conn.
func (s *Socket) ResumeReading() {
	l := s.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.added && !s.ended { // what has come meanwhile is reported at once
		_ = l.control(syscall.EPOLL_CTL_MOD, s)
	}
}

// Wake has the loop call w's Woken soon, unless bytes have come, which are the handler's. It does not wait.
func (s *Socket) Wake(w Waker) {
	l := s.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.added && !s.ended {
		s.waker = w // a socket that nothing has been written to is writable, which is reported at once
		_ = l.control(syscall.EPOLL_CTL_MOD, s)
	}
}

// CloseWrite ends the writing; see Conn.
func (s *Socket) CloseWrite() { s.shutdown(syscall.SHUT_WR) }

// Close ends the connection in both directions; the loop then does the rest.
func (s *Socket) Close() {
	s.shut.Store(true)
	s.shutdown(syscall.SHUT_RDWR)
}

func (s *Socket) shutdown(how int) {
	if s.acquire() {
		_ = syscall.Shutdown(int(s.fd), how)
		s.release()
	}
}
