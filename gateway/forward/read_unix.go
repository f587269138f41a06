//go:build unix

package forward

import (
	"net"
	"syscall"
)

// newReader returns two functions: read waits for bytes of c, and returns none at its end; release gives their memory
// back. Memory is taken only when there is something to read.
func newReader(c net.Conn) (read func() ([]byte, error), release func()) {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return newPlainReader(c)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return newPlainReader(c)
	}
	var buf *chunk
	var n int
	release = func() {
		if buf != nil {
			chunks.Put(buf)
			buf = nil
		}
	}
	try := func(fd uintptr) bool {
		buf = chunks.Get().(*chunk)
		for {
			n, err = syscall.Read(int(fd), buf[:])
			if err != syscall.EINTR {
				break
			}
		}
		if err == syscall.EAGAIN {
			release()
			return false
		}
		return true
	}
	return func() ([]byte, error) {
		if waitErr := raw.Read(try); waitErr != nil {
			return nil, waitErr
		}
		if err != nil {
			return nil, err
		}
		return buf[:n], nil
	}, release
}
