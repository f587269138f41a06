package parser

// Tokens take attachments and Raw values past encoding/json, which has no notion of either: byte slices of random
// content that nobody can guess stand in their places, and are replaced afterwards.

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"reflect"
)

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

// token is the token of that number.
func (t *tokens) token(number int) []byte {
	return append(t.nonce[:len(t.nonce):len(t.nonce)], byte(number>>16), byte(number>>8), byte(number))
}

// add returns a new token that stands for item.
func (t *tokens) add(item any) []byte {
	t.items = append(t.items, item)
	return t.token(len(t.items) - 1)
}

// appendText appends the JSON text of a token.
func appendText(dst, token []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, token)
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
				v.Set(reflect.ValueOf(Raw{text: appendText(nil, t.add(r))}))
			}
			return
		}
		if MarshalsItself(v.Type()) {
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); isWalked(f) {
				t.insert(v.Field(i), hasOmitEmpty(f.Tag.Get("json")))
			}
		}
	case reflect.Pointer:
		if v.IsNil() || !v.CanSet() || v.Elem().Type() != rawType && MarshalsItself(v.Type()) {
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
		case !isScalar(v.Type().Elem().Kind()) && !MarshalsItself(v.Type()):
			n := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(n, v)
			for i := range n.Len() {
				t.insert(n.Index(i), false)
			}
			v.Set(n)
		}
	case reflect.Array:
		if !isScalar(v.Type().Elem().Kind()) && !MarshalsItself(v.Type()) {
			for i := range v.Len() {
				t.insert(v.Index(i), false)
			}
		}
	case reflect.Map:
		if v.IsNil() || !v.CanSet() || isScalar(v.Type().Elem().Kind()) || MarshalsItself(v.Type()) {
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
