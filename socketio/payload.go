package socketio

// Packets and arguments in their encoded form, for adapters that pass them between servers without looking inside.

import (
	"encoding/json"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// NewPayloadPacket returns the packet of an event that another server has encoded: payload is the JSON array of its name
// and arguments, with placeholders numbered from 0 in the order of attachments. Neither is checked or copied. Such a
// packet has no Event and no Args.
func (ns *Namespace) NewPayloadPacket(payload json.RawMessage, attachments [][]byte) *Packet {
	return &Packet{namespace: ns, payload: payload, attach: attachments}
}

// Payload returns the event's name and arguments as one JSON array, and the attachments that its placeholders stand for.
// It encodes them once; the result must not be changed. The error is that of an argument that cannot be JSON.
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

// Session is what is kept of the socket so that it may be resumed; it reports false where that cannot be: without
// ConnectionStateRecovery, and unless the socket is connected.
func (s *Socket) Session() (Session, bool) {
	if s.pid == "" || !s.Connected() {
		return Session{}, false
	}
	return Session{SID: s.id, PID: s.pid, Rooms: s.Rooms(), Data: s.Data()}, true
}
