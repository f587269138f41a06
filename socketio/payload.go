package socketio

// Where an adapter hands in what came from another server: packets and arguments in their encoded form. It is checked
// here and not by each adapter: what is malformed comes back as an error, so that no adapter can send a client
// something that makes the client close its connection.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"unicode/utf8"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
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
	if err := parser.CheckEvent(payload, attachments); err != nil {
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

// HandleServerSideEmit runs the handlers of OnServerSideEmit for an event that another server has sent. payload is
// the JSON array of its name and arguments, whose placeholders refer to attachments. reply sends the answer; it is
// nil where none is wanted, and called at most once. Handlers may block, so an adapter calls this on a goroutine that
// may.
//
// The error matches ErrInvalidPacket, where payload is malformed; no handler has run then.
func (ns *Namespace) HandleServerSideEmit(
	payload json.RawMessage, attachments [][]byte, reply func(arg any) error,
) error {
	given, err := parser.ParseArgs(cleanPayload(payload), attachments)
	if err != nil {
		return err
	}
	name := given.Raw(0)
	if name.IsZero() || name.JSON()[0] != '"' {
		return fmt.Errorf("%w: the event has no name", ErrInvalidPacket)
	}
	var event string
	if err := name.Bind(&event); err != nil {
		return err
	}
	args := make([]Raw, given.Len()-1)
	for i := range args {
		args[i] = given.Raw(i + 1)
	}
	if reply != nil {
		reply = replyOnce(reply)
	}
	for f := range functions(ns.handlers.Load().serverSide[event]) {
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
func (ns *Namespace) NewRemoteSocket(id string, h *Handshake, rooms []string, data Raw) (*RemoteSocket, error) {
	if id == "" || h == nil {
		return nil, errRemoteSocket
	}
	return ns.newRemoteSocket(id, h, rooms, data), nil
}

func (ns *Namespace) newRemoteSocket(id string, h *Handshake, rooms []string, data Raw) *RemoteSocket {
	if data.IsZero() {
		data = noData
	}
	return &RemoteSocket{id: id, handshake: h, rooms: rooms, data: data, op: ns.To(id)}
}

// Payload returns the event's name and arguments as one JSON array, and the attachments that its placeholders stand
// for. It encodes them once; the result must not be changed. The error is that of an argument that cannot be JSON.
func (p *Packet) Payload() (json.RawMessage, [][]byte, error) {
	if p.payload == nil {
		payload, attachments, err := parser.MarshalEvent(p.event, p.args)
		if err != nil {
			return nil, nil, err
		}
		p.payload, p.attach = payload, attachments
	}
	return p.payload, p.attach, nil
}

// SavedSession is what is to be kept of the socket so that its client can resume it. It reports false where that cannot
// be: without ConnectionStateRecovery, and unless the socket is connected.
func (s *Socket) SavedSession() (SavedSession, bool) {
	pid := s.has().pid
	if pid == "" || !s.Connected() {
		return SavedSession{}, false
	}
	return SavedSession{SID: s.id, PID: pid, Rooms: s.Rooms(), Data: s.Data()}, true
}
