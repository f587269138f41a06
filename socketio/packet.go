package socketio

// Packets on their way out.

import (
	"encoding/json"
	"errors"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/internal/turns"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A Packet is an event on its way to the clients of a namespace: its name and arguments, and, once somebody asks, its
// encoded form. An Adapter may read either, and add arguments. It is not for use by several goroutines at once.
type Packet struct {
	namespace *Namespace
	event     string
	args      []any
	ackID     uint64
	hasAckID  bool

	payload json.RawMessage // the array of event and args, once they are encoded
	attach  [][]byte        // what payload's placeholders stand for

	message *engineio.Message
	flags   BroadcastFlags // that message was made with
}

// NewPacket returns the packet of an event of this namespace. An adapter uses it for what came from another server.
func (ns *Namespace) NewPacket(event string, args ...any) *Packet {
	return &Packet{namespace: ns, event: event, args: args}
}

// Event is the event's name.
func (p *Packet) Event() string { return p.event }

// Args are the event's arguments. They must not be changed.
func (p *Packet) Args() []any { return p.args }

// AppendString adds a string of printable ASCII without quotes and backslashes, such as an offset, to the arguments. It
// calls no code of the program, and may be used on an encoded packet of which no Message has been made.
func (p *Packet) AppendString(arg string) {
	p.args = append(p.args[:len(p.args):len(p.args)], arg)
	if p.payload != nil {
		b := make([]byte, 0, len(p.payload)+len(arg)+3) // others may have the payload
		b = append(b, p.payload[:len(p.payload)-1]...)
		b = append(b, `,"`...)
		b = append(b, arg...)
		p.payload = append(b, `"]`...)
	}
}

// AckID is the acknowledgement id that the clients answer with, if they are to answer.
func (p *Packet) AckID() (id uint64, ok bool) { return p.ackID, p.hasAckID }

// Message returns the packet as a message for any number of sessions, with the flags that matter to those. It is made
// once for given flags. The error is that of an argument that cannot be JSON, or the parser's (Options.Parser).
func (p *Packet) Message(flags BroadcastFlags) (*engineio.Message, error) {
	if p.message != nil && p.flags == flags {
		return p.message, nil
	}
	payload, attachments, err := p.Payload()
	if err != nil {
		return nil, err
	}
	yieldAfter(payload)
	m, err := p.namespace.server.encode(parser.Packet{
		Type: parser.Event, Namespace: p.namespace.name, HasID: p.hasAckID, ID: float64(p.ackID),
		Payload: payload, Attachments: attachments,
	}, engineio.MessageOptions{Volatile: flags.Volatile, NoCompress: flags.NoCompress})
	if err != nil {
		return nil, err
	}
	p.message, p.flags = m, flags
	return m, nil
}

// encode has the server's parser encode a packet, and makes one message of the result.
func (srv *Server) encode(p parser.Packet, opts engineio.MessageOptions) (*engineio.Message, error) {
	e, err := srv.opts.Parser.Encode(p)
	if err != nil {
		return nil, err
	}
	if e.Binary && len(e.Attachments) > 0 {
		return nil, errBinaryWithAttachments
	}
	yieldAfter(e.Data)
	return srv.newMessage(e, opts), nil
}

// yieldAfter gives others their turn where making b was long work, and more of it is to come.
func yieldAfter(b []byte) {
	if len(b) >= longEvent {
		turns.Yield()
	}
}

var errBinaryWithAttachments = errors.New("socketio: the parser encoded a binary message with attachments behind it")

// newMessage is the usual Server.newMessage.
func newMessage(e parser.Encoded, opts engineio.MessageOptions) *engineio.Message {
	if e.Binary {
		return engineio.NewBinaryMessage(e.Data, opts)
	}
	return engineio.NewTextMessage(e.Data, e.Attachments, opts)
}

// controlMessage encodes a packet that is neither an event nor an acknowledgement. It returns nil, and reports the
// error, where the parser refuses to encode that.
func (srv *Server) controlMessage(typ parser.Type, namespace string, payload []byte) *engineio.Message {
	m, err := srv.encode(parser.Packet{Type: typ, Namespace: namespace, Payload: payload}, engineio.MessageOptions{})
	if err != nil {
		srv.report(nil, err)
		return nil
	}
	return m
}
