package client

// Why sockets are disconnected, and the errors of the package, all to be matched with errors.Is or errors.As.

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A Reason says why a socket was disconnected, in the words of Node.js' socket.io-client.
type Reason string

const (
	// ReasonServerDisconnect: the server has disconnected the socket. It stays disconnected.
	ReasonServerDisconnect Reason = "io server disconnect"
	// ReasonClientDisconnect: Socket.Close or Conn.Close was called.
	ReasonClientDisconnect Reason = "io client disconnect"
	// ReasonPingTimeout: the server sent no ping in time.
	ReasonPingTimeout Reason = "ping timeout"
	// ReasonTransportClose: the connection was closed or lost.
	ReasonTransportClose Reason = "transport close"
	// ReasonTransportError: the connection failed.
	ReasonTransportError Reason = "transport error"
	// ReasonParseError: the server sent what is no packet.
	ReasonParseError Reason = "parse error"
)

var (
	// ErrDisconnected is returned where an acknowledgement does not come any more, as the socket has been disconnected.
	ErrDisconnected = errors.New("socketio: the socket has been disconnected")
	// ErrClosed is returned by Connect where the socket is closed meanwhile, or its Conn has been.
	ErrClosed = errors.New("socketio: closed")
	// ErrAckTimeout is returned where an acknowledgement has not come in time.
	ErrAckTimeout = errors.New("socketio: operation has timed out")
	// ErrBufferFull is returned past Options.MaxBufferBytes and MaxQueueBytes.
	ErrBufferFull = errors.New("socketio: too much waits to be sent")
	// ErrReconnectFailed is wrapped by the error of Connect after Options.ReconnectionAttempts.
	ErrReconnectFailed = errors.New("socketio: reconnection has failed")
	// ErrReservedEvent is returned for an event name that the protocol's implementations keep for themselves: connect,
	// connect_error, disconnect, disconnecting, newListener, removeListener.
	ErrReservedEvent = errors.New("socketio: reserved event name")
	// ErrNoAck is returned by Event.Ack where the server asked for no acknowledgement.
	ErrNoAck = errors.New("socketio: the server asked for no acknowledgement")
	// ErrAckSent is returned by Event.Ack from the second call on.
	ErrAckSent = errors.New("socketio: the event is already acknowledged")
	// ErrMissingArgument is returned by Bind where the server sent fewer arguments than are to be bound.
	ErrMissingArgument = parser.ErrMissingArgument
)

// A ConnectError is a server's refusal of a socket: its middleware's error.
type ConnectError struct {
	Message string
	Data    parser.Raw // the zero Raw where there is none
}

func (e *ConnectError) Error() string { return "socketio: refused by the server: " + e.Message }

// parseConnectError reads the payload of a CONNECT_ERROR packet: an object, from old servers a string, or, as it comes
// from outside, anything.
func parseConnectError(p *parser.Packet) *ConnectError {
	e := new(ConnectError)
	if json.Unmarshal(p.Payload, &e.Message) == nil {
		return e
	}
	raw, err := parser.NewRaw(p.Payload, p.Attachments...)
	if err != nil {
		return e
	}
	var said struct{ Message, Data parser.Raw }
	if raw.Bind(&said) != nil {
		return e
	}
	e.Data = said.Data
	if said.Message.Bind(&e.Message) != nil {
		e.Message = string(said.Message.JSON())
	}
	return e
}

// A DisconnectError is the cause of the end of Socket.Context. It matches ErrDisconnected.
type DisconnectError struct{ Reason Reason }

func (e *DisconnectError) Error() string { return "socketio: disconnected: " + string(e.Reason) }

// Is reports whether target is ErrDisconnected.
func (e *DisconnectError) Is(target error) bool { return target == ErrDisconnected }

// An Error is an answer {"error": Message} that the other side may know of. A handler that returns it, or an error that
// wraps it, acknowledges with it; Ask returns it where the server has answered so.
type Error struct {
	Message string
	Data    any // to the server: anything that can be an argument of Emit; from it: a parser.Raw; nil is left out
}

func (e *Error) Error() string { return e.Message }

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
