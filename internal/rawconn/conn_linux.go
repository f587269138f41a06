package rawconn

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// longest is how many bytes are written at once without telling the scheduler: copying more takes too long for that.
const longest = 64 << 10

// A socket is what is wrapped: *net.TCPConn, or *net.UnixConn.
type socket interface {
	net.Conn
	syscall.Conn
	CloseRead() error
	CloseWrite() error
}

// A conn is a connection. One goroutine at a time may call Read, and one Write; its other methods are the socket's.
type conn struct {
	socket
	raw syscall.RawConn

	// Of Read.
	tryRead func(fd uintptr) bool // one attempt; made once
	dst     []byte
	read    int
	readErr error

	// Of Write.
	tryWrite func(fd uintptr) bool
	src      []byte // what is left
	writeErr error

	// Of Exchange, beside those of Read and Write.
	tryExchange func(fd uintptr) bool
	asked       bool // src has been tried
}

// New returns a connection that is c, or c itself where that is neither a TCP connection nor a stream over a Unix
// socket. One goroutine at a time may call its Read, and one its Write, as net/http and crypto/tls do.
func New(c net.Conn) net.Conn {
	var s socket
	switch of := c.(type) {
	case *net.TCPConn:
		s = of
	case *net.UnixConn:
		if of.LocalAddr().Network() != "unix" {
			return c // packets, of which an empty one is no end
		}
		s = of
	default:
		return c
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return c
	}
	r := &conn{socket: s, raw: raw}
	r.tryRead, r.tryWrite, r.tryExchange = r.attemptRead, r.attemptWrite, r.attemptExchange
	return r
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	c.dst, c.read, c.readErr = b, 0, nil
	err := c.raw.Read(c.tryRead)
	c.dst = nil
	if err != nil {
		return 0, err
	}
	return c.read, c.readErr
}

func (c *conn) attemptRead(fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&c.dst[0])), uintptr(len(c.dst)))
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			return false // nothing there: wait
		case errno != 0:
			c.readErr = c.failed("read", errno)
		case n == 0:
			c.readErr = io.EOF
		default:
			c.read = int(n)
		}
		return true
	}
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	if len(b) == 0 || len(b) > longest {
		return c.socket.Write(b)
	}
	c.src, c.writeErr = b, nil
	err := c.raw.Write(c.tryWrite)
	n := len(b) - len(c.src)
	c.src = nil
	if err == nil {
		err = c.writeErr
	}
	return n, err
}

func (c *conn) attemptWrite(fd uintptr) bool {
	for len(c.src) > 0 {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd,
			uintptr(unsafe.Pointer(&c.src[0])), uintptr(len(c.src)))
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return false // no room: wait
		case errno != 0:
			c.writeErr = c.failed("write", errno)
			return true
		default:
			c.src = c.src[n:]
		}
	}
	return true
}

// Exchange writes a request and then reads once, as Write and Read do. On a connection of New it saves the attempt to
// read what cannot have come yet. It counts on there being nothing to read before the request is written: of what came
// earlier it may hear only with what comes later, or at the deadline. Where written is less than the request, err is
// the write's.
func Exchange(c net.Conn, request, answer []byte) (written, read int, err error) {
	if r, ok := c.(*conn); ok && len(request) > 0 && len(request) <= longest && len(answer) > 0 {
		return r.exchange(request, answer)
	}
	return exchange(c, request, answer)
}

func (c *conn) exchange(request, answer []byte) (written, read int, err error) {
	c.src, c.writeErr, c.dst, c.read, c.readErr, c.asked = request, nil, answer, 0, nil, false
	err = c.raw.Read(c.tryExchange)
	left := c.src
	c.src, c.dst = nil, nil
	written = len(request) - len(left)
	switch {
	case c.writeErr != nil:
		return written, 0, c.writeErr
	case err != nil:
		return written, 0, err
	case len(left) > 0: // there was no room
		n, read, err := exchange(c, left, answer)
		return written + n, read, err
	}
	return written, c.read, c.readErr
}

// attemptExchange is called by the poller before it waits, and has it wait before anything is read. From before the
// write on the poller notes what comes, so that nothing is missed.
func (c *conn) attemptExchange(fd uintptr) bool {
	if c.asked {
		return c.attemptRead(fd)
	}
	c.asked = true
	return !c.attemptWrite(fd) || c.writeErr != nil
}

// failed is the error that package net has for errno.
func (c *conn) failed(call string, errno syscall.Errno) error {
	local := c.LocalAddr()
	return &net.OpError{
		Op: call, Net: local.Network(), Source: local, Addr: c.RemoteAddr(), Err: os.NewSyscallError(call, errno),
	}
}
