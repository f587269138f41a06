package engineio

import (
	"encoding/base64"
	"encoding/binary"
	"sync/atomic"

	"github.com/gobwas/ws"
)

// A Message is one unit of outbound data, encoded once and shared by every session that it is sent to: a text message,
// or a binary one, or a text message with the binary messages that must follow it directly (how Socket.IO sends
// attachments). It is immutable: one Message may be sent to any number of sessions, from any number of goroutines.
type Message struct {
	// frames is the WebSocket form: one frame after the other. The other forms are made from it, once, when the first
	// client that needs them comes up.
	frames   []byte
	deflated atomic.Pointer[[]byte] // the frames compressed, see deflate.go
	payload  atomic.Pointer[[]byte] // the polling form; nil where it is a part of frames

	volatile   bool
	noCompress bool
	control    bool // WebSocket bytes that mean nothing to a polling client

	messages int32 // of the program's that this is, attachments included; 0: the protocol's own
}

// MessageOptions says how a Message is to be treated on its way out.
type MessageOptions struct {
	// Volatile lets a session drop the message rather than queue it when its client is not keeping up.
	Volatile bool
	// NoCompress leaves the message uncompressed where permessage-deflate or HTTP compression would apply.
	NoCompress bool
}

// NewTextMessage encodes text, which must be valid UTF-8, and the binary attachments that follow it. It copies both and
// keeps no reference to them.
func NewTextMessage(text []byte, attachments [][]byte, opts MessageOptions) *Message {
	size := frameSize(1 + len(text))
	for _, a := range attachments {
		size += frameSize(len(a))
	}
	b := make([]byte, 0, size)
	b = appendFrameHeader(b, ws.OpText, 1+len(text))
	b = append(b, byte(packetMessage))
	b = append(b, text...)
	for _, a := range attachments {
		b = appendFrame(b, ws.OpBinary, a)
	}
	return &Message{frames: b, volatile: opts.Volatile, noCompress: opts.NoCompress, messages: int32(1 + len(attachments))}
}

// NewBinaryMessage encodes one binary message; it copies data.
func NewBinaryMessage(data []byte, opts MessageOptions) *Message {
	b := appendFrame(make([]byte, 0, frameSize(len(data))), ws.OpBinary, data)
	return &Message{frames: b, volatile: opts.Volatile, noCompress: opts.NoCompress, messages: 1}
}

// newPacket encodes an Engine.IO packet that is not a message.
func newPacket(t packetType, data string) *Message {
	b := appendFrameHeader(make([]byte, 0, frameSize(1+len(data))), ws.OpText, 1+len(data))
	b = append(b, byte(t))
	return &Message{frames: append(b, data...), noCompress: true}
}

// newControl wraps bytes that only a WebSocket connection sends: a control frame, or the answer to its handshake.
func newControl(b []byte) *Message { return &Message{frames: b, control: true} }

// messageOverhead is about what a queued message costs besides its bytes. A client that sends empty pings and reads no
// pongs would otherwise hold forty times the memory that its queue may.
const messageOverhead = 64

// size is what the message counts for in a session's queue, in bytes.
func (m *Message) size() int { return len(m.frames) + messageOverhead }

// appendPayload appends the message as it stands in a polling payload, without a separator round it.
func (m *Message) appendPayload(b []byte) []byte {
	op, body, rest := cutFrame(m.frames)
	if op == ws.OpText && len(rest) == 0 {
		return append(b, body...) // most messages: the same bytes as in the frame
	}
	p := m.payload.Load()
	if p == nil {
		encoded := encodePayload(m.frames)
		p = &encoded
		m.payload.Store(p) // two clients may both make it: they make the same
	}
	return append(b, *p...)
}

// encodePayload encodes frames as packets of a polling payload: binary in base64 behind a "b".
func encodePayload(frames []byte) []byte {
	var b []byte
	for len(frames) > 0 {
		op, body, rest := cutFrame(frames)
		if len(b) > 0 {
			b = append(b, payloadSeparator)
		}
		if op == ws.OpText {
			b = append(b, body...)
		} else {
			b = append(b, binaryMarker)
			b = base64.StdEncoding.AppendEncode(b, body)
		}
		frames = rest
	}
	return b
}

// frameSize is the length of an unmasked frame round a payload of n bytes.
func frameSize(n int) int {
	switch {
	case n < 126:
		return 2 + n
	case n < 1<<16:
		return 4 + n
	default:
		return 10 + n
	}
}

// appendFrameHeader appends the header of a final, unmasked frame (RFC 6455, section 5.2).
func appendFrameHeader(b []byte, op ws.OpCode, n int) []byte {
	b = append(b, 0x80|byte(op))
	switch {
	case n < 126:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
}

func appendFrame(b []byte, op ws.OpCode, payload []byte) []byte {
	return append(appendFrameHeader(b, op, len(payload)), payload...)
}

// cutFrame takes the first frame off frames, which this package has encoded itself.
func cutFrame(frames []byte) (op ws.OpCode, body, rest []byte) {
	op = ws.OpCode(frames[0] & 0x0f)
	n, at := int(frames[1]), 2
	switch n {
	case 126:
		n, at = int(binary.BigEndian.Uint16(frames[2:])), 4
	case 127:
		n, at = int(binary.BigEndian.Uint64(frames[2:])), 10
	}
	return op, frames[at : at+n], frames[at+n:]
}
