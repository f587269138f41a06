package client

// Why sessions end, and the errors of the package.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A Reason says why a session has ended, in the words of Node.js' engine.io-client.
type Reason string

const (
	// ReasonForcedClose: Session.Close was called.
	ReasonForcedClose Reason = "forced close"
	// ReasonTransportClose: the server closed the connection, or it was lost.
	ReasonTransportClose Reason = "transport close"
	// ReasonTransportError: a request failed, or the server sent what is no Engine.IO packet.
	ReasonTransportError Reason = "transport error"
	// ReasonPingTimeout: the server sent no ping in time.
	ReasonPingTimeout Reason = "ping timeout"
)

var (
	// ErrClosed is returned by methods of a session that is closing or closed.
	ErrClosed = errors.New("engineio: the session is closed")
	// ErrQueueFull is returned by Send past Options.MaxQueueBytes.
	ErrQueueFull = errors.New("engineio: too much waits to be sent")
	// ErrProtocol is wrapped by errors about what the server has sent.
	ErrProtocol = errors.New("engineio: the server does not keep to the protocol")
)

// A ServerError is an answer of the server that is not the one asked for.
type ServerError struct {
	// Status is that of HTTP.
	Status int
	// Code and Message are Engine.IO's (code 1, "Session ID unknown", for example). Code is -1 where the server gives
	// none, as for a WebSocket handshake; Message may be empty.
	Code    int
	Message string
}

func (e *ServerError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("engineio: the server answered with status %d", e.Status)
	}
	return fmt.Sprintf("engineio: the server answered with status %d: %s", e.Status, e.Message)
}

// maxErrorBody is how much of a refusal is read, in bytes, and maxErrorText how much of one that is plain text is kept.
const (
	maxErrorBody = 4 << 10
	maxErrorText = 200
)

// readServerError returns the error that an answer is. It is JSON, or, where a WebSocket handshake is refused, text.
func readServerError(status int, body io.Reader) error {
	e := &ServerError{Status: status, Code: -1}
	text, _ := io.ReadAll(io.LimitReader(body, maxErrorBody)) // what there is
	var said struct {
		Code    *int   `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &said) == nil && said.Code != nil {
		e.Code, e.Message = *said.Code, said.Message
	} else if !bytes.ContainsAny(text, "<\n") {
		e.Message = strings.ToValidUTF8(string(text[:min(len(text), maxErrorText)]), "")
	}
	return e
}

// protocolError is an error about what the server has sent.
func protocolError(what string) error { return fmt.Errorf("%w: %s", ErrProtocol, what) }
