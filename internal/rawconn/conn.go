// Package rawconn reads and writes connections over TCP and Unix sockets at less cost, on Linux: without telling Go's
// scheduler of the system calls, which cannot block. Told of one that takes longer than 20 µs, as a write over loopback
// does, the runtime's monitor thread takes the processor away from it and gives it to another thread, and looks again
// every 20 µs; told of one when the process was idle, it wakes that thread. Waiting is left to Go's poller, with the
// connection's deadlines.
package rawconn

import "net"

// NewListener returns a listener whose connections are those of New.
func NewListener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return New(c), nil
}

// exchange is Exchange in two steps.
func exchange(c net.Conn, request, answer []byte) (written, read int, err error) {
	if written, err = c.Write(request); err != nil {
		return written, 0, err
	}
	read, err = c.Read(answer)
	return written, read, err
}
