package socketio

// The errors of the package, all to be matched with errors.Is or errors.As.

import (
	"errors"
	"fmt"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

var (
	// ErrDisconnected is returned where a socket is no longer, or not yet, able to send or to be answered.
	ErrDisconnected = errors.New("socketio: the socket is not connected")
	// ErrAckTimeout is returned by EmitWithAck when the time set with Timeout has passed. What clients answered until
	// then is returned with it.
	ErrAckTimeout = errors.New("socketio: operation has timed out")
	// ErrReservedEvent is returned for an event name that the protocol's implementations keep for themselves:
	// connect, connect_error, disconnect, disconnecting, newListener, removeListener.
	ErrReservedEvent = parser.ErrReservedEvent
	// ErrNoAck is returned by Event.Ack where the client asked for no acknowledgement.
	ErrNoAck = errors.New("socketio: the client asked for no acknowledgement")
	// ErrAckSent is returned by Event.Ack from the second call on.
	ErrAckSent = errors.New("socketio: the event is already acknowledged")
	// ErrMissingArgument is returned by Bind where the client sent fewer arguments than are to be bound.
	ErrMissingArgument = parser.ErrMissingArgument
	// ErrInvalidPacket is wrapped by the errors for packets that are malformed: the parser's for those of clients, and
	// NewPayloadPacket's and HandleServerSideEmit's for those of other servers.
	ErrInvalidPacket = parser.ErrInvalidPacket
	// ErrNotSupported is returned by operations that this kind of namespace does not have, such as fetching the
	// sockets of a dynamic namespace's parent.
	ErrNotSupported = errors.New("socketio: not supported")
)

// An Error is one that the client may know of. A handler that returns it, or an error that wraps it, answers the
// acknowledgement that the client waits for with {"error": Message}, and "data" where there is any. See Socket.On.
type Error struct {
	Message string
	Data    any // anything that can be an argument of Emit; nil is left out
}

func (e *Error) Error() string { return e.Message }

// A ConnectError refuses a connection with data: returned by a middleware of a namespace, or wrapped by what that
// returns, its Message and Data reach the client as the message and the data of its connect_error. Any other error
// reaches it with its text alone.
type ConnectError struct {
	Message string
	Data    any // anything that can be an argument of Emit, but for binary; nil is left out
}

func (e *ConnectError) Error() string { return e.Message }

// A PanicError is what a handler's panic is reported as, to Options.OnError.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("socketio: panic in a handler: %v", e.Value) }

// Unwrap returns the value of the panic where it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
