package socketio

// Packets on their way out.

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// packetType is the first character of a packet (Socket.IO protocol v5, "Packet types").
type packetType uint8

const (
	packetConnect packetType = iota
	packetDisconnect
	packetEvent
	packetAck
	packetConnectError
	packetBinaryEvent
	packetBinaryAck
)

// A Packet is an event on its way to the clients of a namespace: its name and arguments, and, once somebody asks, its
// encoded form. An Adapter may read either, and add arguments. It is not for use by several goroutines at once.
type Packet struct {
	namespace *Namespace
	event     string
	args      []any
	ackID     uint64
	hasAckID  bool

	payload json.RawMessage // the array of event and args where another server has encoded it; attach then goes with it

	encoded bool // text and attachments are set
	text    []byte
	attach  [][]byte

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
	if p.encoded {
		p.text = append(p.text[:len(p.text)-1], `,"`...)
		p.text = append(p.text, arg...)
		p.text = append(p.text, `"]`...)
	}
}

// AckID is the acknowledgement id that the clients answer with, if they are to answer.
func (p *Packet) AckID() (id uint64, ok bool) { return p.ackID, p.hasAckID }

// Encode returns the packet as it goes over the wire, without Engine.IO's type: a text and the attachments that follow
// it. It encodes once; the result must not be changed. The error is that of an argument that cannot be JSON.
func (p *Packet) Encode() (text []byte, attachments [][]byte, err error) {
	if !p.encoded {
		id := ackIDText(p.ackID, p.hasAckID)
		if p.payload != nil {
			p.text, p.encoded = append(appendHeader(nil, p.kind(), len(p.attach), p.namespace.name, id), p.payload...), true
			return p.text, p.attach, nil
		}
		p.text, p.attach, err = encodePacket(packetEvent, p.namespace.name, id, p.event, p.args)
		if err != nil {
			return nil, nil, err
		}
		p.encoded = true
	}
	return p.text, p.attach, nil
}

// kind is the type of a packet whose attachments are known.
func (p *Packet) kind() packetType {
	if len(p.attach) > 0 {
		return packetBinaryEvent
	}
	return packetEvent
}

// Message returns the packet as a message for any number of sessions, with the flags that matter to those. It is made
// once for given flags.
func (p *Packet) Message(flags BroadcastFlags) (*engineio.Message, error) {
	if p.message != nil && p.flags == flags {
		return p.message, nil
	}
	text, attachments, err := p.Encode()
	if err != nil {
		return nil, err
	}
	p.message, p.flags = p.namespace.server.newMessage(text, attachments, flags.messageOptions()), flags
	return p.message, nil
}

func (f BroadcastFlags) messageOptions() engineio.MessageOptions {
	return engineio.MessageOptions{Volatile: f.Volatile, NoCompress: f.NoCompress}
}

func ackIDText(id uint64, ok bool) []byte {
	if !ok {
		return nil
	}
	return strconv.AppendUint(nil, id, 10)
}

// encodePacket encodes an event or an acknowledgement, which has no name.
func encodePacket(typ packetType, namespace string, id []byte, event string, args []any) ([]byte, [][]byte, error) {
	var e encoder
	e.buf.WriteByte('[')
	if typ == packetEvent {
		if err := e.arg(event); err != nil {
			return nil, nil, err
		}
	}
	for i, arg := range args {
		if i > 0 || typ == packetEvent {
			e.buf.WriteByte(',')
		}
		if err := e.arg(arg); err != nil {
			return nil, nil, err
		}
	}
	e.buf.WriteByte(']')

	if len(e.attachments) > 0 {
		typ += packetBinaryEvent - packetEvent
	}
	payload := e.buf.Bytes()
	text := make([]byte, 0, len(payload)+len(namespace)+len(id)+8)
	text = appendHeader(text, typ, len(e.attachments), namespace, id)
	text = append(text, payload...)
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	return text, e.attachments, nil
}

// appendHeader appends what stands before a packet's payload.
func appendHeader(dst []byte, typ packetType, attachments int, namespace string, id []byte) []byte {
	dst = append(dst, '0'+byte(typ))
	if typ == packetBinaryEvent || typ == packetBinaryAck {
		dst = strconv.AppendInt(dst, int64(attachments), 10)
		dst = append(dst, '-')
	}
	if namespace != mainNamespace {
		dst = append(dst, namespace...)
		dst = append(dst, ',')
	}
	return append(dst, id...)
}
