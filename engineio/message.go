package engineio

import (
	"encoding/base64"
	"sync/atomic"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

// A Message is one unit of outbound data, encoded once and shared by every session that it is sent to: a text message,
// or a binary one, or a text message with the binary messages that must follow it directly (how Socket.IO sends
// attachments). It is immutable: one Message may be sent to any number of sessions, from any number of goroutines.
type Message struct {
	// frames is the WebSocket form: one frame after the other. The other forms are made from it, once, when the first
	// client that needs them comes up.
	frames   []byte
	deflated atomic.Pointer[[]byte] // the frames compressed, see wire
	payload  atomic.Pointer[[]byte] // the polling form; nil where it is a part of frames
	framed   atomic.Pointer[framedBytes]

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
	size := wsframe.Size(1 + len(text))
	for _, a := range attachments {
		size += wsframe.Size(len(a))
	}
	b := make([]byte, 0, size)
	b = wsframe.AppendHeader(b, ws.OpText, 1+len(text))
	b = append(b, byte(packetMessage))
	b = append(b, text...)
	for _, a := range attachments {
		b = wsframe.Append(b, ws.OpBinary, a)
	}
	return &Message{frames: b, volatile: opts.Volatile, noCompress: opts.NoCompress, messages: int32(1 + len(attachments))}
}

// NewBinaryMessage encodes one binary message; it copies data.
func NewBinaryMessage(data []byte, opts MessageOptions) *Message {
	b := wsframe.Append(make([]byte, 0, wsframe.Size(len(data))), ws.OpBinary, data)
	return &Message{frames: b, volatile: opts.Volatile, noCompress: opts.NoCompress, messages: 1}
}

// newPacket encodes an Engine.IO packet that is not a message.
func newPacket(t packetType, data string) *Message {
	b := wsframe.AppendHeader(make([]byte, 0, wsframe.Size(1+len(data))), ws.OpText, 1+len(data))
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

// A form says how messages go out on a stream: compressed by a deflater, or framed in another way than as WebSocket.
type form struct {
	deflater *wsframe.Deflater
	framing  Framing
}

// framedBytes are a message in another framing.
type framedBytes struct {
	framing string // its name
	bytes   []byte
}

// wire is the message in a form; nil stands for plain WebSocket frames. Like all forms it is made once.
func (m *Message) wire(f *form) []byte {
	switch {
	case f == nil:
		return m.frames
	case f.framing != nil:
		return m.framedBy(f.framing)
	case m.control || m.noCompress || len(m.frames) < f.deflater.Threshold():
		return m.frames
	}
	p := m.deflated.Load()
	if p == nil {
		frames := f.deflater.Compress(m.frames)
		// Once it is there it stays: somebody may be in the middle of writing it, and another server's level may
		// differ.
		m.deflated.CompareAndSwap(nil, &frames)
		p = m.deflated.Load()
	}
	return *p
}

// framedBy is the message in another framing than WebSocket's. It is kept for the first of them: a program has one.
func (m *Message) framedBy(f Framing) []byte {
	if m.control {
		return nil
	}
	if p := m.framed.Load(); p != nil && p.framing == f.Name() {
		return p.bytes
	}
	var b []byte
	for frames := m.frames; len(frames) > 0; {
		var op ws.OpCode
		var body []byte
		op, body, frames = wsframe.Cut(frames)
		b = f.AppendPacket(b, body, op == ws.OpBinary)
	}
	m.framed.CompareAndSwap(nil, &framedBytes{f.Name(), b})
	return b
}

// appendPayload appends the message as it stands in a polling payload, without a separator round it.
func (m *Message) appendPayload(b []byte) []byte {
	op, body, rest := wsframe.Cut(m.frames)
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
		op, body, rest := wsframe.Cut(frames)
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
