package engineio

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"
)

// A packetType is the first character of a packet (Engine.IO protocol, "Packet encoding").
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
	payloadSeparator = 0x1e // between the packets of a polling payload
	binaryMarker     = 'b'  // before a base64 packet of a polling payload
)

// A packet is one decoded inbound packet. data is a part of what it was decoded from, but for base64.
type packet struct {
	kind   packetType
	binary bool // kind is packetMessage
	data   []byte
}

// decodePacket decodes a text packet; it reports false for an unknown type.
func decodePacket(b []byte) (packet, bool) {
	if len(b) == 0 || b[0] < byte(packetOpen) || b[0] > byte(packetNoop) {
		return packet{}, false
	}
	return packet{kind: packetType(b[0]), data: b[1:]}, true
}

// nextPacket takes the first packet off a polling payload; more tells whether anything follows it.
func nextPacket(payload []byte) (p packet, rest []byte, more, ok bool) {
	encoded, rest, more := bytes.Cut(payload, []byte{payloadSeparator})
	if len(encoded) > 0 && encoded[0] == binaryMarker {
		return packet{kind: packetMessage, binary: true, data: decodeBase64(encoded[1:])}, rest, more, true
	}
	p, ok = decodePacket(encoded)
	return p, rest, more, ok
}

// decodeBase64 decodes the way Node's Buffer does: either alphabet, padding optional, anything else passed over.
func decodeBase64(b []byte) []byte {
	clean := make([]byte, 0, len(b))
	for _, c := range b {
		switch {
		case c == '-':
			c = '+'
		case c == '_':
			c = '/'
		case c == '=':
			goto decode
		case c != '+' && c != '/' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z'):
			continue
		}
		clean = append(clean, c)
	}
decode:
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	n, _ := base64.RawStdEncoding.Decode(clean, clean) // cannot fail: only the alphabet is left, in whole groups
	return clean[:n]
}

// validText replaces what is not UTF-8, as Node does when it reads a body as text.
func validText(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	return bytes.ToValidUTF8(b, []byte(string(utf8.RuneError)))
}

// hasClosePacket reports whether there is a close packet in a polling payload.
func hasClosePacket(payload []byte) bool {
	return bytes.HasPrefix(payload, []byte{byte(packetClose)}) || bytes.Contains(payload, []byte{payloadSeparator, byte(packetClose)})
}
