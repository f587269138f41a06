package socketio

// Packets and arguments in their encoded form, for adapters that pass them between servers without looking inside.

import "encoding/json"

// NewPayloadPacket returns the packet of an event that another server has encoded: payload is the JSON array of its name
// and arguments, with placeholders numbered from 0 in the order of attachments. Neither is checked or copied. Such a
// packet has no Event and no Args.
func (ns *Namespace) NewPayloadPacket(payload json.RawMessage, attachments [][]byte) *Packet {
	return &Packet{namespace: ns, payload: payload, attach: attachments}
}

// Payload returns the event's name and arguments as one JSON array, and the attachments that its placeholders stand for.
// It encodes the packet, as Encode does; the result must not be changed.
func (p *Packet) Payload() (json.RawMessage, [][]byte, error) {
	if p.payload != nil {
		return p.payload, p.attach, nil
	}
	text, attachments, err := p.Encode()
	if err != nil {
		return nil, nil, err
	}
	header := appendHeader(nil, p.kind(), len(attachments), p.namespace.name, ackIDText(p.ackID, p.hasAckID))
	return text[len(header):], attachments, nil
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
