//go:build !unix

package engineio

import (
	"errors"
	"net"
	"syscall"
)

// On these systems every connection is written and read the portable way, by a goroutine that may wait.

func rawConn(net.Conn) syscall.RawConn { return nil }

type nonblockingWriter struct{}

func (*nonblockingWriter) write(syscall.RawConn, []byte) (int, error) {
	return 0, errors.ErrUnsupported
}

type nonblockingReader struct{}

func newNonblockingReader(syscall.RawConn) *nonblockingReader { return nil }
func (*nonblockingReader) read() ([]byte, error)              { return nil, errors.ErrUnsupported }
func (*nonblockingReader) release()                           {}
