//go:build !linux

package engineio

import (
	"errors"
	"net"
)

// On these systems every connection is read and written the portable way, by goroutines that wait.

type loop struct{}

type socket struct{}

type socketOwner interface {
	paused() bool
	received(b []byte)
	woken()
	gone()
}

func newSocket(net.Conn, *loop, socketOwner) *socket { return nil }

func (*socket) join()                     {}
func (*socket) write([]byte) (int, error) { return 0, errors.ErrUnsupported }
func (*socket) writeAll([]byte) error     { return errors.ErrUnsupported }
func (*socket) resume()                   {}
func (*socket) hangUp()                   {}
func (*socket) cut()                      {}

// There are no plain connections either.
type plainConn struct{}

func (*plainConn) answerPoll(*poll) {}
func (*plainConn) abort(*poll)      {}
