package parser

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecode(t *testing.T) {
	tests := []struct {
		in        string
		typ       Type
		namespace string
		id        string // as it would be answered; "" for none
		name      string
		args      []string
		missing   int // attachments
	}{
		{in: `0`, typ: Connect},
		{in: ``, typ: Connect},
		{in: ` `, typ: Connect},
		{in: `0/chat`, typ: Connect, namespace: "/chat"},
		{in: `0/chat,`, typ: Connect, namespace: "/chat"},
		{in: `0/chat,{"token":1}`, typ: Connect, namespace: "/chat"},
		{in: `0/chat?token=1,`, typ: Connect, namespace: "/chat?token=1"},
		{in: `1`, typ: Disconnect},
		{in: `1/chat,`, typ: Disconnect, namespace: "/chat"},
		{in: `2`, typ: Event},
		{in: `2["a"]`, typ: Event, name: "a"},
		{in: `2 ["a"]`, typ: Event, name: "a", id: "0"},
		{in: "2\u00a0\u2003[\"a\"]", typ: Event, name: "a", id: "0"},
		{in: `21 2["a"]`, typ: Event, name: "a", id: "NaN"},
		{in: `2 12 ["a"]`, typ: Event, name: "a", id: "12"},
		{in: `2007["a"]`, typ: Event, name: "a", id: "7"},
		{in: `2/chat,12["a",1,"two",{"3":[4]},null]`, typ: Event, namespace: "/chat", id: "12", name: "a",
			args: []string{`1`, `"two"`, `{"3":[4]}`, `null`}},
		{in: "2[ \"a\" , 1.50 ,\t-0 ]\n", typ: Event, name: "a", args: []string{`1.50`, `-0`}},
		{in: `2["a\u0062\"c"]`, typ: Event, name: `ab"c`},
		{in: `2[12]`, typ: Event, name: "12"},
		{in: `2[1.0]`, typ: Event, name: "1"},
		{in: `2[-0]`, typ: Event, name: "0"},
		{in: `2[1e21]`, typ: Event, name: "1e+21"},
		{in: `2["error"]`, typ: Event, name: "error"},
		{in: `29007199254740993["a"]`, typ: Event, name: "a", id: "9007199254740992"},
		{in: `2100000000000000000000["a"]`, typ: Event, name: "a", id: "100000000000000000000"},
		{in: `21000000000000000000000["a"]`, typ: Event, name: "a", id: "1e+21"},
		{in: `3[]`, typ: Ack},
		{in: `30["x",1]`, typ: Ack, id: "0", args: []string{`"x"`, `1`}},
		{in: `4{"message":"x"}`, typ: ConnectError},
		{in: `4"x"`, typ: ConnectError},
		{in: `4`, typ: ConnectError},
		{in: `51-["a",{"_placeholder":true,"num":0}]`, typ: Event, missing: 1, name: "a",
			args: []string{`{"_placeholder":true,"num":0}`}},
		{in: `510-/chat,3["a"]`, typ: Event, missing: 10, name: "a", namespace: "/chat", id: "3"},
		{in: `5 01.0e0 -["a"]`, typ: Event, missing: 1, name: "a"},
		{in: `50x5-["a"]`, typ: Event, missing: 5, name: "a"},
		{in: `61-7["a"]`, typ: Ack, missing: 1, id: "7", args: []string{`"a"`}},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			p, err := Default{}.Decode(nil, []byte(tt.in), false)
			if err != nil {
				t.Fatal(err)
			}
			if tt.namespace == "" {
				tt.namespace = "/"
			}
			id := ""
			if p.HasID {
				id = string(appendID(nil, p.ID))
			}
			if p.Type != tt.typ || p.Namespace != tt.namespace || p.Event != tt.name || id != tt.id ||
				p.Missing != tt.missing {
				t.Errorf("got type %d, namespace %q, name %q, id %q, %d missing", p.Type, p.Namespace, p.Event, id,
					p.Missing)
			}
			var args []string
			all := p.Args()
			for i := range all.Len() {
				args = append(args, string(all.Raw(i).JSON()))
			}
			if strings.Join(args, "|") != strings.Join(tt.args, "|") {
				t.Errorf("arguments %q, want %q", args, tt.args)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, in := range []string{
		`7`, `x`, `é`, "\xff", `00x`, `0[1]`, `0"s"`, `0{`, `0{} x`, `0null`, `0false`, `1{}`, `1[]`, `1x`, `2{}`,
		`2[]`, `2[null]`, `2[true]`, `2[["a"]]`, `2["a",`, `2["a"`, `2["a"]]`, `2["a"] x`, `2["a",]`, `2[,"a"]`,
		`2["a" 1]`, `2['a']`, "2[\"a\n\"]", `2["\x"]`, `2["\u12G4"]`, `2["\ud8"]`, `2["a",01]`, `2["a",1.]`,
		`2["a",.5]`, `2["a",+1]`, `2["a",1e]`, `2["a",-]`, `2["a",NaN]`, `2["a",tru]`, `2["a",{1:2}]`,
		`2["a",{"b":1,}]`, `2["a",{"b"}]`, `2["a",{"b":1`, `2["a",[1`, `2-1["a"]`, `21.5["a"]`, `2["connect"]`,
		`2["connect_error"]`, `2["disconnect"]`, `2["disconnecting"]`, `2["newListener"]`, `2["removeListener"]`,
		`2["dis\u0063onnect"]`, `3{}`, `3"x"`, `4[]`, `41[]`, `4null`, `5["a"]`, `51["a"]`, `50-["a"]`, `5-["a"]`,
		`5-1-["a"]`, `5x-["a"]`, `51.5-["a"]`, `511-["a"]`, `59999-["a"]`, `51_0-["a"]`, `51-{}`, `51-["connect"]`,
		`61-{}`, `60-[]`,
		`2["a",` + strings.Repeat("[", MaxDepth-wrapDepth) + strings.Repeat("]", MaxDepth-wrapDepth) + `]`,
	} {
		if _, err := (Default{}).Decode(nil, []byte(in), false); !errors.Is(err, ErrInvalidPacket) {
			t.Errorf("%.60q: %v, want ErrInvalidPacket", in, err)
		}
	}
}

// A packet with attachments is whole when the last of them has come, and a message out of turn is refused.
func TestDecodeAttachments(t *testing.T) {
	text := []byte(`52-["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]`)
	p, err := Default{}.Decode(nil, text, false)
	if err != nil || p.Missing != 2 {
		t.Fatalf("%d missing, %v", p.Missing, err)
	}
	for i, a := range []string{"zero", "one"} {
		if _, err := (Default{}).Decode(&p, []byte("2"), false); !errors.Is(err, ErrInvalidPacket) {
			t.Errorf("a text with %d attachments missing: %v", p.Missing, err)
		}
		if p, err = (Default{}).Decode(&p, []byte(a), true); err != nil || p.Missing != 1-i {
			t.Fatalf("%d missing, %v", p.Missing, err)
		}
	}
	args := p.Args()
	var one, zero []byte
	if err := args.Bind(&one, &zero); err != nil || string(one) != "one" || string(zero) != "zero" {
		t.Errorf("bound %q and %q, %v", one, zero, err)
	}
	if want := len(text) - len("52-") + len("zeroone"); p.Size() != want {
		t.Errorf("size %d, want %d", p.Size(), want)
	}
	if _, err := (Default{}).Decode(nil, []byte("stray"), true); !errors.Is(err, ErrInvalidPacket) {
		t.Errorf("an attachment of nothing: %v", err)
	}
	p, err = Default{}.Decode(nil, []byte(`51-["a",{"_placeholder":true,"num":1}]`), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Default{}).Decode(&p, []byte("zero"), true); !errors.Is(err, ErrInvalidPacket) {
		t.Errorf("a placeholder without attachment: %v", err)
	}
}

// What a parser of another wire format hands to SetPayload is checked as the default one's packets are.
func TestSetPayload(t *testing.T) {
	p := Packet{Type: Event}
	if err := p.SetPayload([]byte(`["a",1,{"_placeholder":true,"num":0}]`), [][]byte{[]byte("zero")}); err != nil {
		t.Fatal(err)
	}
	args := p.Args()
	var b []byte
	if err := args.Bind(nil, &b); err != nil || p.Event != "a" || args.Len() != 2 || string(b) != "zero" {
		t.Errorf("event %q with %d arguments and %q, %v", p.Event, args.Len(), b, err)
	}
	for _, tt := range []struct {
		typ         Type
		payload     string
		attachments [][]byte
	}{
		{Event, ``, nil}, {Event, `{}`, nil}, {Event, `[]`, nil}, {Event, `["connect"]`, nil}, {Event, `["a"`, nil},
		{Event, `["a",{"_placeholder":true,"num":1}]`, [][]byte{{0}}}, {Ack, `{}`, nil}, {Connect, `[]`, nil},
		{ConnectError, `[]`, nil}, {Disconnect, `{}`, nil}, {ConnectError + 1, `["a"]`, nil},
	} {
		p := Packet{Type: tt.typ}
		if err := p.SetPayload([]byte(tt.payload), tt.attachments); !errors.Is(err, ErrInvalidPacket) {
			t.Errorf("type %d, %s: %v, want ErrInvalidPacket", tt.typ, tt.payload, err)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	tests := []struct {
		text string
		want string // the numbers found, or "error"
	}{
		{`["a"]`, ``},
		{`[{"_placeholder":true,"num":0}]`, `0`},
		{`[{"num":1,"x":2,"_placeholder":true},{"b":{"_placeholder":true,"num":0}}]`, `10`},
		{`[{"_placeholder":"true","num":7},{"_placeholder":1,"num":7},{"_placeholder":false,"num":7}]`, ``},
		{`[{"_placeholder":true,"_placeholder":false,"num":7}]`, ``},
		{`[{"_placeholder":true,"num":7,"num":1}]`, `1`},
		{`[{"\u005fplaceholder":true,"n\u0075m":1}]`, `1`},
		{`[{"_placeholder":true,"num":0,"in":{"_placeholder":true,"num":9}}]`, `0`},
		{`[{"in":{"_placeholder":true,"num":9},"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, `01`},
		{`[{"in":[{"_placeholder":true,"num":1}],"_placeholder":true,"num":0}]`, `0`},
		{`[{"_placeholder":true,"num":1e0}]`, `1`},
		{`[{"_placeholder":true}]`, `error`},
		{`[{"_placeholder":true,"num":2}]`, `error`},
		{`[{"_placeholder":true,"num":-1}]`, `error`},
		{`[{"_placeholder":true,"num":"0"}]`, `error`},
		{`[{"_placeholder":true,"num":null}]`, `error`},
		{`[{"_placeholder":true,"num":0.5}]`, `error`},
		{`[{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":5}]}]`, `error`},
	}
	for _, tt := range tests {
		var got strings.Builder
		err := walkPlaceholders([]byte(tt.text), 2, func(at span, num int) {
			got.WriteByte('0' + byte(num))
			if tt.text[at.start] != '{' || tt.text[at.end-1] != '}' {
				t.Errorf("%s: place %q", tt.text, tt.text[at.start:at.end])
			}
		})
		if tt.want == "error" {
			if !errors.Is(err, ErrInvalidPacket) {
				t.Errorf("%s: %v, want an error", tt.text, err)
			}
		} else if err != nil || got.String() != tt.want {
			t.Errorf("%s: found %s, %v, want %s", tt.text, got.String(), err, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	data, err := os.ReadFile("testdata/packets.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var frames []string
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "> "); ok &&
			json.Unmarshal([]byte(rest), &frames) == nil {
			for _, frame := range frames {
				f.Add([]byte(strings.TrimPrefix(frame, "4")))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if valid := validJSON(data, 0); valid != (json.Valid(data) && !tooDeep(data, MaxDepth)) {
			t.Fatalf("validJSON says %v", valid)
		}
		before := bytes.Clone(data)
		p, err := Default{}.Decode(nil, data, false)
		if !bytes.Equal(before, data) {
			t.Fatal("Decode changed its input")
		}
		if err != nil {
			if !errors.Is(err, ErrInvalidPacket) {
				t.Fatal(err)
			}
			return
		}
		if p.Type == Disconnect && p.Payload != nil {
			t.Fatal("a DISCONNECT with a payload")
		}
		if p.Payload == nil {
			return
		}
		if !json.Valid(p.Payload) {
			t.Fatalf("took payload %q", p.Payload)
		}
		if p.Type != Event && p.Type != Ack {
			return
		}
		var elements []json.RawMessage
		if err := json.Unmarshal(p.Payload, &elements); err != nil {
			t.Fatal(err)
		}
		if p.Type == Event {
			elements = elements[1:]
		}
		found := p.Args()
		if len(elements) != found.Len() {
			t.Fatalf("%d arguments, want %d", found.Len(), len(elements))
		}
		for i, want := range elements {
			if got := found.Raw(i).JSON(); !bytes.Equal(got, want) {
				t.Fatalf("argument %d is %q, want %q", i, got, want)
			}
		}
		if p.Missing == 0 {
			return
		}
		for p.Missing > 0 {
			if p, err = (Default{}).Decode(&p, []byte{1, 2, 3}, true); err != nil {
				return
			}
		}
		// What has been taken can be sent on and bound.
		found = p.Args()
		args := make([]any, found.Len())
		for i := range args {
			args[i] = found.Raw(i)
			var v any
			var outOfRange *json.UnmarshalTypeError // as 1e999
			if err := found.Raw(i).Bind(&v); err != nil && !errors.As(err, &outOfRange) {
				t.Fatal(err)
			}
		}
		if _, _, err := encodeEvent(args...); err != nil {
			t.Fatal(err)
		}
	})
}

// Whatever a client may say, and a handler sends on beside an attachment of its own, can be decoded by who gets it.
func FuzzSentOn(f *testing.F) {
	for _, text := range []string{
		`2["x",{"_placeholder":true,"num":9}]`, `2["x",1,null]`, `51-/a,7["x",[{"_placeholder":true,"num":0}]]`,
		`30[{}]`,
		`2["x","\u2028\\"]`, `2 ["x"]`,
	} {
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, attach bool) {
		p, err := Default{}.Decode(nil, data, false)
		for err == nil && p.Missing > 0 {
			p, err = Default{}.Decode(&p, []byte{1, 2, 3}, true)
		}
		if err != nil || p.Type != Event && p.Type != Ack {
			return
		}
		found := p.Args()
		args := make([]any, found.Len(), found.Len()+1)
		for i := range args {
			args[i] = found.Raw(i)
		}
		if attach {
			args = append(args, []byte{9})
		}
		answer := Packet{Type: p.Type, Namespace: p.Namespace, HasID: p.Type == Ack, ID: 7}
		if p.Type == Event && p.Event != "" && utf8.ValidString(p.Event) && !IsReservedEvent(p.Event) {
			answer.Payload, answer.Attachments, err = MarshalEvent(p.Event, args)
		} else {
			answer.Type, answer.HasID = Ack, true
			answer.Payload, answer.Attachments, err = MarshalArgs(args)
		}
		if errors.Is(err, ErrInvalidPacket) && attach || len(answer.Attachments) > maxAttachments {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		e, err := Default{}.Encode(answer)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Default{}.Decode(nil, e.Data, false)
		for _, a := range e.Attachments {
			if err == nil {
				again, err = Default{}.Decode(&again, a, true)
			}
		}
		if err != nil || again.Missing > 0 || again.Type != answer.Type || again.Namespace != answer.Namespace {
			t.Fatalf("%q is sent on as %q: %+v, %v", data, e.Data, again, err)
		}
		if answer.Type == Event && again.Event != p.Event {
			t.Fatalf("event %q becomes %q", p.Event, again.Event)
		}
	})
}
