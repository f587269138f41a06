package parser

// Binding: JSON text with attachments to Go values. Tokens (tokens.go) carry the attachments past encoding/json.

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"unicode/utf8"
)

// unmarshal stores r in what ptr points to.
func unmarshal(r Raw, ptr any) error {
	if p, ok := ptr.(*Raw); ok && p != nil {
		*p = r
		return nil
	}
	if p, ok := ptr.(*string); ok && p != nil && isPlainString(r.text) {
		*p = string(r.text[1 : len(r.text)-1])
		return nil
	}
	if len(r.attachments) == 0 {
		return json.Unmarshal(r.text, ptr)
	}

	tokens := newTokens()
	for _, b := range r.attachments {
		tokens.add(b)
	}
	var text []byte
	done := 0
	err := walkPlaceholders(r.text, len(r.attachments), func(at span, num int) {
		text = append(text, r.text[done:at.start]...)
		text = appendText(text, tokens.token(num))
		done = at.end
	})
	if err != nil {
		return err
	}
	if done == 0 {
		return json.Unmarshal(r.text, ptr)
	}
	text = append(text, r.text[done:]...)
	if err := json.Unmarshal(text, ptr); err != nil {
		return err
	}
	res := restorer{tokens: tokens, attachments: r.attachments, seen: map[any]bool{}}
	res.restore(reflect.ValueOf(ptr))
	return nil
}

// restorer puts attachments where tokens were bound.
type restorer struct {
	tokens      *tokens
	attachments [][]byte
	seen        map[any]bool // pointers and maps gone through: what is bound to may refer to itself
}

func (r *restorer) restore(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && !r.seen[v.Interface()] {
			r.seen[v.Interface()] = true
			r.restore(v.Elem())
		}
	case reflect.Interface:
		if v.IsNil() || !v.CanSet() {
			return
		}
		if s, ok := v.Elem().Interface().(string); ok {
			if b, err := base64.StdEncoding.DecodeString(s); err == nil {
				if i := r.tokens.number(b); i >= 0 {
					v.Set(reflect.ValueOf(r.attachments[i]))
				}
			}
			return
		}
		n := reflect.New(v.Elem().Type()).Elem()
		n.Set(v.Elem())
		r.restore(n)
		v.Set(n)
	case reflect.Struct:
		if v.Type() == rawType {
			if v.CanSet() {
				v.Set(reflect.ValueOf(r.raw(v.Interface().(Raw))))
			}
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); isWalked(f) {
				r.restore(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if i := r.tokens.number(v.Bytes()); i >= 0 && v.CanSet() {
				v.Set(reflect.ValueOf(r.attachments[i]).Convert(v.Type()))
			}
			return
		}
		fallthrough
	case reflect.Array:
		if !isScalar(v.Type().Elem().Kind()) {
			for i := range v.Len() {
				r.restore(v.Index(i))
			}
		}
	case reflect.Map:
		if v.IsNil() || isScalar(v.Type().Elem().Kind()) {
			return
		}
		for it := v.MapRange(); it.Next(); {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(it.Value())
			r.restore(e)
			v.SetMapIndex(it.Key(), e)
		}
	}
}

// raw gives the bound text its placeholders and attachments back.
func (r *restorer) raw(bound Raw) Raw {
	var text []byte
	rest := bound.text
	for {
		at, end, i := r.tokens.find(rest)
		if i < 0 {
			break
		}
		text = append(text, rest[:at]...)
		text = appendPlaceholder(text, i)
		rest = rest[end:]
	}
	if text == nil {
		return bound
	}
	return Raw{text: append(text, rest...), attachments: r.attachments}
}

// isPlainString reports whether text, which is valid JSON, is a string that stands there as it is: ASCII without
// escapes. encoding/json would go through it four times.
func isPlainString(text []byte) bool {
	if len(text) < 2 || text[0] != '"' {
		return false
	}
	for _, c := range text[1:] {
		if c == '\\' || c < ' ' || c >= utf8.RuneSelf {
			return false
		}
	}
	return text[len(text)-1] == '"' // and not white space behind it
}
