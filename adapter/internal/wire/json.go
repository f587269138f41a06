// Package wire has what the messages of Node.js's cluster adapters are made of, in JSON and in MessagePack.
//
// Messages cross a broker as MessagePack; packets are JSON with placeholders for binary attachments. Package
// msgpackjson translates one into the other.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/brunossouza/websocket-escalonavel/internal/msgpackjson"
)

// PacketEvent is the type of the packet of a broadcast. It stays that with attachments too, as those are inside of it.
const PacketEvent = 2

// IsEvent reports whether a packet of this type is an event. Readers take a binary event for one.
func IsEvent(packetType int) bool { return packetType == PacketEvent || packetType == 5 }

// ErrEvent is returned for a packet that is not an event.
var ErrEvent = errors.New("wire: not an event")

// Marshal is json.Marshal without its escapes for HTML, which JavaScript does not write.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// ToJSON returns a message as JSON in UTF-8. b is JSON, or MessagePack, as messages are that may carry binary data.
func ToJSON(b []byte) (text json.RawMessage, attachments [][]byte, err error) {
	if len(b) == 0 || b[0] != '{' {
		var r msgpackjson.Reader
		text, _, err = r.AppendValue(nil, b)
		return text, r.Attachments, err
	}
	if !json.Valid(b) {
		return nil, nil, msgpackjson.ErrShort
	}
	if !utf8.Valid(b) {
		b = bytes.ToValidUTF8(b, []byte("\uFFFD"))
	}
	return b, nil, nil
}
