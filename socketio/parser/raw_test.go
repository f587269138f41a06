package parser

import (
	"encoding/json"
	"maps"
	"testing"
)

// Fields finds what encoding/json finds.
func TestFields(t *testing.T) {
	for _, text := range []string{
		`{}`, ` { } `, `{"a":1}`, ` { "a" : [ 1 , {"b":"}"} ] , "c" : null }`, `{"a":1,"a":"2"}`,
		`{"n\u0061me":"x\"y"}`,
		`{"":{"":{}}}`, `[]`, `null`, `"x"`, `12`,
	} {
		r, err := NewRaw([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]json.RawMessage
		isObject := json.Unmarshal([]byte(text), &want) == nil && want != nil
		got, ok := r.Fields()
		same := maps.EqualFunc(got, want, func(a Raw, b json.RawMessage) bool { return string(a.JSON()) == string(b) })
		if ok != isObject || ok && !same {
			t.Errorf("%s: %v %v, want %v", text, got, ok, want)
		}
	}
	withAttachment, err := NewRaw([]byte(`{"a":{"_placeholder":true,"num":0}}`), []byte{1})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Raw{{}, withAttachment} {
		if fields, ok := r.Fields(); ok {
			t.Errorf("%s: %v", r.JSON(), fields)
		}
	}
}
