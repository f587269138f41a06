package engineio

// Why a request is refused, and how its client is told.

import (
	"encoding/json"
	"net/http"
)

// An ErrorCode says why a request was refused. Clients get it in the body of the answer. The codes are those of
// Node.js's engine.io (Server.errors).
type ErrorCode int

const (
	UnknownTransport           ErrorCode = 0
	UnknownSID                 ErrorCode = 1
	BadHandshakeMethod         ErrorCode = 2
	BadRequest                 ErrorCode = 3
	Forbidden                  ErrorCode = 4
	UnsupportedProtocolVersion ErrorCode = 5
)

// String is the message that goes with the code.
func (c ErrorCode) String() string {
	switch c {
	case UnknownTransport:
		return "Transport unknown"
	case UnknownSID:
		return "Session ID unknown"
	case BadHandshakeMethod:
		return "Bad handshake method"
	case Forbidden:
		return "Forbidden"
	case UnsupportedProtocolVersion:
		return "Unsupported protocol version"
	default:
		return "Bad request"
	}
}

// A refusal is what the client of a refused request is told.
type refusal struct {
	code    ErrorCode
	message string
	status  int
	waits   bool // for refusalDelay, before it is answered
	context ErrorContext
}

const refusalContentType = "application/json"

func refuse(code ErrorCode) *refusal {
	return &refusal{code: code, message: code.String(), status: http.StatusBadRequest}
}

// refuseWith refuses a request that the server does not want, with code Forbidden, another status and a message.
func refuseWith(status int, message string) *refusal {
	return &refusal{code: Forbidden, message: message, status: status}
}

func (e *refusal) body() []byte {
	body, _ := json.Marshal(struct {
		Code    ErrorCode `json:"code"`
		Message string    `json:"message"`
	}{e.code, e.message}) // a number and a string: cannot fail
	return body
}

// write answers with the code and the message as JSON. A refusal without a message has no body.
func (e *refusal) write(w http.ResponseWriter) {
	if e.message == "" {
		w.WriteHeader(e.status)
		return
	}
	w.Header().Set("Content-Type", refusalContentType)
	w.WriteHeader(e.status)
	_, _ = w.Write(e.body()) // the client may be gone; there is nobody else to tell
}

// upgradeStatus is the status with which a WebSocket handshake is refused: as in Node.js 400, whatever is wrong with
// it, but for what Node.js does not refuse.
func (e *refusal) upgradeStatus() int {
	if e.context.Name == NameInvalidOrigin {
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

// refuseUpgrade answers a refused WebSocket handshake as Node.js does: with plain text, and the connection's end.
func refuseUpgrade(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(message))
}
