package netloop

import (
	"errors"
	"net"
	"time"
)

// ErrStalled is the error of a write whose peer has taken nothing for Loop.WriteTimeout.
var ErrStalled = errors.New("netloop: the peer takes nothing")

// A Conn is a connection whose bytes a Handler gets as they come. All methods may be called from any goroutine, but for
// Start and SetHandler.
type Conn interface {
	// Start begins the reading. It is called once.
	Start()
	// SetHandler replaces the handler: before Start, or from within a method of the handler before.
	SetHandler(h Handler)
	// TryWrite writes as much of b as the connection takes without waiting. n < len(b) without an error means that it
	// takes no more for now: WriteAll waits until it does.
	TryWrite(b []byte) (n int, err error)
	// WriteAll writes b and waits for the peer as long as it takes something, or until the connection ends. After
	// ErrStalled the connection is of no more use, and is the caller's to close. It is for one goroutine at a time, and
	// not at the same time as TryWrite.
	WriteAll(b []byte) error
	// Stalled reports whether a write has ended with ErrStalled, also one of what TryWrite took.
	Stalled() bool
	// ResumeReading asks the handler again whether reading is paused. It does not wait.
	ResumeReading()
	// CloseWrite ends the writing, behind what has been written: the peer reads the end of the stream, and may still
	// send. Where a connection cannot be ended by halves it is closed. It does not wait.
	CloseWrite()
	// Close ends the connection at once. The handler's Closed follows. It does not wait.
	Close()
}

// A Handler gets what happens on a connection, one call at a time. The goroutine that calls it may serve other
// connections too: no method may wait.
type Handler interface {
	// Paused reports whether what comes is to be left unread, until ResumeReading.
	Paused() bool
	// Received gets bytes as they come. They are valid until it returns.
	Received(b []byte)
	// Closed is the last call: the connection has ended. It may still be written to, in vain.
	Closed()
}

// An Adoptable is a net.Conn that becomes a Conn by itself, such as a stream of package engineio/mux.
type Adoptable interface {
	net.Conn
	// Adopt is New for it. writeTimeout is Loop.WriteTimeout.
	Adopt(writeTimeout time.Duration, h Handler) Conn
}

// New takes conn over, with its reading on loop where that can be. Nothing is read before Start.
func New(conn net.Conn, loop *Loop, h Handler) Conn {
	if a, ok := conn.(Adoptable); ok {
		return a.Adopt(loop.WriteTimeout, h)
	}
	if s := newSocket(conn, loop, h); s != nil {
		return s
	}
	limitUnsent(conn)
	return NewBuffered(conn, loop.WriteTimeout, h)
}
