package socketio

// Events that clients sent.

import (
	"context"
	"errors"
	"sync/atomic"
)

// An Event is one event that a client sent, or, for handlers of OnAnyOutgoing, that was sent to it.
type Event struct {
	Args
	socket   *Socket
	name     string
	ack      ackState
	outgoing bool       // it was sent to the client, and is for OnAnyOutgoing
	done     bool       // a handler that has no answer has returned without an error
	ackID    float64    // as JavaScript has it: beyond 2^53 it is rounded
	next     *Event     // the one behind it in the backlog
	more     *eventMore // nil for most
}

// eventMore is what few events have.
type eventMore struct {
	ctx  context.Context // that a middleware has given it
	call func()          // it is no event but a callback of EmitAck
}

// size is what the event counts for in the socket's backlog, in bytes.
func (e *Event) size() int { return e.Args.Size() + eventOverhead }

// ackState says whether an event wants an acknowledgement, and whether it has one.
type ackState struct{ v atomic.Uint32 }

const (
	ackNone = iota
	ackWanted
	ackSent
)

// Name is the event's name.
func (e *Event) Name() string { return e.name }

// Socket is the socket that it came from.
func (e *Event) Socket() *Socket { return e.socket }

// Context is the context that the middlewares of Namespace.UseEvents have given the event, else that of its socket.
func (e *Event) Context() context.Context {
	if e.more != nil && e.more.ctx != nil {
		return e.more.ctx
	}
	return e.socket.Context()
}

// WantsAck reports whether the client asked for an acknowledgement.
func (e *Event) WantsAck() bool { return e.ack.v.Load() != ackNone }

// Ack sends the acknowledgement that the client asked for; it may be called after the handler has returned. Errors:
// ErrNoAck, ErrAckSent, ErrDisconnected, and those of encoding args.
func (e *Event) Ack(args ...any) error {
	if !e.ack.v.CompareAndSwap(ackWanted, ackSent) {
		if e.ack.v.Load() == ackNone {
			return ErrNoAck
		}
		return ErrAckSent
	}
	err := e.socket.sendAck(e.ackID, args)
	if err != nil && !errors.Is(err, ErrDisconnected) {
		e.ack.v.Store(ackWanted) // args cannot be encoded, and the client still waits
	}
	return err
}
