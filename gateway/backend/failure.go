package backend

// What goes wrong, and what a client is told of it.

import "github.com/brunossouza/websocket-escalonavel/socketio"

// Codes, for clients to act on.
const (
	codeUnavailable = "backend_unavailable" // it cannot be reached, or has not been of late
	codeTimeout     = "backend_timeout"     // it has not answered in time
	codeError       = "backend_error"       // it has answered something wrong, or not to the end
	codeOverloaded  = "backend_overloaded"  // too many wait for it
	codeInvalid     = "invalid_event"       // what the client has sent cannot be handed on
)

// messages are what people may read.
var messages = map[string]string{
	codeUnavailable: "backend unavailable", codeTimeout: "backend timeout", codeError: "backend error",
	codeOverloaded: "backend overloaded", codeInvalid: "invalid event",
}

// A failure is why there is no answer.
type failure struct {
	code string
	err  error // for the log; nil where that knows already
	// maybe says that the backend may have done what it was asked to.
	maybe bool
}

func failed(code string) *failure { return &failure{code: code} }

// codeData is the data of an error.
type codeData struct {
	Code string `json:"code"`
}

// failureBody is an acknowledgement in the form of a socketio.Error's.
type failureBody struct {
	Error string   `json:"error"`
	Data  codeData `json:"data"`
}

func (f *failure) body() failureBody { return failureBody{messages[f.code], codeData{f.code}} }

func (f *failure) connectError() error {
	return &socketio.ConnectError{Message: messages[f.code], Data: codeData{f.code}}
}
