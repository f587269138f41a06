package parser

// Raw: one JSON value as its text, with its attachments.

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Binary is a byte slice that travels as a binary attachment. A plain []byte does too; the name says it.
type Binary []byte

// Raw is an argument, or a part of one, as the JSON text that the client sent, together with the binary attachments
// that its placeholders refer to. Emitted again, alone or inside any other value, its text goes out unchanged, but for
// the numbers of its placeholders and, inside another value, the white space between tokens. The zero Raw stands for
// nothing: it marshals as null, and `omitzero` leaves it out.
//
// A struct field, map value or slice element of type Raw binds with its attachments.
type Raw struct {
	text        []byte
	attachments [][]byte // of the whole packet, by the placeholders' numbers; nil where it has none
}

// NewRaw returns text as a Raw whose placeholders refer to attachments. It refers to both. The error means that text is
// not one valid JSON value, or that a placeholder has no attachment.
func NewRaw(text json.RawMessage, attachments ...[]byte) (Raw, error) {
	if !validJSON(text, 0) {
		return Raw{}, errors.New("socketio: NewRaw: not valid JSON")
	}
	r := Raw{text: text, attachments: attachments}
	if len(attachments) > 0 {
		if err := walkPlaceholders(text, len(attachments), nil); err != nil {
			return Raw{}, fmt.Errorf("socketio: NewRaw: %w", err)
		}
	}
	return r, nil
}

// JSON is the text, with {"_placeholder":true,"num":n} where the n-th of Attachments belongs. It must not be changed.
func (r Raw) JSON() json.RawMessage { return r.text }

// Attachments are those of the packet that r came with, by number; r's text need not refer to all. They must not be
// changed.
func (r Raw) Attachments() [][]byte { return r.attachments }

// Size is what r counts for, in bytes: its text and its attachments.
func (r Raw) Size() int {
	size := len(r.text)
	for _, a := range r.attachments {
		size += len(a)
	}
	return size
}

// Inline is the text with attachments as strings in base64, the JSON that encoding/json has for byte slices: for where
// attachments cannot go along. A value that was a byte slice still binds to one.
func (r Raw) Inline() json.RawMessage {
	if len(r.attachments) == 0 {
		return r.text
	}
	var text []byte
	done := 0
	_ = walkPlaceholders(r.text, len(r.attachments), func(at span, num int) { // they have been checked
		text = append(text, r.text[done:at.start]...)
		text = appendText(text, r.attachments[num])
		done = at.end
	})
	return append(text, r.text[done:]...)
}

// IsZero reports whether r stands for nothing: no argument, as opposed to null.
func (r Raw) IsZero() bool { return r.text == nil }

// Bind stores the value in what ptr points to, as json.Unmarshal does, with attachments for byte slices. The error is a
// *BindError with json.Unmarshal's, or with ErrMissingArgument for the zero Raw.
func (r Raw) Bind(ptr any) error {
	if r.text == nil {
		return &BindError{ErrMissingArgument}
	}
	err := unmarshal(r, ptr)
	var misuse *json.InvalidUnmarshalError
	if err == nil || errors.As(err, &misuse) {
		return err
	}
	return &BindError{err}
}

// A BindError says that a value is not what it was to be bound to. Whoever sent the value is to blame for it, and no
// handler that returns it.
type BindError struct{ err error }

func (e *BindError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *BindError) Unwrap() error { return e.err }

// MarshalJSON returns the text, or null.
func (r Raw) MarshalJSON() ([]byte, error) {
	if r.text == nil {
		return []byte("null"), nil
	}
	return r.text, nil
}

// UnmarshalJSON sets r to a copy of text, without attachments; Bind adds those afterwards.
func (r *Raw) UnmarshalJSON(text []byte) error {
	*r = Raw{text: append([]byte(nil), text...)}
	return nil
}

// Fields returns the fields of a JSON object as they stand in its text, which they share; of a repeated name the last.
// ok is false where r is no object, or has attachments: Bind to a map[string]Raw tells those apart. It costs a tenth of
// that where the text is long.
func (r Raw) Fields() (fields map[string]Raw, ok bool) {
	fields = make(map[string]Raw)
	if ok = r.EachField(func(name string, value Raw) { fields[name] = value }); !ok {
		return nil, false
	}
	return fields, true
}

// EachField calls f with each field that Fields would return, and with all of those that have the same name, in the
// order of the text. Where ok is false, f may have been called with what came before the fault.
func (r Raw) EachField(f func(name string, value Raw)) (ok bool) {
	b := r.text
	i := skipSpace(b, 0)
	if len(r.attachments) > 0 || i >= len(b) || b[i] != '{' {
		return false
	}
	_, ok = scanObject(b, i, 0, func(key []byte, value int) (int, bool) {
		end, ok := scanValue(b, value, 0)
		if ok {
			f(unquote(key), Raw{text: b[value:end:end]})
		}
		return end, ok
	})
	return ok
}
