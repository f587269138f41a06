package parser

// Default.Encode (Socket.IO protocol revision 5, "Packet encoding").

import (
	"errors"
	"strconv"

	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

var errAttachments = errors.New("socketio: attachments in a packet that is neither an event nor an acknowledgement")

// Encode returns a text and p's attachments.
func (Default) Encode(p Packet) (Encoded, error) {
	typ := p.Type
	if len(p.Attachments) > 0 {
		switch typ {
		case Event:
			typ = binaryEvent
		case Ack:
			typ = binaryAck
		default:
			return Encoded{}, errAttachments
		}
	}
	size := 8 + len(p.Namespace) + len(p.Payload)
	if p.HasID {
		size += 8
	}
	b := append(make([]byte, 0, size), '0'+byte(typ))
	if len(p.Attachments) > 0 {
		b = strconv.AppendInt(b, int64(len(p.Attachments)), 10)
		b = append(b, '-')
	}
	if p.Namespace != MainNamespace {
		b = append(b, p.Namespace...)
		b = append(b, ',') // with or without something behind it, as Node's parser writes it
	}
	if p.HasID {
		b = appendID(b, p.ID)
	}
	return Encoded{Data: turns.Append(b, p.Payload), Attachments: p.Attachments}, nil
}

// appendID prints an id as JavaScript prints a number.
func appendID(dst []byte, id float64) []byte {
	switch {
	case 0 <= id && id < 1<<53 && id == float64(uint64(id)):
		return strconv.AppendUint(dst, uint64(id), 10)
	case id != id:
		return append(dst, "NaN"...)
	case id > 1.7976931348623157e308:
		return append(dst, "Infinity"...)
	case id >= 1e21:
		return strconv.AppendFloat(dst, id, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, id, 'f', -1, 64)
}
