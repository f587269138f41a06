package emission

// An emission: what is sent, and to whom.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// Bounds of what one emission may name.
const (
	// MaxRooms is how many rooms one list may have.
	MaxRooms = 1000
	// MaxNameBytes is how long the name of a room or an event may be.
	MaxNameBytes = 1024
)

// ErrInvalid is wrapped by the errors of Check, and by those of Decode.
var ErrInvalid = errors.New("invalid emission")

// ErrNobody is returned by Emit where an emission names nobody and has no sender.
var ErrNobody = fmt.Errorf(`%w: without a sender it needs "to" or "all"`, ErrInvalid)

// An Emission is an event for clients of one namespace. Without To and All it goes to its sender.
type Emission struct {
	Event    string          `json:"event"`
	Args     json.RawMessage `json:"args,omitempty"`     // an array
	Binary   []string        `json:"binary,omitempty"`   // pointers into Args
	To       []string        `json:"to,omitempty"`       // rooms; the sender is not left out
	Except   []string        `json:"except,omitempty"`   // rooms; only with To or All
	All      bool            `json:"all,omitempty"`      // everybody in the namespace; not with To
	Volatile bool            `json:"volatile,omitempty"` // may be dropped for clients that are not keeping up

	checked bool
	args    []any // each a Raw
}

// Check reports what is wrong with the emission, whoever sends it: an event name that is missing, too long or reserved
// (parser.IsReservedEvent), arguments that are no JSON array or nested too deeply, pointers that do not lead to base64
// text, rooms that are too many or have no name. Where there is no sender, ask Addressed too. The error is fit for who
// has written the emission. Emit checks what has not been checked.
func (e *Emission) Check() error {
	if e.checked {
		return nil
	}
	switch {
	case e.Event == "":
		return fmt.Errorf(`%w: "event" is missing`, ErrInvalid)
	case len(e.Event) > MaxNameBytes:
		return fmt.Errorf(`%w: "event" has more than %d bytes`, ErrInvalid, MaxNameBytes)
	case parser.IsReservedEvent(e.Event):
		return fmt.Errorf("%w: the event name %q is reserved", ErrInvalid, e.Event)
	case e.All && len(e.To) > 0:
		return fmt.Errorf(`%w: either "to" or "all"`, ErrInvalid)
	case len(e.Except) > 0 && !e.Addressed():
		return fmt.Errorf(`%w: "except" needs "to" or "all"`, ErrInvalid)
	}
	if err := CheckRooms("to", e.To); err != nil {
		return err
	}
	if err := CheckRooms("except", e.Except); err != nil {
		return err
	}
	args, err := Decode(e.Args, e.Binary)
	if err != nil {
		return err
	}
	e.args = make([]any, args.Len())
	for i := range e.args {
		e.args[i] = args.Raw(i)
	}
	e.checked = true
	return nil
}

// CheckRooms checks a list of rooms, whose name in the JSON is given.
func CheckRooms(list string, rooms []string) error {
	if len(rooms) > MaxRooms {
		return fmt.Errorf("%w: %q has more than %d rooms", ErrInvalid, list, MaxRooms)
	}
	for _, room := range rooms {
		if room == "" || len(room) > MaxNameBytes {
			return fmt.Errorf("%w: %q: the name of a room has 1 to %d bytes, not %d", ErrInvalid, list, MaxNameBytes,
				len(room))
		}
	}
	return nil
}

// Addressed reports whether the emission says to whom it goes, so that it needs no sender.
func (e *Emission) Addressed() bool { return e.All || len(e.To) > 0 }

// Emit sends the event. sender is the socket that it goes to where it names nobody; it may be nil otherwise. Errors are
// those of Check, ErrNobody, and those of Socket.Emit and BroadcastOperator.Emit: ErrDisconnected where the sender has
// gone.
func (e *Emission) Emit(ns *socketio.Namespace, sender *socketio.Socket) error {
	return e.EmitIn(context.Background(), ns, sender)
}

// EmitIn is Emit in the context of what has caused it (socketio.BroadcastOperator.WithContext).
func (e *Emission) EmitIn(ctx context.Context, ns *socketio.Namespace, sender *socketio.Socket) error {
	if err := e.Check(); err != nil {
		return err
	}
	if e.Addressed() {
		to := ns.WithContext(ctx).To(e.To...).Except(e.Except...) // no room at all is everybody
		if e.Volatile {
			to = to.Volatile()
		}
		return to.Emit(e.Event, e.args...)
	}
	switch {
	case sender == nil:
		return ErrNobody
	case e.Volatile:
		return sender.Volatile().Emit(e.Event, e.args...)
	default:
		return sender.Emit(e.Event, e.args...)
	}
}
