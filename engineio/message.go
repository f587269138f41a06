package engineio

// Messages to clients, and their forms on each transport.

import (
	"encoding/base64"
	"sync/atomic"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

// A Message is what sessions send: a text message, a binary message, or a text message and binary messages that must
// follow it directly (Socket.IO's attachments). It is encoded once and immutable, so one Message may be sent to any
// number of sessions, from any number of goroutines.
type Message struct {
	// frames is the WebSocket form: one frame after the other. The other forms are made from it once, for the first
	// client that needs them.
	frames   []byte
	deflated atomic.Pointer[derived]     // the frames compressed, see wire
	zipped   atomic.Pointer[derived]     // the polling form compressed, see gzipped
	payload  atomic.Pointer[[]byte]      // the polling form; nil where frames contain it
	framed   atomic.Pointer[framedBytes] // the forms of other Framings, see framedAs

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
	b = turns.Append(b, text)
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

// memory is what the message takes with all its forms, in bytes.
func (m *Message) memory() int {
	size := m.size()
	for _, d := range [...]*derived{m.deflated.Load(), m.zipped.Load()} {
		if d.isMade() {
			size += len(d.b)
		}
	}
	if p := m.payload.Load(); p != nil {
		size += len(*p)
	}
	for p := m.framed.Load(); p != nil; p = p.next.Load() {
		size += len(p.bytes)
		if d := p.zipped.Load(); d.isMade() {
			size += len(d.b)
		}
	}
	return size
}

// A form says how messages go out on a stream: compressed by deflater, or in a Framing other than the usual WebSocket
// frames.
type form struct {
	deflater   *wsframe.Deflater
	takeover   *takeover // of one stream; nil where messages are compressed once for all
	framing    Framing
	binaryOnly bool // framing is for messages that are binary, or have attachments; the others are WebSocket frames
}

// textFormed is for the client of a WebSocket that wants binary messages in base64 (b64 in its query).
var textFormed = &form{framing: textFrames{}, binaryOnly: true}

// textFrames are WebSocket frames of text: a binary message is in base64, as in a polling payload.
type textFrames struct{ outgoing }

func (textFrames) Name() string { return "websocket, base64" }

func (textFrames) AppendPacket(b, packet []byte, binary bool) []byte {
	if !binary {
		return wsframe.Append(b, ws.OpText, packet)
	}
	b = wsframe.AppendHeader(b, ws.OpText, 1+base64.StdEncoding.EncodedLen(len(packet)))
	return base64.StdEncoding.AppendEncode(append(b, binaryMarker), packet)
}

// An outgoing is a Framing for what goes out only.
type outgoing struct{}

func (outgoing) NewDecoder(int) Decoder { return nil }

// framedBytes are a message in a Framing.
type framedBytes struct {
	framing string // its name
	bytes   []byte
	zipped  atomic.Pointer[derived] // bytes compressed, where the Framing is of polling's
	next    atomic.Pointer[framedBytes]
}

// wire returns the message in a form; nil stands for plain WebSocket frames.
func (m *Message) wire(f *form) []byte {
	switch {
	case f == nil:
		return m.frames
	case f.binaryOnly && (m.control || m.isText()):
		return m.frames
	case f.framing != nil:
		return m.framedBy(f.framing)
	case !m.deflates(f):
		return m.frames
	}
	if d := m.deflated.Load(); d.isMade() {
		return d.b
	}
	// The first one stays, as somebody may be in the middle of writing it, and another server's level may make
	// different bytes.
	return makeOnce(&m.deflated, func() []byte { return f.deflater.Compress(m.frames) })
}

// deflates reports whether the message is compressed in a form that has a deflater.
func (m *Message) deflates(f *form) bool {
	return !m.control && !m.noCompress && len(m.frames) >= f.deflater.Threshold()
}

// isText reports whether the message is one text frame.
func (m *Message) isText() bool {
	op, _, rest := wsframe.Cut(m.frames)
	return op == ws.OpText && len(rest) == 0
}

// framedBy returns the message in a Framing.
func (m *Message) framedBy(f Framing) []byte {
	if m.control {
		return nil
	}
	return m.framedAs(f).bytes
}

// framedAs makes the message's form in a Framing, unless somebody has. A program has but a few.
func (m *Message) framedAs(f Framing) *framedBytes {
	var made *framedBytes
	at := &m.framed
	for {
		if p := at.Load(); p != nil {
			if p.framing == f.Name() {
				return p
			}
			at = &p.next
			continue
		}
		if made == nil {
			made = &framedBytes{framing: f.Name(), bytes: appendFramed(nil, m.frames, f)}
		}
		if at.CompareAndSwap(nil, made) {
			return made
		}
	}
}

// appendFramed appends frames in a Framing.
func appendFramed(b, frames []byte, f Framing) []byte {
	for len(frames) > 0 {
		var op ws.OpCode
		var body []byte
		op, body, frames = wsframe.Cut(frames)
		b = f.AppendPacket(b, body, op == ws.OpBinary)
	}
	return b
}

// appendPayload appends the message as it stands in a payload, without the separators around it.
func (m *Message) appendPayload(b []byte) []byte { return append(b, m.polled()...) }

// polled is what appendPayload appends.
func (m *Message) polled() []byte {
	op, body, rest := wsframe.Cut(m.frames)
	if op == ws.OpText && len(rest) == 0 {
		return body // most messages: the same bytes as in the frame
	}
	p := m.payload.Load()
	if p == nil {
		encoded := encodePayload(m.frames)
		p = &encoded
		m.payload.Store(p) // whoever else makes it makes the same
	}
	return *p
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
