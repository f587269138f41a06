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

// decodePacket decodes a text packet, which may be a binary message in base64; it reports false for an unknown type.
func decodePacket(b []byte) (packet, bool) {
	if len(b) > 0 && b[0] == binaryMarker {
		return packet{kind: packetMessage, binary: true, data: decodeBase64(b[1:])}, true
	}
	if len(b) == 0 || b[0] < byte(packetOpen) || b[0] > byte(packetNoop) {
		return packet{}, false
	}
	return packet{kind: packetType(b[0]), data: b[1:]}, true
}

// nextPacket is the nextPacketFunc of revision 4.
func nextPacket(payload []byte) (p packet, rest []byte, more, ok bool) {
	encoded, rest, more := bytes.Cut(payload, []byte{payloadSeparator})
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

// validText replaces invalid UTF-8, as Node.js does when it reads a body as text: each sequence that could have gone
// on to be a character becomes one U+FFFD, and so does each other byte (the Encoding standard, "UTF-8 decoder").
func validText(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	text := make([]byte, 0, len(b)+len(b)/8)
	for len(b) > 0 {
		if r, n := utf8.DecodeRune(b); r != utf8.RuneError || n > 1 {
			text = append(text, b[:n]...)
			b = b[n:]
			continue
		}
		text = utf8.AppendRune(text, utf8.RuneError)
		b = b[brokenSequence(b):]
	}
	return text
}

// brokenSequence is how many of the first bytes of b, which begin no character, begin one that is then cut off; 1 at
// least.
func brokenSequence(b []byte) int {
	low, high, more := byte(0x80), byte(0xbf), 0 // of the second byte, and how many are to follow the first
	switch c := b[0]; {
	case c >= 0xc2 && c <= 0xdf:
		more = 1
	case c >= 0xe0 && c <= 0xef:
		more = 2
	case c >= 0xf0 && c <= 0xf4:
		more = 3
	}
	switch b[0] { // what would be a surrogate, past the last character, or longer than need be
	case 0xe0:
		low = 0xa0
	case 0xed:
		high = 0x9f
	case 0xf0:
		low = 0x90
	case 0xf4:
		high = 0x8f
	}
	n := 1
	for ; n <= more && n < len(b) && b[n] >= low && b[n] <= high; n++ {
		low, high = 0x80, 0xbf
	}
	return n
}

// hasClosePacket reports whether a payload has a close packet in it.
func hasClosePacket(payload []byte) bool {
	return bytes.HasPrefix(payload, []byte{byte(packetClose)}) ||
		bytes.Contains(payload, []byte{payloadSeparator, byte(packetClose)})
}
