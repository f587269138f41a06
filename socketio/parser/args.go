package parser

// Arguments as they came from a client, unparsed until somebody asks.

import (
	"encoding/json"
	"errors"
	"fmt"
	"unsafe"
)

// ErrMissingArgument is returned by Bind where the client sent fewer arguments than are to be bound.
var ErrMissingArgument = errors.New("socketio: missing argument")

// Args are arguments as they came from a client. They must not be changed, and may be kept.
type Args struct {
	payload     []byte // a JSON array
	attachments [][]byte
	spans       []span // of the arguments in payload
}

// NewArgs returns the argument, or none for the zero Raw, of an acknowledgement that came from another server.
func NewArgs(arg Raw) Args {
	if arg.IsZero() {
		return Args{payload: []byte("[]")}
	}
	payload := append(append([]byte{'['}, arg.text...), ']')
	return Args{payload: payload, attachments: arg.attachments, spans: []span{{1, len(payload) - 1}}}
}

// ParseArgs returns the elements of payload, which must be one JSON array whose placeholders refer to attachments. The
// error matches ErrInvalidPacket.
func ParseArgs(payload json.RawMessage, attachments [][]byte) (Args, error) {
	p := Packet{Type: Ack}
	if err := p.SetPayload(payload, attachments); err != nil {
		return Args{}, err
	}
	return p.Args(), nil
}

// Len is the number of arguments.
func (a *Args) Len() int { return len(a.spans) }

// Size is what the arguments count for, in bytes: see Packet.Size.
func (a *Args) Size() int {
	size := len(a.payload)
	if n := cap(a.spans); n > fewArgs {
		size += n * int(unsafe.Sizeof(span{}))
	}
	for _, b := range a.attachments {
		size += len(b)
	}
	return size
}

// Raw is argument i, or the zero Raw where the client sent fewer.
func (a *Args) Raw(i int) Raw {
	if i < 0 || i >= len(a.spans) {
		return Raw{}
	}
	s := a.spans[i]
	return Raw{text: a.payload[s.start:s.end:s.end], attachments: a.attachments}
}

// Bind stores the arguments, in order, in what ptrs point to, each as Raw.Bind does. A nil pointer skips its argument.
// Arguments beyond those are ignored; where the client sent fewer, the error matches ErrMissingArgument. Errors wrap a
// *BindError.
func (a *Args) Bind(ptrs ...any) error {
	for i, ptr := range ptrs {
		if ptr == nil {
			continue
		}
		if i >= len(a.spans) {
			return &BindError{fmt.Errorf("bind argument %d of %d: %w", i, len(a.spans), ErrMissingArgument)}
		}
		if err := a.Raw(i).Bind(ptr); err != nil {
			return fmt.Errorf("bind argument %d: %w", i, err)
		}
	}
	return nil
}
