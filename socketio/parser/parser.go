package parser

// The Parser: packets to messages and back.

// A Parser is a wire format. One Parser serves all connections of a server: its methods are called from many goroutines
// at once, among them those that read from clients, so they must neither block nor panic.
type Parser interface {
	// Encode returns the messages that carry p. The server encodes a packet once, however many clients it goes to. p's
	// payload is valid JSON that fits its type, or nil. The result is not changed any more, and may share memory with
	// p.
	Encode(p Packet) (Encoded, error)

	// Decode takes one message that a client has sent, a text or a binary one. Where it is a whole packet, Decode
	// returns that. Where further messages belong to it, the packet that Decode returns has a Missing other than 0, and
	// Decode gets that packet back, as partial, with the client's next message; partial is nil otherwise. Decode must
	// bound what a partial packet may gather.
	//
	// data is not changed any more, so that the packet may refer to it. For a payload from the outside,
	// Packet.SetPayload does the checks. Errors match ErrInvalidPacket; they end the client's connection (Node: "parse
	// error").
	Decode(partial *Packet, data []byte, binary bool) (Packet, error)
}

// Encoded is a packet as messages of the transport.
type Encoded struct {
	// Data is the first message.
	Data []byte
	// Binary says that Data is a binary message. Such a packet has no other message.
	Binary bool
	// Attachments are the binary messages that follow a text.
	Attachments [][]byte
}

// Default is the parser of Socket.IO protocol revision 5 (Node: socket.io-parser). The zero value is ready for use.
// It takes at most 10 attachments with a packet, as Node's does.
type Default struct{}

var _ Parser = Default{}
