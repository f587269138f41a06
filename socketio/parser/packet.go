package parser

// Packets, whatever their form on the wire.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// ErrInvalidPacket is wrapped by every error about what has come in: of Decode, SetPayload, CheckEvent and ParseArgs.
var ErrInvalidPacket = errors.New("socketio: invalid packet")

// ErrReservedEvent is what socketio and the emitter return for an event that IsReservedEvent or, between servers,
// IsReservedServerSideEvent reports.
var ErrReservedEvent = errors.New("socketio: reserved event name")

// Bounds past which a packet is invalid. Both match ErrInvalidPacket.
var (
	// ErrTooDeep: what a client sent is nested deeper than MaxDepth, less some levels for a handler that wraps it.
	ErrTooDeep = invalid("nested too deeply")
	// ErrTooManyAttachments: a packet announces more than 10 attachments.
	ErrTooManyAttachments = invalid("too many attachments")
)

func invalid(what string) error { return fmt.Errorf("%w: %s", ErrInvalidPacket, what) }

// invalidPayload says why the payload of a packet that came in is none.
func (p *Packet) invalidPayload() error {
	if tooDeep(p.Payload, MaxDepth-wrapDepth) {
		return ErrTooDeep
	}
	return invalid("invalid payload")
}

// MaxDepth is how deep arrays and objects may be nested in a packet. Apple's JSON parser, on which
// socket.io-client-swift stands, takes 512 levels; Node's socket.io-parser overflows its stack some levels past 4,000
// where there are attachments; Node's adapters pass on 1,000. What a client cannot parse makes it close its
// connection, so that one message could empty a room.
const MaxDepth = 512

// fewArgs is up to how many arguments are not worth counting.
const fewArgs = 64

// wrapDepth is by how many levels less a client may nest: a handler that wraps what it was sent, and sends it on, stays
// below MaxDepth.
const wrapDepth = 12

// MainNamespace is the name of the namespace that every server has.
const MainNamespace = "/"

// Type is what a packet is for (Socket.IO protocol revision 5, "Exchange protocol"). Packets with attachments have no
// types of their own; those that the default wire format has for them are its own affair.
type Type uint8

// The types, with their numbers on the wire.
const (
	Connect      Type = iota // to a namespace; its payload is an object, or none
	Disconnect               // from a namespace; no payload
	Event                    // an array that begins with the event's name
	Ack                      // an array of arguments
	ConnectError             // an object; from old servers a string
)

// A Packet is one packet of the protocol, on its way in or out.
type Packet struct {
	Type Type
	// HasID says that an event asks for an acknowledgement, or that an acknowledgement says which event it is for.
	HasID bool
	// ID is a number as JavaScript has it, so that one from a client goes back as it came: rounded beyond 2^53, and
	// possibly NaN.
	ID        float64
	Namespace string // begins with a slash

	// Payload is JSON of the kind that Type asks for, with placeholders for Attachments; nil where there is none.
	Payload     json.RawMessage
	Attachments [][]byte

	// Missing is the number of messages that a packet still lacks while it is being decoded.
	Missing int

	// Event is the name of an event that has been decoded: the first element of Payload.
	Event string
	spans []span // of the arguments in Payload, found by checkPayload
}

// Args are the arguments of an event, without its name, or of an acknowledgement, once SetPayload has found them.
func (p *Packet) Args() Args {
	return Args{payload: p.Payload, attachments: p.Attachments, spans: p.spans}
}

// Size is what the packet counts for, in bytes: its payload and its attachments, and, where it has more than a few
// arguments, what it takes to remember where they are.
func (p *Packet) Size() int {
	args := p.Args()
	return args.Size()
}

// SetPayload sets the payload and the attachments of a packet that is being decoded, and finds the event's name and the
// arguments. The packet refers to both. The error matches ErrInvalidPacket: payload is not JSON of the kind that p.Type
// allows, an event's name is reserved, or a placeholder has no attachment.
func (p *Packet) SetPayload(payload json.RawMessage, attachments [][]byte) error {
	p.Payload, p.Attachments = payload, attachments
	if err := p.checkPayload(); err != nil {
		return err
	}
	return p.checkPlaceholders()
}

func (p *Packet) checkPayload() error {
	first := p.Payload[skipSpace(p.Payload, 0):]
	switch p.Type {
	case Connect:
		if len(first) == 0 || first[0] != '{' || !validJSON(p.Payload, wrapDepth) {
			return p.invalidPayload()
		}
	case ConnectError:
		if len(first) == 0 || first[0] != '{' && first[0] != '"' || !validJSON(p.Payload, wrapDepth) {
			return p.invalidPayload()
		}
	case Event:
		return p.findEvent()
	case Ack:
		if !p.scanArgs() {
			return p.invalidPayload()
		}
	default: // a DISCONNECT has none
		return p.invalidPayload()
	}
	return nil
}

// findEvent finds the name and the arguments of an event.
func (p *Packet) findEvent() error {
	if !p.scanArgs() || len(p.spans) == 0 {
		return p.invalidPayload()
	}
	at := p.spans[0]
	p.spans = p.spans[1:]
	name := p.Payload[at.start:at.end]
	if err := checkName(name); err != nil {
		return err
	}
	if name[0] == '"' {
		p.Event = unquote(name)
	} else {
		p.Event = numericEventName(name)
	}
	return nil
}

// scanArgs finds the places of the arguments. While attachments are still to come, those of many are not kept: the
// places in a text of zeros and commas take eight times its size, and its sender may take its time. See findArgs.
func (p *Packet) scanArgs() bool {
	most := math.MaxInt
	if p.Missing > 0 {
		most = fewArgs
	}
	var ok bool
	p.spans, ok = scanArray(p.Payload, wrapDepth, make([]span, 0, 4), most)
	return ok
}

// forgetArgs drops the places of arguments where not all have been kept.
func (p *Packet) forgetArgs() {
	if len(p.spans) >= fewArgs-1 { // the name's is not among them any more
		p.spans = nil
	}
}

// findArgs finds the places that forgetArgs has dropped.
func (p *Packet) findArgs() {
	if p.spans != nil || len(p.Payload) == 0 || !p.scanArgs() { // it was valid
		return
	}
	if p.Type == Event {
		p.spans = p.spans[1:] // but for the name
	}
}

func (p *Packet) checkPlaceholders() error {
	if len(p.Attachments) == 0 || len(p.Payload) == 0 {
		return nil
	}
	return walkPlaceholders(p.Payload, len(p.Attachments), nil)
}

// CheckEvent reports why a client that got this event would close its connection: payload is not the JSON array of a
// name and arguments, the name is reserved, or a placeholder has no attachment. The error matches ErrInvalidPacket.
// payload has no white space around it.
func CheckEvent(payload json.RawMessage, attachments [][]byte) error {
	if len(payload) == 0 || payload[0] != '[' || !validJSON(payload, 0) {
		return invalid("invalid payload")
	}
	start := skipSpace(payload, 1)
	end := start + 1 // of what is no name
	if c := payload[start]; c == '"' {
		end, _ = scanString(payload, start) // it is valid
	}
	if err := checkName(payload[start:end]); err != nil {
		return err
	}
	if len(attachments) == 0 {
		return nil // placeholders are ordinary objects then
	}
	return walkPlaceholders(payload, len(attachments), nil)
}

// checkName checks the first element of an event's payload: a string that is not reserved, or, of which the beginning
// is enough, a number. It allocates nothing for a string without escapes.
func checkName(name []byte) error {
	switch c := name[0]; {
	case c == '"':
		if isReservedName(name) {
			return invalid("reserved event name")
		}
	case c != '-' && (c < '0' || '9' < c):
		return invalid("invalid payload")
	}
	return nil
}

// isReservedName is IsReservedEvent for a name in JSON.
func isReservedName(quoted []byte) bool {
	const longest, escape = len("removeListener"), len(`\u0000`)
	switch {
	case len(quoted) > longest*escape+2:
		return false
	case bytes.IndexByte(quoted, '\\') >= 0:
		return IsReservedEvent(unquote(quoted))
	case len(quoted) > longest+2:
		return false
	}
	return IsReservedEvent(string(quoted[1 : len(quoted)-1]))
}

// IsReservedEvent reports whether name may not be the name of an event, in either direction: the protocol's
// implementations keep connect, connect_error, disconnect, disconnecting, newListener and removeListener for
// themselves.
func IsReservedEvent(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// IsReservedServerSideEvent reports whether name may not be the name of an event between servers: namespaces of Node.js
// emit these to themselves.
func IsReservedServerSideEvent(name string) bool {
	return name == "connect" || name == "connection" || name == "new_namespace"
}
