package parser

// The Parser: packets to messages and back.

// A Parser is a wire format. One Parser serves all connections of a server: its methods are called from many goroutines
// at once, among them those that read from clients, so they must neither block nor panic.
type Parser interface {
	// Encode returns the messages that carry p, whose payload is valid JSON that fits its type, or nil. The server
	// encodes a packet once, however many clients it goes to. The result may share memory with p; neither is changed
	// afterwards.
	Encode(p Packet) (Encoded, error)

	// Decode takes one message of a client, a text or a binary one, and returns the packet that it is. Where more
	// messages belong to the packet, its Missing is not 0, and Decode gets it back, as partial, with the client's next
	// message; otherwise partial is nil. Decode must bound what a partial packet may gather.
	//
	// The packet may refer to data, which is not changed afterwards. Packet.SetPayload does the checks that a payload
	// from outside needs. Errors match ErrInvalidPacket; they end the connection with the reason "forced close",
	// as with Node.js.
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
