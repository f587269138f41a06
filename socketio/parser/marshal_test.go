package parser

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// encodeEvent encodes an event of the main namespace as Default does.
func encodeEvent(args ...any) (text []byte, attachments [][]byte, err error) {
	payload, attachments, err := MarshalEvent("e", args)
	if err != nil {
		return nil, nil, err
	}
	e, err := Default{}.Encode(Packet{Type: Event, Namespace: "/", Payload: payload, Attachments: attachments})
	return e.Data, e.Attachments, err
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
		{"a backslash before what looks like an escape", []any{`\u2028`, "\\\u2028"},
			"2[\"e\",\"\\\\u2028\",\"\\\\\u2028\"]", ``},
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
			`55-["e",{"a":` + p(0) + `,"b":` + p(1) + `},[` + p(2) + `],[` + p(3) + `],{"p":` + p(4) + `}]`,
			`1|2|3|4|5`},
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
			text, attachments, err := encodeEvent(tt.args...)
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
		if _, _, err := encodeEvent(arg); err == nil {
			t.Errorf("%T: no error", arg)
		}
	}
}

// A client's own object of the form of a placeholder, which it may send where there are no attachments, is not sent
// on beside somebody's attachment: each client that got it would close its connection. One that fits an attachment is
// harmless.
func TestMarshalBesideAFalsePlaceholder(t *testing.T) {
	for text, harmless := range map[string]bool{
		`["x",{"_placeholder":true,"num":9}]`: false, `["x",[{"\u005fplaceholder":true,"num":-1}]]`: false,
		`["x",{"_placeholder":true}]`: false, `["x",{"_placeholder":true,"num":0}]`: true,
		`["x",{"_placeholder":1,"num":9}]`: true, `["x","_placeholder\"\\"]`: true,
	} {
		p, err := Default{}.Decode(nil, []byte("2"+text), false)
		if err != nil {
			t.Fatal(err)
		}
		args := p.Args()
		if _, _, err := MarshalEvent("x", []any{args.Raw(0)}); err != nil {
			t.Errorf("%s alone: %v", text, err)
		}
		for name, beside := range map[string]any{"bytes": []byte{1}, "in a map": map[string]any{"a": Binary{1}}} {
			_, _, err := MarshalEvent("x", []any{args.Raw(0), beside})
			if harmless != (err == nil) || err != nil && !errors.Is(err, ErrInvalidPacket) {
				t.Errorf("%s beside %s: %v", text, name, err)
			}
		}
	}
}

// The buffer grows with what is in it, and not with each argument: 10,000 of them must not be copied 10,000 times.
func TestManyArguments(t *testing.T) {
	for name, text := range map[string]string{"short": `"x"`, "long": `"` + strings.Repeat("x", 40_000) + `"`} {
		arg, err := NewRaw([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		args := slices.Repeat([]any{arg}, 10_000_000/(1000+len(text)))
		want := `["e",` + strings.TrimSuffix(strings.Repeat(text+",", len(args)), ",") + "]"
		var got []byte
		allocations := testing.AllocsPerRun(1, func() { got, _, _ = MarshalEvent("e", args) })
		if string(got) != want {
			t.Errorf("%d %s arguments: not as they were", len(args), name)
		}
		if allocations > 60 {
			t.Errorf("%d %s arguments take %.0f allocations", len(args), name, allocations)
		}
	}
}
