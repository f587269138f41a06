package engineio

// Revision 3 of the protocol, which clients of Socket.IO 1 and 2 speak (Options.AllowEIO3). It differs in the direction
// of the heartbeat (heartbeat.go), in the payloads of polling (payload3.go), and, here, in binary packets: those have a
// type too, the first byte of a binary frame, or the digit behind the "b" of one in base64.

import (
	"encoding/base64"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

const (
	revision3 = 3
	revision4 = 4
)

// protocol is the revision that a client asks for. As in Node.js, whatever is not 4 is 3.
func (q *query) protocol() uint8 {
	if q.revision == "4" {
		return revision4
	}
	return revision3
}

// speaks reports whether the server has use for clients of a revision.
func (srv *Server) speaks(revision uint8) bool { return revision == revision4 || srv.opts.AllowEIO3 }

// Protocol is the revision of the protocol that the client speaks: 4, or 3 where Options.AllowEIO3 lets it.
func (s *Session) Protocol() int { return int(s.revision) }

// decode takes one packet, from a stream's message.
func (s *Session) decode(data []byte, binary bool) (packet, bool) {
	switch {
	case s.revision == revision3:
		return decodePacket3(data, binary)
	case binary:
		return packet{kind: packetMessage, binary: true, data: data}, true
	}
	return decodePacket(data)
}

// decodePacket3 decodes a packet of revision 3; it reports false for a text of an unknown type. As in Node.js's server,
// a binary one of an unknown type says nothing.
func decodePacket3(b []byte, binary bool) (packet, bool) {
	switch {
	case binary:
		return binaryPacket3(b, '0'), true
	case len(b) > 0 && b[0] == binaryMarker:
		p := binaryPacket3(b[1:], 0)
		p.data = decodeBase64(p.data)
		return p, true
	}
	return decodePacket(b)
}

// binaryPacket3 is a packet whose type is the first byte of b, counted from zero.
func binaryPacket3(b []byte, zero byte) packet {
	if len(b) == 0 || b[0] > byte(packetNoop)-zero || b[0] < byte(packetOpen)-zero {
		return packet{kind: packetNoop}
	}
	return packet{kind: packetType(b[0] + zero), binary: true, data: b[1:]}
}

// webSocketForm is how messages go out on a WebSocket that q asks for; nil stands for plain frames.
func (s *Session) webSocketForm(q query) *form {
	switch {
	case s.revision == revision3 && q.textOnly:
		return textForm3
	case s.revision == revision3:
		return form3
	case q.textOnly:
		return textFormed
	}
	return nil
}

// form3 and textForm3 are for the clients of a WebSocket: as usual, and where they want no binary frames (b64).
var (
	form3     = &form{framing: frames3{}, binaryOnly: true}
	textForm3 = &form{framing: textFrames3{}, binaryOnly: true}
)

// frames3 are the WebSocket frames of revision 3.
type frames3 struct{ outgoing }

func (frames3) Name() string { return "websocket, revision 3" }

func (frames3) AppendPacket(b, packet []byte, binary bool) []byte {
	if !binary {
		return wsframe.Append(b, ws.OpText, packet)
	}
	b = wsframe.AppendHeader(b, ws.OpBinary, 1+len(packet))
	return append(append(b, byte(packetMessage)-'0'), packet...)
}

// textFrames3 are the same with binary messages in base64.
type textFrames3 struct{ outgoing }

func (textFrames3) Name() string { return "websocket, revision 3, base64" }

func (textFrames3) AppendPacket(b, packet []byte, binary bool) []byte {
	if !binary {
		return wsframe.Append(b, ws.OpText, packet)
	}
	b = wsframe.AppendHeader(b, ws.OpText, len(base64Marker3)+base64.StdEncoding.EncodedLen(len(packet)))
	return base64.StdEncoding.AppendEncode(append(b, base64Marker3...), packet)
}

// base64Marker3 stands before a message in base64.
const base64Marker3 = string(binaryMarker) + string(packetMessage)
