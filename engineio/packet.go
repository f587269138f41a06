package engineio

// Packets, and the payloads that carry several of them in the body of a poll or a POST.

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
	payloadSeparator = 0x1e // between the packets of a payload
	binaryMarker     = 'b'  // before a packet in base64
)

// A packet is one decoded inbound packet.
type packet struct {
	kind   packetType
	binary bool   // kind is packetMessage
	data   []byte // part of the bytes that were decoded, unless those were base64
}

// decodePacket decodes a text packet; it reports false for an unknown type.
func decodePacket(b []byte) (packet, bool) {
	if len(b) == 0 || b[0] < byte(packetOpen) || b[0] > byte(packetNoop) {
		return packet{}, false
	}
	return packet{kind: packetType(b[0]), data: b[1:]}, true
}

// nextPacket takes the first packet off a payload. more reports whether another should follow.
func nextPacket(payload []byte) (p packet, rest []byte, more, ok bool) {
	encoded, rest, more := bytes.Cut(payload, []byte{payloadSeparator})
	if len(encoded) > 0 && encoded[0] == binaryMarker {
		return packet{kind: packetMessage, binary: true, data: decodeBase64(encoded[1:])}, rest, more, true
	}
	p, ok = decodePacket(encoded)
	return p, rest, more, ok
}

// decodeBase64 decodes as Node.js's Buffer does: it takes either alphabet, stops at padding, which is optional, and
// skips all other bytes.
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
	n, _ := base64.RawStdEncoding.Decode(clean, clean) // cannot fail: only the alphabet is left, in a valid length
	return clean[:n]
}

// validText replaces invalid UTF-8, as Node.js does when it reads a body as text.
func validText(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	return bytes.ToValidUTF8(b, []byte(string(utf8.RuneError)))
}

// hasClosePacket reports whether a payload has a close packet in it.
func hasClosePacket(payload []byte) bool {
	return bytes.HasPrefix(payload, []byte{byte(packetClose)}) ||
		bytes.Contains(payload, []byte{payloadSeparator, byte(packetClose)})
}
