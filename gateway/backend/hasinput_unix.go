//go:build unix && !linux

package backend

import (
	"net"
	"syscall"
)

// hasInput reports whether there is something to read on a connection on which nothing is due, the end for the most
// part: it has been closed, or is of no use.
func hasInput(conn net.Conn) bool {
	sys, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return true
	}
	var readErr error
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, readErr = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	})
	return err != nil || readErr != syscall.EAGAIN && readErr != syscall.EWOULDBLOCK
}
