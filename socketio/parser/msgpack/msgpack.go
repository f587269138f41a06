// Package msgpack is the wire format of the npm package socket.io-msgpack-parser, version 3, and of the browser's
// bundle socket.io.msgpack.min.js: a packet is one binary message, a MessagePack map of type, nsp, data and id, with
// binary values inside of it.
//
//	io := socketio.NewServer(socketio.Options{Parser: msgpack.Parser{}})
//
// All clients of a server speak the format of its parser. Servers of one cluster need not have the same.
//
// # Values
//
// Handlers see what they would see of the same client with the default parser, as JSON: a Date is the string that
// JSON.stringify makes of it, an undefined member is left out, other undefined values, NaN, the infinities and
// extensions that notepack.io does not write are null, and numbers as keys are strings. Byte slices are native binary
// values. Integers are read whole up to 64 bits; beyond 2^53 they are written as floats, which JavaScript reads as the
// nearest number that it has. Bytes in strings that are not UTF-8 become U+FFFD.
package msgpack

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/tinylib/msgp/msgp"

	"github.com/brunossouza/websocket-escalonavel/internal/msgpackjson"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A Parser is a parser.Parser. The zero value is ready for use.
type Parser struct {
	// MaxAttachments bounds the binary values in a client's packet. Default 10, as clients with the default parser
	// close their connection over more.
	MaxAttachments int
}

var _ parser.Parser = Parser{}

const defaultAttachments = 10

// overhead is about what a packet has beside its payload, in bytes.
const overhead = 32

// Encode returns one binary message.
func (Parser) Encode(p parser.Packet) (parser.Encoded, error) {
	fields, size := uint32(2), overhead+len(p.Namespace)+len(p.Payload)
	if p.Payload != nil {
		fields++
	}
	if p.HasID {
		fields++
	}
	for _, a := range p.Attachments {
		size += len(a)
	}
	b := msgp.AppendMapHeader(make([]byte, 0, size), fields)
	b = append(msgp.AppendString(b, "type"), byte(p.Type))
	var err error
	if p.Payload != nil {
		if b, err = msgpackjson.Append(msgp.AppendString(b, "data"), p.Payload, p.Attachments); err != nil {
			return parser.Encoded{}, err
		}
	}
	b = msgp.AppendString(msgp.AppendString(b, "nsp"), p.Namespace)
	if p.HasID {
		if p.ID != math.Trunc(p.ID) || math.IsInf(p.ID, 0) {
			return parser.Encoded{}, errors.New("msgpack: the packet's id is no integer")
		}
		b = msgpackjson.AppendFloat(msgp.AppendString(b, "id"), p.ID)
	}
	return parser.Encoded{Data: b, Binary: true}, nil
}

// Decode takes a packet. It wants what socket.io-msgpack-parser wants of it, and that Packet.SetPayload accepts its
// data.
func (m Parser) Decode(_ *parser.Packet, data []byte, binary bool) (parser.Packet, error) {
	if !binary {
		return parser.Packet{}, invalid("a text message")
	}
	f := fields{limit: m.MaxAttachments}
	if f.limit <= 0 {
		f.limit = defaultAttachments
	}
	if err := f.read(data); err != nil {
		return parser.Packet{}, err
	}
	return f.packet()
}

func invalid(what string) error { return fmt.Errorf("%w: %s", parser.ErrInvalidPacket, what) }

// fields are those of a packet's map that count.
type fields struct {
	limit          int // of attachments
	typ, id        float64
	hasType, hasID bool
	nsp            []byte
	data           []byte
	attachments    [][]byte
}

// read reads a whole message. As in JavaScript, the last of several members with one key counts.
func (f *fields) read(b []byte) error {
	if msgp.NextType(b) != msgp.MapType {
		return invalid("no map")
	}
	n, b, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return invalid(err.Error())
	}
	for range n {
		var key []byte
		if msgp.NextType(b) != msgp.StrType {
			return invalid("a field's name is no string")
		}
		if key, b, err = msgpackjson.ReadText(b); err == nil {
			b, err = f.field(string(key), b)
		}
		if err != nil {
			return invalid(err.Error())
		}
	}
	if len(b) > 0 {
		return invalid("trailing bytes")
	}
	return nil
}

// field reads one field and returns what follows it.
func (f *fields) field(key string, b []byte) (rest []byte, err error) {
	switch key {
	case "type":
		f.typ, f.hasType, rest, err = readInteger(b)
	case "id":
		f.id, f.hasID, rest, err = readInteger(b)
	case "nsp":
		if msgp.NextType(b) != msgp.StrType {
			return nil, errors.New("the namespace is no string")
		}
		f.nsp, rest, err = msgpackjson.ReadText(b)
	case "data":
		f.data, f.attachments = nil, nil
		if msgpackjson.IsUndefined(b) {
			return msgp.Skip(b)
		}
		r := msgpackjson.Reader{MaxAttachments: f.limit}
		f.data, rest, err = r.AppendValue(make([]byte, 0, min(len(b), 4<<10)), b)
		f.attachments = r.Attachments
	default:
		return msgp.Skip(b)
	}
	return rest, err
}

// readInteger reads a number that has no fraction; ok is false for undefined.
func readInteger(b []byte) (n float64, ok bool, rest []byte, err error) {
	switch msgp.NextType(b) {
	case msgp.IntType:
		var i int64
		i, rest, err = msgp.ReadInt64Bytes(b)
		n = float64(i)
	case msgp.UintType:
		var u uint64
		u, rest, err = msgp.ReadUint64Bytes(b)
		n = float64(u)
	case msgp.Float32Type:
		var f float32
		f, rest, err = msgp.ReadFloat32Bytes(b)
		n = float64(f)
	case msgp.Float64Type:
		n, rest, err = msgp.ReadFloat64Bytes(b)
	default:
		if msgpackjson.IsUndefined(b) {
			rest, err = msgp.Skip(b)
			return 0, false, rest, err
		}
		return 0, false, nil, errors.New("not a number")
	}
	if err == nil && (n != math.Trunc(n) || math.IsInf(n, 0)) {
		err = errors.New("not an integer")
	}
	return n, true, rest, err
}

// packet checks the fields.
func (f *fields) packet() (parser.Packet, error) {
	switch {
	case !f.hasType || f.typ < 0 || f.typ > float64(parser.ConnectError):
		return parser.Packet{}, invalid("unknown packet type")
	case len(f.nsp) == 0 || f.nsp[0] != '/':
		return parser.Packet{}, invalid("invalid namespace")
	}
	p := parser.Packet{Type: parser.Type(f.typ), Namespace: parser.MainNamespace, HasID: f.hasID, ID: f.id}
	if len(f.nsp) > 1 {
		p.Namespace = string(bytes.ToValidUTF8(f.nsp, []byte("\uFFFD")))
	}
	switch {
	case f.data != nil && p.Type != parser.Event && p.Type != parser.Ack && len(f.attachments) > 0:
		raw, err := parser.NewRaw(f.data, f.attachments...)
		if err != nil {
			return p, invalid(err.Error())
		}
		return p, p.SetPayload(raw.Inline(), nil) // such packets have none: what it held still binds to byte slices
	case f.data != nil:
		return p, p.SetPayload(f.data, f.attachments)
	case p.Type == parser.Connect || p.Type == parser.Disconnect:
		return p, nil
	}
	return p, invalid("invalid payload")
}
