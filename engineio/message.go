package engineio

// Messages to clients, and their forms on each transport.

import (
	"encoding/base64"
	"sync/atomic"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

// A Message is what sessions send: a text message, a binary message, or a text message and binary messages that must
// follow it directly (Socket.IO's attachments). It is encoded once and immutable, so one Message may be sent to any
// number of sessions, from any number of goroutines.
type Message struct {
	// frames is the WebSocket form: one frame after the other. The other forms are made from it once, for the first
	// client that needs them.
	frames   []byte
	deflated atomic.Pointer[[]byte]      // the frames compressed, see wire
	payload  atomic.Pointer[[]byte]      // the polling form; nil where frames contain it
	framed   atomic.Pointer[framedBytes] // the form of another Framing, see framedBy

	volatile   bool
	noCompress bool
	control    bool // bytes that only a WebSocket connection sends

	messages int32 // how many messages of the program's this is, attachments included; 0: the protocol's own
}

// MessageOptions say how a Message is sent.
type MessageOptions struct {
	// Volatile lets a session drop the message when its client does not keep up.
	Volatile bool
	// NoCompress leaves the message uncompressed where permessage-deflate or HTTP compression would apply.
	NoCompress bool
}

// NewTextMessage encodes text, which must be valid UTF-8, and the binary attachments that follow it. It copies both.
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
	return &Message{
		frames: b, volatile: opts.Volatile, noCompress: opts.NoCompress, messages: int32(1 + len(attachments)),
	}
}

// NewBinaryMessage encodes one binary message. It copies data.
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

// messageOverhead is roughly what a queued message costs beside its bytes. Without it a client that sends empty pings
// and reads no pongs could make its queue hold forty times MaxQueueBytes.
const messageOverhead = 64

// size is what the message counts for in a session's queue, in bytes.
func (m *Message) size() int { return len(m.frames) + messageOverhead }

// A form says how messages go out on a stream: compressed by deflater, or in a Framing other than WebSocket.
type form struct {
	deflater *wsframe.Deflater
	framing  Framing
}

// framedBytes are a message in a Framing.
type framedBytes struct {
	framing string // its name
	bytes   []byte
}

// wire returns the message in a form; nil stands for plain WebSocket frames.
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
		// The first one stays, as somebody may be in the middle of writing it, and another server's level may make
		// different bytes.
		m.deflated.CompareAndSwap(nil, &frames)
		p = m.deflated.Load()
	}
	return *p
}

// framedBy returns the message in a Framing. Only the first Framing's bytes are kept: a program rarely has two.
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

// appendPayload appends the message as it stands in a payload, without the separators around it.
func (m *Message) appendPayload(b []byte) []byte {
	op, body, rest := wsframe.Cut(m.frames)
	if op == ws.OpText && len(rest) == 0 {
		return append(b, body...) // most messages: the same bytes as in the frame
	}
	p := m.payload.Load()
	if p == nil {
		encoded := encodePayload(m.frames)
		p = &encoded
		m.payload.Store(p) // whoever else makes it makes the same
	}
	return append(b, *p...)
}

// encodePayload encodes frames as packets of a payload, binary ones in base64 behind a "b".
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
