package socketio

// Arguments to JSON text and binary attachments, and back. Both directions go through encoding/json, which has no notion
// of attachments: they are smuggled past it as tokens, byte slices of a random content that nobody can guess, and put in
// their places afterwards.

import (
	"bytes"
	"crypto/rand"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
)

// encoder collects the JSON text of a packet's payload and its attachments.
type encoder struct {
	buf         bytes.Buffer
	json        *json.Encoder
	attachments [][]byte
}

// arg appends one argument.
func (e *encoder) arg(arg any) error {
	switch a := arg.(type) {
	case nil:
		e.buf.WriteString("null")
		return nil
	case string:
		if isPlain(a) {
			e.buf.WriteByte('"')
			e.buf.WriteString(a)
			e.buf.WriteByte('"')
			return nil
		}
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
	start := e.buf.Len()
	if !binary {
		if err := e.marshal(arg); err != nil {
			return err
		}
		if !bytes.Contains(e.buf.Bytes()[start:], []byte(`\u202`)) {
			return nil
		}
		// encoding/json has escaped U+2028 or U+2029, which Node sends as they are. Undo that, but not in the text of
		// a Raw: once more, with those out of the way.
		e.buf.Truncate(start)
	}
	return e.withTokens(arg)
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
		e.buf.Write(r.text)
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

// maxValueDepth of pointers, containers and interfaces in one argument; a value that refers to itself reaches it.
const maxValueDepth = 1000

var errTooDeep = errors.New("socketio: the argument is nested too deeply, or contains itself")

var (
	rawType           = reflect.TypeFor[Raw]()
	bytesType         = reflect.TypeFor[[]byte]()
	marshalerType     = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
)

// marshalsItself reports whether encoding/json asks the type for its JSON. What is inside is then the type's affair.
func marshalsItself(t reflect.Type) bool {
	if t.Implements(marshalerType) || t.Implements(textMarshalerType) {
		return true
	}
	p := reflect.PointerTo(t)
	return t.Kind() != reflect.Interface && (p.Implements(marshalerType) || p.Implements(textMarshalerType))
}

// holdsBinary reports whether v has a byte slice, or a Raw with attachments, anywhere in it.
func holdsBinary(v reflect.Value, depth int) (bool, error) {
	if depth > maxValueDepth {
		return false, errTooDeep
	}
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == rawType {
			return v.Field(1).Len() > 0, nil
		}
		if marshalsItself(v.Type()) {
			return false, nil
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); isWalked(f) {
				if ok, err := holdsBinary(v.Field(i), depth+1); ok || err != nil {
					return ok, err
				}
			}
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			if e := v.Elem(); v.Kind() == reflect.Interface || e.Type() == rawType || !marshalsItself(v.Type()) {
				return holdsBinary(e, depth+1)
			}
		}
	case reflect.Slice, reflect.Array:
		if isBytes(v.Type()) {
			return !v.IsNil(), nil
		}
		if isScalar(v.Type().Elem().Kind()) || marshalsItself(v.Type()) {
			return false, nil
		}
		for i := range v.Len() {
			if ok, err := holdsBinary(v.Index(i), depth+1); ok || err != nil {
				return ok, err
			}
		}
	case reflect.Map:
		if isScalar(v.Type().Elem().Kind()) || marshalsItself(v.Type()) {
			return false, nil
		}
		for it := v.MapRange(); it.Next(); {
			if ok, err := holdsBinary(it.Value(), depth+1); ok || err != nil {
				return ok, err
			}
		}
	}
	return false, nil
}

// isWalked reports whether encoding/json looks into a field.
func isWalked(f reflect.StructField) bool {
	return f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct
}

func isScalar(k reflect.Kind) bool { return k <= reflect.Complex128 || k == reflect.String }

// isBytes reports whether t is a byte slice that encoding/json has no other form for.
func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && !marshalsItself(t) &&
		!marshalsItself(t.Elem())
}

// tokens stand for things that encoding/json is not to see. A token is a byte slice: a nonce, so that no text of a
// client can be mistaken for one, and a number. Its base64 form, which is its JSON, has 20 characters.
type tokens struct {
	nonce  [12]byte
	prefix []byte // the quote and the 16 characters that every token's JSON begins with
	items  []any  // what each stands for: Raw or []byte
}

const tokenTextLen = 1 + 20 + 1 // with its quotes

func newTokens() *tokens {
	t := &tokens{}
	_, _ = rand.Read(t.nonce[:]) // never fails
	t.prefix = base64.StdEncoding.AppendEncode([]byte{'"'}, t.nonce[:])
	return t
}

// add returns a new token that stands for item.
func (t *tokens) add(item any) []byte {
	i := len(t.items)
	t.items = append(t.items, item)
	return append(t.nonce[:len(t.nonce):len(t.nonce)], byte(i>>16), byte(i>>8), byte(i))
}

// addText is add for a place in JSON text.
func (t *tokens) addText(dst []byte, item any) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, t.add(item))
	return append(dst, '"')
}

// number is that of the token b, or -1 where b is none.
func (t *tokens) number(b []byte) int {
	if len(b) != len(t.nonce)+3 || string(b[:len(t.nonce)]) != string(t.nonce[:]) {
		return -1
	}
	n := int(b[12])<<16 | int(b[13])<<8 | int(b[14])
	if n >= len(t.items) {
		return -1
	}
	return n
}

// find returns the place of the first token in JSON text, and its number, or -1.
func (t *tokens) find(text []byte) (at, end, number int) {
	at = bytes.Index(text, t.prefix)
	if at < 0 || len(text) < at+tokenTextLen {
		return 0, 0, -1
	}
	end = at + tokenTextLen
	b, err := base64.StdEncoding.DecodeString(string(text[at+1 : end-1]))
	if err != nil {
		return 0, 0, -1
	}
	return at, end, t.number(b)
}

// insert puts tokens in place of the byte slices and the Raw values in v, copying whatever it changes.
func (t *tokens) insert(v reflect.Value, omitEmpty bool) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == rawType {
			if r := v.Interface().(Raw); r.text != nil && v.CanSet() {
				v.Set(reflect.ValueOf(Raw{text: t.addText(nil, r)}))
			}
			return
		}
		if marshalsItself(v.Type()) {
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); isWalked(f) {
				t.insert(v.Field(i), hasOmitEmpty(f.Tag.Get("json")))
			}
		}
	case reflect.Pointer:
		if v.IsNil() || !v.CanSet() || v.Elem().Type() != rawType && marshalsItself(v.Type()) {
			return
		}
		n := reflect.New(v.Type().Elem())
		n.Elem().Set(v.Elem())
		t.insert(n.Elem(), false)
		v.Set(n)
	case reflect.Interface:
		if v.IsNil() || !v.CanSet() {
			return
		}
		n := reflect.New(v.Elem().Type()).Elem()
		n.Set(v.Elem())
		t.insert(n, false)
		v.Set(n)
	case reflect.Slice:
		switch {
		case v.IsNil() || !v.CanSet():
		case isBytes(v.Type()):
			if v.Len() > 0 || !omitEmpty {
				b := v.Convert(bytesType).Interface().([]byte)
				v.Set(reflect.ValueOf(t.add(b)).Convert(v.Type()))
			}
		case !isScalar(v.Type().Elem().Kind()) && !marshalsItself(v.Type()):
			n := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(n, v)
			for i := range n.Len() {
				t.insert(n.Index(i), false)
			}
			v.Set(n)
		}
	case reflect.Array:
		if !isScalar(v.Type().Elem().Kind()) && !marshalsItself(v.Type()) {
			for i := range v.Len() {
				t.insert(v.Index(i), false)
			}
		}
	case reflect.Map:
		if v.IsNil() || !v.CanSet() || isScalar(v.Type().Elem().Kind()) || marshalsItself(v.Type()) {
			return
		}
		n := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(it.Value())
			t.insert(e, false)
			n.SetMapIndex(it.Key(), e)
		}
		v.Set(n)
	}
}

func hasOmitEmpty(tag string) bool {
	_, opts, _ := bytes.Cut([]byte(tag), []byte{','})
	for len(opts) > 0 {
		var opt []byte
		opt, opts, _ = bytes.Cut(opts, []byte{','})
		if string(opt) == "omitempty" {
			return true
		}
	}
	return false
}
