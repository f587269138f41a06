package socketio

// Where an adapter hands in what came from another server: packets and arguments in their encoded form. It is checked
// here and not by each adapter: what is malformed comes back as an error, so that no adapter can send a client
// something that makes the client close its connection.

import (
	"bytes"
	"encoding/json"
	"errors"
	"sync/atomic"
	"unicode/utf8"
)

// NewPayloadPacket returns the packet of an event that another server has encoded: payload is the JSON array of its
// name and arguments, with placeholders numbered from 0 in the order of attachments. The packet keeps both, without a
// copy, and has no Event and no Args. Bytes that are not UTF-8 become U+FFFD.
//
// The error matches ErrInvalidPacket. It means that a client would close its connection over the packet (Socket.IO
// protocol v5, "Packet encoding"): payload is not a JSON array, its first element is neither a string nor a number, or
// is a reserved name, or a placeholder has no attachment.
func (ns *Namespace) NewPayloadPacket(payload json.RawMessage, attachments [][]byte) (*Packet, error) {
	payload = cleanPayload(payload)
	if err := checkEvent(payload, attachments); err != nil {
		return nil, err
	}
	return &Packet{namespace: ns, payload: payload, attach: attachments}, nil
}

// cleanPayload is payload in UTF-8 and without white space around it.
func cleanPayload(payload []byte) []byte {
	if !utf8.Valid(payload) {
		payload = bytes.ToValidUTF8(payload, []byte("\uFFFD"))
	}
	return bytes.Trim(payload, " \t\r\n")
}

// checkEvent reports why a client that got this event would close its connection.
func checkEvent(payload []byte, attachments [][]byte) error {
	if len(payload) == 0 || payload[0] != '[' || !validJSON(payload) {
		return invalid("invalid payload")
	}
	name := payload[skipSpace(payload, 1):]
	switch c := name[0]; {
	case c == '"':
		end, _ := scanString(name, 0) // it is valid
		if isReservedName(name[:end]) {
			return invalid("reserved event name")
		}
	case c != '-' && (c < '0' || c > '9'):
		return invalid("invalid payload")
	}
	if len(attachments) == 0 {
		return nil // placeholders are ordinary objects then
	}
	return walkPlaceholders(payload, len(attachments), nil)
}

// isReservedName is isReservedEvent for a name in JSON. It allocates nothing for a name without escapes.
func isReservedName(quoted []byte) bool {
	const longest, escape = len("removeListener"), len(`\u0000`)
	switch {
	case len(quoted) > longest*escape+2:
		return false
	case bytes.IndexByte(quoted, '\\') >= 0:
		return isReservedEvent(unquote(quoted))
	case len(quoted) > longest+2:
		return false
	}
	return isReservedEvent(string(quoted[1 : len(quoted)-1]))
}

// HandleServerSideEmit runs the handlers of OnServerSideEmit for an event that another server has sent. payload is
// the JSON array of its name and arguments, whose placeholders refer to attachments. reply sends the answer; it is
// nil where none is wanted, and called at most once. Handlers may block, so an adapter calls this on a goroutine that
// may.
//
// The error matches ErrInvalidPacket, where payload is malformed; no handler has run then.
func (ns *Namespace) HandleServerSideEmit(
	payload json.RawMessage, attachments [][]byte, reply func(arg any) error,
) error {
	payload = cleanPayload(payload)
	spans, ok := scanArray(payload, nil)
	if !ok || len(spans) == 0 || payload[spans[0].start] != '"' {
		return invalid("invalid payload")
	}
	if len(attachments) > 0 {
		if err := walkPlaceholders(payload, len(attachments), nil); err != nil {
			return err
		}
	}
	event := unquote(payload[spans[0].start:spans[0].end])
	args := make([]Raw, len(spans)-1)
	for i, s := range spans[1:] {
		args[i] = Raw{text: payload[s.start:s.end:s.end], attachments: attachments}
	}
	if reply != nil {
		reply = replyOnce(reply)
	}
	for _, f := range ns.handlers.Load().serverSide[event] {
		if err := ns.server.call(func() error { f(args, reply); return nil }); err != nil {
			ns.server.report(nil, err)
		}
	}
	return nil
}

// replyOnce is reply, which from the second call on returns ErrAckSent.
func replyOnce(reply func(any) error) func(any) error {
	var called atomic.Bool
	return func(arg any) error {
		if called.Swap(true) {
			return ErrAckSent
		}
		return reply(arg)
	}
}

var errRemoteSocket = errors.New("socketio: a remote socket needs an id and a handshake")

// NewRemoteSocket returns a RemoteSocket for a socket of another server. The error means that it has no id or no
// handshake.
func (ns *Namespace) NewRemoteSocket(id string, h *Handshake, rooms []string, data any) (*RemoteSocket, error) {
	if id == "" || h == nil {
		return nil, errRemoteSocket
	}
	return ns.newRemoteSocket(id, h, rooms, data), nil
}

func (ns *Namespace) newRemoteSocket(id string, h *Handshake, rooms []string, data any) *RemoteSocket {
	return &RemoteSocket{id: id, handshake: h, rooms: rooms, data: data, op: ns.To(id)}
}

// Payload returns the event's name and arguments as one JSON array, and the attachments that its placeholders stand
// for. It encodes the packet, as Encode does; the result must not be changed.
func (p *Packet) Payload() (json.RawMessage, [][]byte, error) {
	if p.payload != nil && !p.encoded {
		return p.payload, p.attach, nil
	}
	text, attachments, err := p.Encode()
	if err != nil {
		return nil, nil, err
	}
	var header [64]byte // enough for most, so that it costs nothing
	n := len(appendHeader(header[:0], p.kind(), len(attachments), p.namespace.name, ackIDText(p.ackID, p.hasAckID)))
	return text[n:], attachments, nil
}

// NewArgs returns the argument, or none for the zero Raw, of an acknowledgement that came from another server.
func NewArgs(arg Raw) Args {
	if arg.IsZero() {
		return Args{payload: []byte("[]")}
	}
	payload := append(append([]byte{'['}, arg.text...), ']')
	return Args{payload: payload, attachments: arg.attachments, spans: []span{{1, len(payload) - 1}}}
}

// SavedSession is what is to be kept of the socket so that its client can resume it. It reports false where that cannot
// be: without ConnectionStateRecovery, and unless the socket is connected.
func (s *Socket) SavedSession() (SavedSession, bool) {
	if s.pid == "" || !s.Connected() {
		return SavedSession{}, false
	}
	return SavedSession{SID: s.id, PID: s.pid, Rooms: s.Rooms(), Data: s.Data()}, true
}
