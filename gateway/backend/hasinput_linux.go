package backend

import (
	"net"
	"syscall"
	"unsafe"
)

// hasInput reports whether there is something to read on a connection on which nothing is due, the end for the most
// part: it has been closed, or is of no use. It may read it. The scheduler is not told of the system call: see package
// rawconn.
func hasInput(conn net.Conn) bool {
	sys, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return true
	}
	var errno syscall.Errno
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, errno = syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		return true
	})
	return err != nil || errno != syscall.EAGAIN
}
