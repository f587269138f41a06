//go:build unix

package engineio

import (
	"net"
	"syscall"
)

// rawConn returns what it takes to read and write c without waiting, or nil where c is not a plain socket.
func rawConn(c net.Conn) syscall.RawConn {
	switch c := c.(type) {
	case *net.TCPConn:
		raw, err := c.SyscallConn()
		if err == nil {
			return raw
		}
	case *net.UnixConn:
		raw, err := c.SyscallConn()
		if err == nil {
			return raw
		}
	}
	return nil
}

// A nonblockingWriter writes to sockets as far as they take something. Its fields are the arguments and results of do,
// a function that is made once so that a write makes no garbage.
type nonblockingWriter struct {
	do    func(fd uintptr)
	chunk []byte
	n     int
	err   error
}

// write writes b as far as the socket takes it at once; fewer bytes written than len(b) with no error means that it
// takes no more for now.
func (w *nonblockingWriter) write(c syscall.RawConn, b []byte) (int, error) {
	if w.do == nil {
		w.do = func(fd uintptr) { w.n, w.err = writeFD(int(fd), w.chunk) }
	}
	w.chunk = b
	if err := c.Control(w.do); err != nil {
		return 0, err
	}
	w.chunk = nil
	return w.n, w.err
}

func writeFD(fd int, b []byte) (n int, err error) {
	for n < len(b) {
		m, err := syscall.Write(fd, b[n:])
		switch err {
		case nil:
			n += m
		case syscall.EINTR:
		case syscall.EAGAIN:
			return n, nil
		default:
			return n, err
		}
	}
	return n, nil
}

// A nonblockingReader reads from a socket into a buffer that it holds only while there is something to read, so that an
// idle connection has none.
type nonblockingReader struct {
	raw syscall.RawConn
	try func(fd uintptr) bool
	buf *readBuffer
	n   int
	err error
}

func newNonblockingReader(raw syscall.RawConn) *nonblockingReader {
	r := &nonblockingReader{raw: raw}
	r.try = func(fd uintptr) bool {
		r.buf = readBuffers.Get().(*readBuffer)
		for {
			r.n, r.err = syscall.Read(int(fd), r.buf[:])
			if r.err != syscall.EINTR {
				break
			}
		}
		if r.err == syscall.EAGAIN {
			readBuffers.Put(r.buf)
			r.buf = nil
			return false
		}
		return true
	}
	return r
}

// read waits for bytes; an error or none of them mean the end. The caller calls release when it is done with them.
func (r *nonblockingReader) read() ([]byte, error) {
	if err := r.raw.Read(r.try); err != nil {
		return nil, err
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.buf[:max(r.n, 0)], nil
}

func (r *nonblockingReader) release() {
	if r.buf != nil {
		readBuffers.Put(r.buf)
		r.buf = nil
	}
}
