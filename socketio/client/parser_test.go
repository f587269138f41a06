package client_test

// The seam for wire formats: a parser that both sides are given.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser/msgpack"
)

// boxed puts a packet of the default format, attachments and all, into one binary message.
type boxed struct{}

func (boxed) Encode(p parser.Packet) (parser.Encoded, error) {
	e, err := parser.Default{}.Encode(p)
	var b []byte
	for _, part := range append([][]byte{e.Data}, e.Attachments...) {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
	}
	return parser.Encoded{Data: b, Binary: true}, err
}

func (boxed) Decode(_ *parser.Packet, data []byte, isBinary bool) (p parser.Packet, err error) {
	if !isBinary {
		return p, errors.Join(parser.ErrInvalidPacket, errors.New("a text"))
	}
	for first := true; len(data) >= 4; first = false {
		n := int(binary.BigEndian.Uint32(data))
		part, rest := data[4:min(4+n, len(data))], data[min(4+n, len(data)):]
		partial := &p
		if first {
			partial = nil
		}
		if p, err = (parser.Default{}).Decode(partial, part, !first); err != nil {
			return p, err
		}
		data = rest
	}
	return p, nil
}

func TestAnotherParser(t *testing.T) {
	t.Run("ours", func(t *testing.T) { talk(t, serverWith(t, socketio.Options{Parser: boxed{}}), boxed{}) })
}

func TestMessagePack(t *testing.T) {
	p := msgpack.Parser{}
	t.Run("ours", func(t *testing.T) { talk(t, serverWith(t, socketio.Options{Parser: p}), p) })
	t.Run("node", func(t *testing.T) { talk(t, node.URL(t, "client/server.mjs", "PARSER=msgpack"), p) })
}

// talk has a client and a server with the same parser understand each other, and nobody else.
func talk(t *testing.T, url string, p parser.Parser) {
	for name, transports := range transports {
		s := connect(t, url, client.Options{Parser: p, Transports: transports})
		var text string
		var b []byte
		answer, err := s.EmitWithAck(deadline(t), "echo", "hello", []byte{1, 2})
		if err != nil || answer.Bind(&text, &b) != nil || text != "hello" || !bytes.Equal(b, []byte{1, 2}) {
			t.Errorf("%s: %q % x (%v)", name, text, b, err)
		}
	}
	s := newSocket(t, url, client.Options{NoReconnection: true}) // the server does not understand it
	if err := s.Connect(deadline(t)); err == nil {
		t.Error("it connects with the wrong parser")
	}
}
