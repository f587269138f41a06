package socketio

// The names of package parser that a program meets when it handles events.

import (
	"encoding/json"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

type (
	// Raw is an argument, or a part of one, as the JSON text that the client sent, with its binary attachments. Emitted
	// again, alone or inside any other value, it goes out unchanged. See parser.Raw.
	Raw = parser.Raw
	// Args are the arguments of an event or of an acknowledgement, unparsed until Bind. See parser.Args.
	Args = parser.Args
	// Binary is a byte slice that travels as a binary attachment. A plain []byte does too; the name says it.
	Binary = parser.Binary
	// BindError says that what a client sent is not what it was to be bound to. See parser.BindError.
	BindError = parser.BindError
)

// NewRaw returns text as a Raw whose placeholders refer to attachments. It refers to both. The error means that text is
// not one valid JSON value, or that a placeholder has no attachment.
func NewRaw(text json.RawMessage, attachments ...[]byte) (Raw, error) {
	return parser.NewRaw(text, attachments...)
}

// NewArgs returns the argument, or none for the zero Raw, of an acknowledgement that came from another server.
func NewArgs(arg Raw) Args { return parser.NewArgs(arg) }
