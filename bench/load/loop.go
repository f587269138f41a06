//go:build linux

package load

// The event loop: non-blocking TCP connections on epoll, and a timer with a resolution of microseconds.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A narrow connection has buffers like those of a distant client. On the loopback interface, with its segments of 64
// KB, the system would otherwise hold more than a megabyte for a client that does not read.
const (
	narrowBuffer  = 4 << 10
	narrowSegment = 1400
)

// batch is how many connections are read between two steps. With more, the server would idle until the load has read
// them all; with fewer, the load would cost more.
const batch = 32

// readSize bounds one read: a busy server writes a client's whole queue at once.
const readSize = 256 << 10

// A Loop owns the sockets of all clients. One goroutine uses it, which is locked to its thread.
type Loop struct {
	// Delivered counts the event messages of all clients.
	Delivered int64
	// Lost counts the clients whose connection ended without their doing.
	Lost int

	epoll, timer int
	began        time.Time
	armed        int64 // what the timer is set to, or 0
	arrived      int64 // when the last read returned
	buf          []byte
	scratch      []byte
	events       [batch]unix.EpollEvent
	conns        []*conn // by file descriptor
	generation   int32
}

// NewLoop returns a loop. The goroutine that made it must close it.
func NewLoop() (*Loop, error) {
	l := &Loop{began: time.Now(), buf: make([]byte, readSize)}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if l.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		unix.Close(l.epoll)
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	event := &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(l.timer)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.timer, event); err != nil {
		unix.Close(l.epoll)
		unix.Close(l.timer)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	runtime.LockOSThread()
	return l, nil
}

// Close closes the loop and its connections, with a reset so that no port stays in TIME_WAIT.
func (l *Loop) Close() {
	for _, c := range l.conns {
		if c != nil {
			c.close()
		}
	}
	unix.Close(l.timer)
	unix.Close(l.epoll)
	runtime.UnlockOSThread()
}

// Now returns the loop's clock: nanoseconds since it was made.
func (l *Loop) Now() int64 { return int64(time.Since(l.began)) }

// Arrived returns when the data was read that is being handled, on the loop's clock.
func (l *Loop) Arrived() int64 { return l.arrived }

// Run handles events until step reports that there is no more to do. step does the sending: it is called after each
// batch of events, and at the latest at the time that it returned before. Run returns the context's error once that
// ends.
func (l *Loop) Run(ctx context.Context, step func() (wake int64, more bool)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		wake, more := step()
		if !more {
			return nil
		}
		if err := l.wait(wake); err != nil {
			return err
		}
	}
}

// Sleep handles events for the duration d.
func (l *Loop) Sleep(ctx context.Context, d time.Duration) error {
	end := l.Now() + int64(d)
	return l.Run(ctx, func() (int64, bool) { return end, l.Now() < end })
}

func (l *Loop) wait(wake int64) error {
	// Usually an event is waiting, and a system call that cannot block need not tell the scheduler.
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])),
		uintptr(len(l.events)), 0, 0, 0)
	if errno != 0 && errno != unix.EINTR {
		return os.NewSyscallError("epoll_wait", errno)
	}
	count := int(n)
	if errno != 0 {
		count = 0
	}
	if count == 0 {
		if wake <= l.Now() {
			return nil
		}
		if err := l.arm(wake); err != nil {
			return err
		}
		var err error
		// At most 100 ms, so that a cancelled context is noticed.
		if count, err = unix.EpollWait(l.epoll, l.events[:], 100); err != nil {
			if errors.Is(err, unix.EINTR) {
				return nil
			}
			return os.NewSyscallError("epoll_wait", err)
		}
	}
	for i := range l.events[:count] {
		event := &l.events[i]
		if int(event.Fd) == l.timer {
			var expirations [8]byte
			unix.Read(l.timer, expirations[:])
			l.armed = 0
			continue
		}
		// An earlier event of this batch may have closed the connection and reused its descriptor.
		if c := l.conns[event.Fd]; c != nil && c.generation == event.Pad {
			c.ready(event.Events)
		}
	}
	return nil
}

func (l *Loop) arm(wake int64) error {
	if l.armed == wake {
		return nil
	}
	left := max(wake-l.Now(), 1)
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(left)}
	if err := unix.TimerfdSettime(l.timer, 0, &spec, nil); err != nil {
		return os.NewSyscallError("timerfd_settime", err)
	}
	l.armed = wake
	return nil
}

// A stream handles what happens on a connection.
type stream interface {
	connected() error
	data(p []byte) error // p is valid only during the call
	closed(err error)    // once, unless this side closed it; io.EOF for an orderly end
}

// A conn is a TCP connection of the loop.
type conn struct {
	loop       *Loop
	stream     stream
	fd         int
	generation int32
	up         bool
	waiting    bool // for room to write
	parked     bool // not in the loop's epoll set; see [Client.Park]
	out        []byte
}

// dial starts a connection to an IPv4 address, from a source address within 127.0.0.0/8.
func (l *Loop) dial(to, from [4]byte, port int, narrow bool, s stream) (*conn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	l.generation++
	c := &conn{loop: l, stream: s, fd: fd, generation: l.generation}
	for len(l.conns) <= fd {
		l.conns = append(l.conns, nil)
	}
	l.conns[fd] = c
	set := func(level, option, value int) {
		if err == nil {
			err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, level, option, value))
		}
	}
	set(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	set(unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	if narrow {
		set(unix.SOL_SOCKET, unix.SO_RCVBUF, narrowBuffer)
		set(unix.IPPROTO_TCP, unix.TCP_MAXSEG, narrowSegment)
	}
	if err == nil {
		linger := &unix.Linger{Onoff: 1}
		err = os.NewSyscallError("setsockopt", unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, linger))
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrInet4{Addr: from}))
	}
	if err == nil {
		e := unix.Connect(fd, &unix.SockaddrInet4{Addr: to, Port: port})
		if e != nil && !errors.Is(e, unix.EINPROGRESS) {
			err = os.NewSyscallError("connect", e)
		}
	}
	if err == nil {
		err = c.watch(unix.EPOLL_CTL_ADD, unix.EPOLLIN|unix.EPOLLOUT)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *conn) watch(operation int, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(c.fd), Pad: c.generation}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(c.loop.epoll, operation, c.fd, &event))
}

// close ends the connection without telling its stream. A second call does nothing.
func (c *conn) close() {
	if c.fd < 0 {
		return
	}
	c.loop.conns[c.fd] = nil
	unix.Close(c.fd)
	c.fd = -1
}

func (c *conn) fail(err error) {
	if c.fd < 0 {
		return
	}
	c.close()
	c.stream.closed(err)
}

func (c *conn) ready(events uint32) {
	if !c.up {
		code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err == nil {
			c.up = true
			err = c.watch(unix.EPOLL_CTL_MOD, unix.EPOLLIN)
		}
		if err == nil {
			err = c.stream.connected()
		}
		if err != nil {
			c.fail(fmt.Errorf("load: connecting: %w", err))
		}
		return
	}
	if events&unix.EPOLLOUT != 0 && c.waiting {
		c.flush()
	}
	if c.fd >= 0 && events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.read()
	}
}

func (c *conn) read() {
	n, err := receive(c.fd, c.loop.buf, 0)
	switch {
	case err == nil && n > 0:
		c.loop.arrived = c.loop.Now()
		if err := c.stream.data(c.loop.buf[:n]); err != nil {
			c.fail(err)
		}
	case err == nil:
		c.fail(io.EOF)
	case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
		c.fail(os.NewSyscallError("recv", err))
	}
}

// receive is recv(2) on a non-blocking socket. It does not tell the scheduler.
func receive(fd int, p []byte, flags int) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(flags), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// write sends p, or keeps what the socket has no room for. The caller may reuse p.
func (c *conn) write(p []byte) {
	if c.fd < 0 {
		return
	}
	if len(c.out) > 0 {
		c.out = append(c.out, p...)
		return
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(c.fd),
		uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	written := int(n)
	if errno != 0 {
		// The next read reports a broken connection.
		if errno != unix.EAGAIN && errno != unix.EINTR {
			return
		}
		written = 0
	}
	if written < len(p) {
		c.out = append(c.out, p[written:]...)
		c.await(true)
	}
}

func (c *conn) flush() {
	pending := c.out
	c.out = nil
	c.write(pending)
	if c.fd >= 0 && len(c.out) == 0 {
		c.await(false)
	}
}

func (c *conn) await(room bool) {
	if c.waiting == room || c.parked {
		return
	}
	c.waiting = room
	events := uint32(unix.EPOLLIN)
	if room {
		events |= unix.EPOLLOUT
	}
	if err := c.watch(unix.EPOLL_CTL_MOD, events); err != nil {
		c.fail(err)
	}
}
