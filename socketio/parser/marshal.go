package parser

// Values to JSON text and attachments. encoding/json does most of it; it has no notion of attachments, which tokens.go
// takes past it.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

// Marshal encodes one value. Raw.Bind is its opposite. The error is json.Marshal's, or says that v is nested deeper
// than MaxDepth or contains itself.
func Marshal(v any) (Raw, error) {
	var e encoder
	if err := e.arg(v); err != nil {
		return Raw{}, err
	}
	text := e.text()
	if tooDeep(text, MaxDepth) {
		return Raw{}, errTooDeep
	}
	return Raw{text: text, attachments: e.attachments}, nil
}

// MarshalEvent encodes an event: the array of its name and arguments.
func MarshalEvent(name string, args []any) (payload json.RawMessage, attachments [][]byte, err error) {
	var e encoder
	e.buf.WriteByte('[')
	if err := e.string(name); err != nil {
		return nil, nil, err
	}
	if len(args) > 0 {
		e.buf.WriteByte(',')
	}
	return e.end(args)
}

// MarshalArgs encodes the array of an acknowledgement's arguments.
func MarshalArgs(args []any) (payload json.RawMessage, attachments [][]byte, err error) {
	var e encoder
	length := 64 // the least that a Buffer takes
	for _, arg := range args {
		if raw, ok := arg.(Raw); ok {
			length += len(raw.text) + len(",")
		}
	}
	e.buf = *bytes.NewBuffer(make([]byte, 0, length)) // Grow would write to all of it, at once
	e.buf.WriteByte('[')
	return e.end(args)
}

// end appends the last elements of an array and ends it.
func (e *encoder) end(args []any) (payload json.RawMessage, attachments [][]byte, err error) {
	for i, arg := range args {
		if i > 0 {
			e.buf.WriteByte(',')
		}
		if err := e.arg(arg); err != nil {
			return nil, nil, err
		}
	}
	e.buf.WriteByte(']')
	text := e.text()
	if tooDeep(text, MaxDepth) {
		return nil, nil, errTooDeep
	}
	if err := e.checkPlaceholders(text); err != nil {
		return nil, nil, err
	}
	return text, e.attachments, nil
}

// errPlaceholder is about a client's own object of the form of a placeholder. In a packet without attachments that is
// an ordinary object; beside somebody's attachments it would have every client that gets it close its connection.
var errPlaceholder = fmt.Errorf("%w: an object looks like a placeholder, and has no attachment", ErrInvalidPacket)

// checkPlaceholders checks that clients can put the attachments in their places. Most packets have none, and of those
// that have, most have no other placeholders than the encoder's, which shows without taking the text apart.
func (e *encoder) checkPlaceholders(text []byte) error {
	if len(e.attachments) == 0 || bytes.IndexByte(text, '\\') < 0 &&
		bytes.Count(text, []byte(`"_placeholder"`)) == len(e.attachments) {
		return nil
	}
	if walkPlaceholders(text, len(e.attachments), nil) != nil {
		return errPlaceholder
	}
	return nil
}

// encoder collects the JSON text of a packet's payload and its attachments.
type encoder struct {
	buf         bytes.Buffer
	json        *json.Encoder
	attachments [][]byte
}

// text is what has been appended, as valid UTF-8.
func (e *encoder) text() []byte {
	b := e.buf.Bytes()
	if !utf8.Valid(b) { // a json.RawMessage may hold anything
		b = bytes.ToValidUTF8(b, []byte("\uFFFD"))
	}
	return b
}

// arg appends one argument.
func (e *encoder) arg(arg any) error {
	switch a := arg.(type) {
	case nil:
		e.buf.WriteString("null")
		return nil
	case string:
		return e.string(a)
	case Raw:
		return e.raw(a)
	case []byte:
		e.binary(a)
		return nil
	case Binary:
		e.binary(a)
		return nil
	}
	binary, err := holdsBinary(reflect.ValueOf(arg), 0)
	if err != nil {
		return err
	}
	if !binary {
		if done, err := e.plain(arg); done || err != nil {
			return err
		}
	}
	return e.withTokens(arg)
}

// string appends a string.
func (e *encoder) string(s string) error {
	if isPlain(s) {
		e.buf.WriteByte('"')
		e.buf.WriteString(s)
		e.buf.WriteByte('"')
		return nil
	}
	if done, err := e.plain(s); done || err != nil {
		return err
	}
	return e.withTokens(s)
}

// plain appends v, which has no attachments. It reports false, having appended nothing, where encoding/json has escaped
// U+2028 or U+2029, which Node.js sends as they are: that has to be undone, but not in the text of a Raw.
func (e *encoder) plain(v any) (done bool, err error) {
	start := e.buf.Len()
	if err := e.marshal(v); err != nil {
		return false, err
	}
	if bytes.Contains(e.buf.Bytes()[start:], []byte(`\u202`)) {
		e.buf.Truncate(start)
		return false, nil
	}
	return true, nil
}

// marshal appends v as encoding/json has it, without its escapes for HTML.
func (e *encoder) marshal(v any) error {
	if e.json == nil {
		e.json = json.NewEncoder(&e.buf)
		e.json.SetEscapeHTML(false)
	}
	if err := e.json.Encode(v); err != nil {
		return err
	}
	e.buf.Truncate(e.buf.Len() - 1) // the newline
	return nil
}

// raw appends r's text with its placeholders renumbered.
func (e *encoder) raw(r Raw) error {
	if r.text == nil {
		e.buf.WriteString("null")
		return nil
	}
	if len(r.attachments) == 0 {
		e.write(r.text)
		return nil
	}
	done := 0
	err := walkPlaceholders(r.text, len(r.attachments), func(at span, num int) {
		e.buf.Write(r.text[done:at.start])
		e.binary(r.attachments[num])
		done = at.end
	})
	e.buf.Write(r.text[done:])
	return err
}

// write appends text, which may be long.
func (e *encoder) write(text []byte) {
	if most := len(text) + len("]"); most > e.buf.Available() { // Grow would write to all of it, at once
		grown := make([]byte, 0, max(e.buf.Len()+most, 2*e.buf.Cap()))
		e.buf = *bytes.NewBuffer(append(grown, e.buf.Bytes()...))
	}
	e.buf.Write(turns.Append(e.buf.AvailableBuffer(), text))
}

// binary appends a placeholder and takes b as its attachment.
func (e *encoder) binary(b []byte) {
	if b == nil {
		e.buf.WriteString("null")
		return
	}
	e.buf.Write(appendPlaceholder(e.buf.AvailableBuffer(), len(e.attachments)))
	e.attachments = append(e.attachments, b)
}

// withTokens appends arg, which has Raw values or byte slices somewhere in it.
func (e *encoder) withTokens(arg any) error {
	tokens := newTokens()
	v := reflect.New(reflect.TypeOf(arg)).Elem()
	v.Set(reflect.ValueOf(arg))
	tokens.insert(v, false)

	var inner encoder
	if err := inner.marshal(v.Interface()); err != nil {
		return err
	}
	text := unescapeSeparators(inner.buf.Bytes())
	for {
		at, end, i := tokens.find(text)
		if i < 0 {
			e.buf.Write(text)
			return nil
		}
		e.buf.Write(text[:at])
		switch item := tokens.items[i].(type) {
		case Raw:
			if err := e.raw(item); err != nil {
				return err
			}
		case []byte:
			e.binary(item)
		}
		text = text[end:]
	}
}

// isPlain reports whether s is its own JSON text but for the quotes.
func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7F || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// unescapeSeparators undoes the escapes of U+2028 and U+2029 in JSON text.
func unescapeSeparators(text []byte) []byte {
	if !bytes.Contains(text, []byte(`\u202`)) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 >= len(text) {
			out = append(out, text[i])
			continue
		}
		if rest := text[i:]; len(rest) >= 6 && string(rest[:5]) == `\u202` && (rest[5] == '8' || rest[5] == '9') {
			out = append(out, 0xE2, 0x80, 0xA8+rest[5]-'8')
			i += 5
			continue
		}
		out = append(out, text[i], text[i+1]) // any other escape, whole, so that its second backslash begins none
		i++
	}
	return out
}
