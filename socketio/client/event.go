package client

// Events that the server sent.

import (
	"context"
	"sync/atomic"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// An Event is one event that the server sent, or, to handlers of OnAnyOutgoing, one that is sent to it. Where the
// server keeps sessions (connection state recovery), a string that is the event's offset follows its arguments, as
// with socket.io-client.
type Event struct {
	parser.Args
	socket *Socket
	name   string
	ack    atomic.Uint32
	ackID  float64
	done   bool // a handler has nothing to answer; of the handlers' goroutine
	size   int  // what it counts for among what waits, in bytes
}

// The states of Event.ack.
const (
	ackNone uint32 = iota
	ackWanted
	ackSent
)

// Name is the event's name.
func (e *Event) Name() string { return e.name }

// Socket is the socket that it came to.
func (e *Event) Socket() *Socket { return e.socket }

// Context is Socket.Context.
func (e *Event) Context() context.Context { return e.socket.Context() }

// WantsAck reports whether the server asked for an acknowledgement.
func (e *Event) WantsAck() bool { return e.ack.Load() != ackNone }

// Ack sends the acknowledgement that the server asked for; it may be called after the handler has returned. Errors:
// ErrNoAck, ErrAckSent, ErrDisconnected, and those of encoding args.
func (e *Event) Ack(args ...any) error {
	if !e.ack.CompareAndSwap(ackWanted, ackSent) {
		if e.ack.Load() == ackNone {
			return ErrNoAck
		}
		return ErrAckSent
	}
	return e.socket.sendAck(e.ackID, args)
}

func (e *Event) run() { e.socket.handle(e) }
