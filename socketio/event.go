package socketio

// What a client sent: the arguments of an event or of an acknowledgement, unparsed until somebody asks.

import (
	"fmt"
	"strconv"
	"sync/atomic"
)

// Args are arguments as they came from a client. They must not be changed, and may be kept.
type Args struct {
	payload     []byte // a JSON array
	attachments [][]byte
	spans       []span // of the arguments in payload
}

// Len is the number of arguments.
func (a *Args) Len() int { return len(a.spans) }

// Raw is argument i, or the zero Raw where the client sent fewer.
func (a *Args) Raw(i int) Raw {
	if i < 0 || i >= len(a.spans) {
		return Raw{}
	}
	s := a.spans[i]
	return Raw{text: a.payload[s.start:s.end:s.end], attachments: a.attachments}
}

// Bind stores the arguments, in order, in what ptrs point to, each as json.Unmarshal does; byte slices take binary
// attachments. A nil pointer skips its argument. Further arguments of the client are ignored; where it sent fewer, the
// error matches ErrMissingArgument.
func (a *Args) Bind(ptrs ...any) error {
	for i, ptr := range ptrs {
		if ptr == nil {
			continue
		}
		if i >= len(a.spans) {
			return fmt.Errorf("bind argument %d of %d: %w", i, len(a.spans), ErrMissingArgument)
		}
		if err := a.Raw(i).Bind(ptr); err != nil {
			return fmt.Errorf("bind argument %d: %w", i, err)
		}
	}
	return nil
}

// An Event is one event that a client sent.
type Event struct {
	Args
	socket *Socket
	name   string
	ack    ackState
	ackID  float64 // as JavaScript has it: beyond 2^53 it is rounded
	size   int     // what it counts for in the socket's backlog, in bytes
	next   *Event  // the one behind it in the backlog
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

// appendAckID prints an id as JavaScript prints a number.
func appendAckID(dst []byte, id float64) []byte {
	switch {
	case id != id:
		return append(dst, "NaN"...)
	case id > 1.7976931348623157e308:
		return append(dst, "Infinity"...)
	case id >= 1e21:
		return strconv.AppendFloat(dst, id, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, id, 'f', -1, 64)
}
