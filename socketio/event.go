package socketio

// Events that clients sent.

import "sync/atomic"

// An Event is one event that a client sent, or, for handlers of OnAnyOutgoing, that was sent to it.
type Event struct {
	Args
	socket   *Socket
	name     string
	ack      ackState
	outgoing bool    // it was sent to the client, and is for OnAnyOutgoing
	ackID    float64 // as JavaScript has it: beyond 2^53 it is rounded
	size     int     // what it counts for in the socket's backlog, in bytes
	next     *Event  // the one behind it in the backlog
}

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
	return e.socket.sendAck(e.ackID, args)
}
