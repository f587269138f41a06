package adapter

// Reading a connection at less cost, on Linux.

import (
	"io"
	"net"
	"syscall"
	"unsafe"
)

// A socketReader reads a TCP connection without telling Go's scheduler of the system call, which cannot block.
// Telling it wakes the runtime's monitor thread whenever the process was idle. For a server that wakes a thousand
// times a second, for messages that do not concern it, that was two thirds of the cost.
type socketReader struct {
	raw syscall.RawConn
	try func(fd uintptr) bool // one attempt; made once
	dst []byte
	n   int
	err error
}

// newSocketReader returns a reader of c, or c itself where it is no plain TCP connection.
func newSocketReader(c net.Conn) io.Reader {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	r := &socketReader{raw: raw}
	r.try = r.attempt
	return r
}

// Read waits for bytes, within the connection's deadline.
func (r *socketReader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	r.dst = b
	err := r.raw.Read(r.try)
	r.dst = nil
	if err != nil {
		return 0, err
	}
	return r.n, r.err
}

func (r *socketReader) attempt(fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&r.dst[0])), uintptr(len(r.dst)))
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return false // nothing there: wait
		case errno != 0:
			r.n, r.err = 0, errno
			return true
		case n == 0:
			r.n, r.err = 0, io.EOF
			return true
		default:
			r.n, r.err = int(n), nil
			return true
		}
	}
}
