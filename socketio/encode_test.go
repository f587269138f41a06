package socketio

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Blob []byte `json:"blob,omitempty"`
	Note string `json:"note,omitempty"`
}

type message struct {
	Nickname Raw     `json:"nickname,omitzero"`
	Text     Raw     `json:"message,omitzero"`
	File     Binary  `json:"file,omitempty"`
	Inner    *inner  `json:"inner,omitempty"`
	List     []inner `json:"list,omitempty"`
	Any      any     `json:"any,omitempty"`
	inner
	private []byte
}

func raw(t *testing.T, text string, attachments ...string) Raw {
	t.Helper()
	var list [][]byte
	for _, a := range attachments {
		list = append(list, []byte(a))
	}
	r, err := NewRaw(json.RawMessage(text), list...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEncode(t *testing.T) {
	const ph = `{"_placeholder":true,"num":%d}`
	p := func(n int) string { return fmt.Sprintf(ph, n) }
	photo := raw(t, `{"a": {"num":1,"_placeholder":true}, "b": [{"_placeholder":true,"num":0}]}`, "zero", "one")
	tests := []struct {
		name string
		args []any
		want string // the payload, and what follows
		bin  string
	}{
		{"nothing", nil, `2["e"]`, ``},
		{"scalars", []any{nil, true, 1, -2.5, "x", uint8(3)}, `2["e",null,true,1,-2.5,"x",3]`, ``},
		{"no escapes for HTML", []any{"<b>&\u2028\u2029</b>", "\x00\x1f\"\\/ü"},
			"2[\"e\",\"<b>&\u2028\u2029</b>\",\"\\u0000\\u001f\\\"\\\\/ü\"]", ``},
		{"a backslash before what looks like an escape", []any{`\u2028`, "\\\u2028"}, "2[\"e\",\"\\\\u2028\",\"\\\\\u2028\"]", ``},
		{"invalid UTF-8", []any{"a\xffb", json.RawMessage("\"a\xffb\"")}, "2[\"e\",\"a\\ufffdb\",\"a\uFFFDb\"]", ``},
		{"raw", []any{raw(t, `{"n": 123456789012345678901, "f":1.50, "s":"\ud83d\u2028"}`)},
			`2["e",{"n": 123456789012345678901, "f":1.50, "s":"\ud83d\u2028"}]`, ``},
		{"raw in a struct", []any{message{Nickname: raw(t, `1.50`), Text: raw(t, `"\u2028<"`)}},
			`2["e",{"nickname":1.50,"message":"\u2028<"}]`, ``},
		{"raw beside a line separator", []any{map[string]any{"a": raw(t, `"\u2028"`), "b": "\u2028"}},
			"2[\"e\",{\"a\":\"\\u2028\",\"b\":\"\u2028\"}]", ``},
		{"zero raw", []any{Raw{}, &Raw{}, (*Raw)(nil)}, `2["e",null,null,null]`, ``},
		{"a raw that looks like a placeholder", []any{raw(t, p(3))}, `2["e",` + p(3) + `]`, ``},
		{"binary", []any{[]byte("x"), Binary("y"), []byte{}, []byte(nil)},
			`53-["e",` + p(0) + `,` + p(1) + `,` + p(2) + `,null]`, `x|y|`},
		{"renumbered raw", []any{[]byte("first"), photo},
			`53-["e",` + p(0) + `,{"a": ` + p(1) + `, "b": [` + p(2) + `]}]`, `first|one|zero`},
		{"in a struct", []any{&message{
			File: Binary("f"), Inner: &inner{Blob: []byte("i")}, List: []inner{{Note: "n"}, {Blob: []byte("l")}},
			Any: map[string]any{"z": []byte("z"), "a": photo}, inner: inner{Blob: []byte("p")}, private: []byte("no"),
		}}, `57-["e",{"file":` + p(0) + `,"inner":{"blob":` + p(1) + `},"list":[{"note":"n"},{"blob":` + p(2) +
			`}],"any":{"a":{"a": ` + p(3) + `, "b": [` + p(4) + `]},"z":` + p(5) + `},"blob":` + p(6) + `}]`,
			`f|i|l|one|zero|z|p`},
		{"in maps, slices, arrays", []any{map[string][]byte{"b": []byte("2"), "a": []byte("1")}, [][]byte{[]byte("3")},
			[1]any{[]byte("4")}, map[string]*Binary{"p": new(Binary("5"))}},
			`55-["e",{"a":` + p(0) + `,"b":` + p(1) + `},[` + p(2) + `],[` + p(3) + `],{"p":` + p(4) + `}]`, `1|2|3|4|5`},
		{"what marshals itself", []any{json.RawMessage(`{"a": 1}`), time.Unix(0, 0).UTC(), [2]byte{1, 2}},
			`2["e",{"a":1},"1970-01-01T00:00:00Z",[1,2]]`, ``},
		{"empty but not absent", []any{struct {
			A []byte `json:"a"`
			B []byte `json:"b"`
			C []byte `json:"c,omitempty"`
			D []byte `json:"d"`
		}{[]byte{}, nil, []byte{}, []byte("d")}}, `52-["e",{"a":` + p(0) + `,"b":null,"d":` + p(1) + `}]`, `|d`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := fmt.Sprintf("%+v", tt.args)
			text, attachments, err := encodePacket(packetEvent, "/", nil, "e", tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if string(text) != tt.want {
				t.Errorf("got  %s\nwant %s", text, tt.want)
			}
			var bin []string
			for _, a := range attachments {
				bin = append(bin, string(a))
			}
			if strings.Join(bin, "|") != tt.bin {
				t.Errorf("attachments %q, want %s", bin, tt.bin)
			}
			if after := fmt.Sprintf("%+v", tt.args); after != before {
				t.Errorf("encoding changed the arguments: %s", after)
			}
		})
	}
}

func TestEncodeHeader(t *testing.T) {
	for want, f := range map[string]func() ([]byte, [][]byte, error){
		`2/chat,12["e"]`: func() ([]byte, [][]byte, error) {
			return encodePacket(packetEvent, "/chat", []byte("12"), "e", nil)
		},
		`37[]`: func() ([]byte, [][]byte, error) { return encodePacket(packetAck, "/", []byte("7"), "", nil) },
		`3/a,7[1,"x"]`: func() ([]byte, [][]byte, error) {
			return encodePacket(packetAck, "/a", []byte("7"), "", []any{1, "x"})
		},
		`61-/a,7[{"_placeholder":true,"num":0}]`: func() ([]byte, [][]byte, error) {
			return encodePacket(packetAck, "/a", []byte("7"), "", []any{[]byte{1}})
		},
	} {
		if text, _, err := f(); err != nil || string(text) != want {
			t.Errorf("got %s, %v, want %s", text, err, want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	type loop struct {
		Next *loop
		B    []byte
	}
	l := &loop{}
	l.Next = l
	m := map[string]any{}
	m["m"] = m
	for _, arg := range []any{make(chan int), func() {}, l, m, []any{[]byte("x"), make(chan int)}} {
		if _, _, err := encodePacket(packetEvent, "/", nil, "e", []any{arg}); err == nil {
			t.Errorf("%T: no error", arg)
		}
	}
}

// binaryEvent decodes a packet with attachments as a connection would.
func binaryEvent(t *testing.T, text string, attachments ...string) *Event {
	t.Helper()
	var p inPacket
	if err := decode([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	for _, a := range attachments {
		p.args.attachments = append(p.args.attachments, []byte(a))
	}
	return &Event{Args: p.args, name: p.name}
}

func TestBind(t *testing.T) {
	e := binaryEvent(t, `53-["e",{"nickname":{"x":{"_placeholder":true,"num":1}},"message":"hi \u2028","file":{"num":0,"_placeholder":true},`+
		`"inner":{"blob":{"_placeholder":true,"num":2}},"list":[{"blob":{"_placeholder":true,"num":1}}],"any":[{"_placeholder":true,"num":0},"s"],`+
		`"blob":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":2},"text"]`, "zero", "one", "two")

	var m message
	var b []byte
	var s string
	if err := e.Bind(&m, &b, &s); err != nil {
		t.Fatal(err)
	}
	list := m.Any.([]any)
	if string(m.File) != "zero" || string(m.Inner.Blob) != "two" || string(m.List[0].Blob) != "one" || string(m.Blob) != "zero" ||
		string(list[0].([]byte)) != "zero" || list[1] != "s" || string(b) != "two" || s != "text" {
		t.Errorf("bound %+v, %q, %q", m, b, s)
	}
	if got := string(m.Text.JSON()); got != `"hi \u2028"` {
		t.Errorf("raw text %s", got)
	}
	text, attachments, err := encodePacket(packetEvent, "/", nil, "e", []any{map[string]any{"n": m.Nickname}})
	if err != nil || string(text) != `51-["e",{"n":{"x":{"_placeholder":true,"num":0}}}]` || string(attachments[0]) != "one" {
		t.Errorf("raw with attachment went out as %s %q, %v", text, attachments, err)
	}

	var fields map[string]Raw
	if err := e.Bind(&fields); err != nil {
		t.Fatal(err)
	}
	text, attachments, err = encodePacket(packetEvent, "/", nil, "e", []any{fields["file"], fields["message"]})
	if err != nil || string(text) != `51-["e",{"_placeholder":true,"num":0},"hi \u2028"]` || string(attachments[0]) != "zero" {
		t.Errorf("map of raws went out as %s %q, %v", text, attachments, err)
	}

	var blobs map[string]*inner
	if err := binaryEvent(t, `51-["e",{"k":{"blob":{"_placeholder":true,"num":0}}}]`, "x").Bind(&blobs); err != nil || string(blobs["k"].Blob) != "x" {
		t.Errorf("map of structs: %v, %v", blobs, err)
	}
	var bins map[string]Binary
	if err := binaryEvent(t, `51-["e",{"k":{"_placeholder":true,"num":0}}]`, "x").Bind(&bins); err != nil || string(bins["k"]) != "x" {
		t.Errorf("map of byte slices: %v, %v", bins, err)
	}
}

func TestBindErrors(t *testing.T) {
	e := binaryEvent(t, `2["e",1,{"_placeholder":true,"num":0}]`)
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
