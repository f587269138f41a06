package parser

import (
	"encoding/json"
	"errors"
	"testing"
)

// decodeEvent decodes an event with its attachments.
func decodeEvent(t *testing.T, text string, attachments ...string) *Args {
	t.Helper()
	p, err := Default{}.Decode(nil, []byte(text), false)
	for _, a := range attachments {
		if err == nil {
			p, err = Default{}.Decode(&p, []byte(a), true)
		}
	}
	if err != nil || p.Missing != 0 {
		t.Fatalf("decoding %s: %v, %d missing", text, err, p.Missing)
	}
	args := p.Args()
	return &args
}

func TestBind(t *testing.T) {
	e := decodeEvent(t, `53-["e",{"nickname":{"x":{"_placeholder":true,"num":1}},"message":"hi \u2028",`+
		`"file":{"num":0,"_placeholder":true},"inner":{"blob":{"_placeholder":true,"num":2}},`+
		`"list":[{"blob":{"_placeholder":true,"num":1}}],"any":[{"_placeholder":true,"num":0},"s"],`+
		`"blob":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":2},"text"]`, "zero", "one", "two")

	var m message
	var b []byte
	var s string
	if err := e.Bind(&m, &b, &s); err != nil {
		t.Fatal(err)
	}
	list := m.Any.([]any)
	if string(m.File) != "zero" || string(m.Inner.Blob) != "two" || string(m.List[0].Blob) != "one" ||
		string(m.Blob) != "zero" ||
		string(list[0].([]byte)) != "zero" || list[1] != "s" || string(b) != "two" || s != "text" {
		t.Errorf("bound %+v, %q, %q", m, b, s)
	}
	if got := string(m.Text.JSON()); got != `"hi \u2028"` {
		t.Errorf("raw text %s", got)
	}
	text, attachments, err := encodeEvent(map[string]any{"n": m.Nickname})
	if err != nil || string(text) != `51-["e",{"n":{"x":{"_placeholder":true,"num":0}}}]` ||
		string(attachments[0]) != "one" {
		t.Errorf("raw with attachment went out as %s %q, %v", text, attachments, err)
	}

	var fields map[string]Raw
	if err := e.Bind(&fields); err != nil {
		t.Fatal(err)
	}
	text, attachments, err = encodeEvent(fields["file"], fields["message"])
	if err != nil || string(text) != `51-["e",{"_placeholder":true,"num":0},"hi \u2028"]` ||
		string(attachments[0]) != "zero" {
		t.Errorf("map of raws went out as %s %q, %v", text, attachments, err)
	}

	var blobs map[string]*inner
	if err := decodeEvent(t, `51-["e",{"k":{"blob":{"_placeholder":true,"num":0}}}]`, "x").Bind(&blobs); err != nil ||
		string(blobs["k"].Blob) != "x" {
		t.Errorf("map of structs: %v, %v", blobs, err)
	}
	var bins map[string]Binary
	if err := decodeEvent(t, `51-["e",{"k":{"_placeholder":true,"num":0}}]`, "x").Bind(&bins); err != nil ||
		string(bins["k"]) != "x" {
		t.Errorf("map of byte slices: %v, %v", bins, err)
	}
}

func TestBindErrors(t *testing.T) {
	e := decodeEvent(t, `2["e",1,{"_placeholder":true,"num":0}]`)
	var n int
	var s string
	var m map[string]any
	if err := e.Bind(&n, nil, &s); !errors.Is(err, ErrMissingArgument) {
		t.Errorf("too few arguments: %v", err)
	}
	var typeErr *json.UnmarshalTypeError
	if err := e.Bind(&s); !errors.As(err, &typeErr) {
		t.Errorf("wrong type: %v", err)
	}
	if err := e.Bind(&n, &m); err != nil || n != 1 || m["_placeholder"] != true {
		t.Errorf("an object like a placeholder in a packet without attachments: %v, %v", m, err)
	}
	if err := (Raw{}).Bind(&n); !errors.Is(err, ErrMissingArgument) {
		t.Errorf("zero raw: %v", err)
	}
	if !e.Raw(7).IsZero() || e.Raw(0).IsZero() || e.Len() != 2 {
		t.Error("Raw or Len is wrong about what there is")
	}
	if _, err := NewRaw([]byte(`{`)); err == nil {
		t.Error("NewRaw took what is no JSON")
	}
	if _, err := NewRaw([]byte(`{"_placeholder":true,"num":1}`), []byte{1}); err == nil {
		t.Error("NewRaw took a placeholder without attachment")
	}
}

// Strings that stand in the text as they are come out as encoding/json has them, and so do all others.
func TestBindStrings(t *testing.T) {
	for _, text := range []string{
		`""`, `"a"`, `"plain ~ text"`, `"a\"b"`, `"\u0041"`, `"\\"`, `"é"`, "\"\xff\"", "\"\x7f\"", ` "a" `,
		`"a" `, `"a"` + "\n", `null`, `1`, `["a"]`, `"null"`,
	} {
		raw, err := NewRaw([]byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		got, want := "before", "before"
		gotErr, wantErr := raw.Bind(&got), json.Unmarshal([]byte(text), &want)
		if got != want || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("%q: got %q, %v, want %q, %v", text, got, gotErr, want, wantErr)
		}
	}
	var none *string
	if raw, _ := NewRaw([]byte(`"a"`)); raw.Bind(none) == nil {
		t.Error("a nil pointer has been bound to")
	}
}
