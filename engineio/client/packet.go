package client

// Packets, and the payloads that carry several of them in the body of a poll or a POST (Engine.IO protocol, "Packet
// encoding").

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/gobwas/ws"
)

// A packetType is the first character of a packet.
type packetType byte

const (
	packetOpen    packetType = '0'
	packetClose   packetType = '1'
	packetPing    packetType = '2'
	packetPong    packetType = '3'
	packetMessage packetType = '4'
	packetUpgrade packetType = '5'
	packetNoop    packetType = '6'
)

const (
	payloadSeparator = 0x1e // between the packets of a payload
	binaryMarker     = 'b'  // before a packet in base64
)

// A packet is one that has come, or is to go out.
type packet struct {
	kind       packetType
	binary     bool // kind is packetMessage
	noCompress bool // of a packet that goes out
	data       []byte
}

// decodePacket decodes a text packet, which may be a binary message in base64.
func decodePacket(b []byte) (packet, error) {
	switch {
	case len(b) > 0 && b[0] == binaryMarker:
		data, err := base64.StdEncoding.DecodeString(string(b[1:]))
		if err != nil {
			return packet{}, protocolError("a binary message is not base64")
		}
		return packet{kind: packetMessage, binary: true, data: data}, nil
	case len(b) == 0 || b[0] < byte(packetOpen) || b[0] > byte(packetNoop):
		return packet{}, protocolError("unknown packet type")
	}
	return packet{kind: packetType(b[0]), data: b[1:]}, nil
}

// nextPacket takes the first packet off a payload. more reports whether another should follow.
func nextPacket(payload []byte) (p packet, rest []byte, more bool, err error) {
	encoded, rest, more := bytes.Cut(payload, []byte{payloadSeparator})
	p, err = decodePacket(encoded)
	return p, rest, more, err
}

// payloadSize is the length of p in a payload.
func (p *packet) payloadSize() int {
	if p.binary {
		return 1 + base64.StdEncoding.EncodedLen(len(p.data))
	}
	return 1 + len(p.data)
}

// appendPayload appends p as it stands in a payload.
func (p *packet) appendPayload(b []byte) []byte {
	if p.binary {
		return base64.StdEncoding.AppendEncode(append(b, binaryMarker), p.data)
	}
	return append(append(b, byte(p.kind)), p.data...)
}

// frame returns the parts of p's WebSocket frame.
func (p *packet) frame(forceBase64 bool) (op ws.OpCode, head, body []byte) {
	switch {
	case p.binary && forceBase64:
		return ws.OpText, nil, p.appendPayload(nil)
	case p.binary:
		return ws.OpBinary, nil, p.data
	}
	return ws.OpText, heads[p.kind-packetOpen : p.kind-packetOpen+1], p.data
}

var heads = []byte("0123456")

// A Handshake is what the server opened the session with.
type Handshake struct {
	SID          string        // the session's id
	Upgrades     []string      // the transports that it may upgrade to
	PingInterval time.Duration // from one ping to the next
	PingTimeout  time.Duration // how much longer a ping may take
	MaxPayload   int           // of the body of a POST, in bytes; 0 is no bound
}

// longestPing bounds what the server says of its pings, so that no sum overflows.
const longestPing = 24 * time.Hour

// parseHandshake reads the data of an open packet.
func parseHandshake(data []byte) (*Handshake, error) {
	var said struct {
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval float64  `json:"pingInterval"`
		PingTimeout  float64  `json:"pingTimeout"`
		MaxPayload   float64  `json:"maxPayload"`
	}
	if json.Unmarshal(data, &said) != nil || said.SID == "" {
		return nil, protocolError("the open packet is not valid")
	}
	h := &Handshake{SID: said.SID, Upgrades: said.Upgrades}
	for _, d := range []struct {
		to *time.Duration
		ms float64
	}{{&h.PingInterval, said.PingInterval}, {&h.PingTimeout, said.PingTimeout}} {
		if d.ms <= 0 {
			return nil, protocolError("the open packet has no valid pingInterval and pingTimeout")
		}
		*d.to = longestPing
		if d.ms < float64(longestPing/time.Millisecond) {
			*d.to = time.Duration(d.ms * float64(time.Millisecond))
		}
	}
	if said.MaxPayload >= 1 && said.MaxPayload < 1<<40 {
		h.MaxPayload = int(said.MaxPayload)
	}
	return h, nil
}
