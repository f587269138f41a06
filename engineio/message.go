package engineio

// A Message is one unit of outbound data, encoded once and shared by every session that it is sent to: a text message,
// or a binary one, or a text message with the binary messages that must follow it directly (how Socket.IO sends
// attachments). It is immutable: one Message may be sent to any number of sessions, from any number of goroutines.
type Message struct {
	size     int
	volatile bool
	compress bool
}

// MessageOptions says how a Message is to be treated on its way out.
type MessageOptions struct {
	// Volatile lets a session drop the message rather than queue it when its client is not keeping up.
	Volatile bool
	// NoCompress leaves the message uncompressed where permessage-deflate or HTTP compression would apply.
	NoCompress bool
}

// NewTextMessage encodes text, which must be valid UTF-8, and the binary attachments that follow it. It copies text and
// keeps no reference to it; the attachments are copied too.
func NewTextMessage(text []byte, attachments [][]byte, opts MessageOptions) *Message { panic("stub") }

// NewBinaryMessage encodes one binary message; it copies data.
func NewBinaryMessage(data []byte, opts MessageOptions) *Message { panic("stub") }
