package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// TestTranscript replays what a real Nest service was sent, and compares with what it answered.
func TestTranscript(t *testing.T) {
	data, err := os.ReadFile("testdata/packets.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(data), "### ")[1:]
	if len(cases) < 60 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		name, rest, _ := strings.Cut(c, "\n")
		t.Run(name, func(t *testing.T) {
			srv := newTestServer(t, Options{})
			srv.On("registrar", func(e *Event) error {
				e.Socket().Join("roomChatTest")
				return e.Socket().Emit("registrado", map[string]string{"room": "roomChatTest"})
			})
			client := srv.dial()
			var want []string
			closes := false
			for line := range strings.Lines(rest) {
				line = strings.TrimSpace(line)
				switch {
				case strings.HasPrefix(line, "> "):
					var frames []string
					if err := json.Unmarshal([]byte(line[2:]), &frames); err != nil {
						t.Fatal(err)
					}
					for _, f := range frames {
						if !strings.HasPrefix(f, "<bin") {
							f = strings.TrimPrefix(f, "4")
						}
						client.send(f)
						client.settle()
					}
				case strings.HasPrefix(line, "< [CLOSE 1005"):
					closes = true
				case strings.HasPrefix(line, "< "):
					want = append(want, strings.TrimPrefix(line[2:], "4"))
				}
			}
			for _, w := range want {
				client.want(w)
			}
			if _, closed := client.isClosed(); closed != closes {
				t.Errorf("closed: %v, want %v", closed, closes)
			}
			if !closes {
				client.mu.Lock()
				defer client.mu.Unlock()
				if len(client.frames) > 0 {
					t.Errorf("also received %q", client.frames)
				}
			}
		})
	}
}

func TestDecode(t *testing.T) {
	tests := []struct {
		in        string
		typ       packetType
		namespace string
		id        string // as it would be answered; "" for none
		name      string
		args      []string
	}{
		{in: `0`, typ: packetConnect},
		{in: ``, typ: packetConnect},
		{in: ` `, typ: packetConnect},
		{in: `0/chat`, typ: packetConnect, namespace: "/chat"},
		{in: `0/chat,`, typ: packetConnect, namespace: "/chat"},
		{in: `0/chat,{"token":1}`, typ: packetConnect, namespace: "/chat"},
		{in: `0/chat?token=1,`, typ: packetConnect, namespace: "/chat?token=1"},
		{in: `1`, typ: packetDisconnect},
		{in: `1/chat,`, typ: packetDisconnect, namespace: "/chat"},
		{in: `2`, typ: packetEvent},
		{in: `2["a"]`, typ: packetEvent, name: "a"},
		{in: `2 ["a"]`, typ: packetEvent, name: "a", id: "0"},
		{in: "2\u00a0\u2003[\"a\"]", typ: packetEvent, name: "a", id: "0"},
		{in: `21 2["a"]`, typ: packetEvent, name: "a", id: "NaN"},
		{in: `2 12 ["a"]`, typ: packetEvent, name: "a", id: "12"},
		{in: `2007["a"]`, typ: packetEvent, name: "a", id: "7"},
		{in: `2/chat,12["a",1,"two",{"3":[4]},null]`, typ: packetEvent, namespace: "/chat", id: "12", name: "a",
			args: []string{`1`, `"two"`, `{"3":[4]}`, `null`}},
		{in: "2[ \"a\" , 1.50 ,\t-0 ]\n", typ: packetEvent, name: "a", args: []string{`1.50`, `-0`}},
		{in: `2["a\u0062\"c"]`, typ: packetEvent, name: `ab"c`},
		{in: `2[12]`, typ: packetEvent, name: "12"},
		{in: `2[1.0]`, typ: packetEvent, name: "1"},
		{in: `2[-0]`, typ: packetEvent, name: "0"},
		{in: `2[1e21]`, typ: packetEvent, name: "1e+21"},
		{in: `2["error"]`, typ: packetEvent, name: "error"},
		{in: `29007199254740993["a"]`, typ: packetEvent, name: "a", id: "9007199254740992"},
		{in: `2100000000000000000000["a"]`, typ: packetEvent, name: "a", id: "100000000000000000000"},
		{in: `21000000000000000000000["a"]`, typ: packetEvent, name: "a", id: "1e+21"},
		{in: `3[]`, typ: packetAck},
		{in: `30["x",1]`, typ: packetAck, id: "0", args: []string{`"x"`, `1`}},
		{in: `4{"message":"x"}`, typ: packetConnectError},
		{in: `4"x"`, typ: packetConnectError},
		{in: `4`, typ: packetConnectError},
		{in: `51-["a",{"_placeholder":true,"num":0}]`, typ: packetBinaryEvent, name: "a",
			args: []string{`{"_placeholder":true,"num":0}`}},
		{in: `510-/chat,3["a"]`, typ: packetBinaryEvent, name: "a", namespace: "/chat", id: "3"},
		{in: `5 01.0e0 -["a"]`, typ: packetBinaryEvent, name: "a"},
		{in: `50x5-["a"]`, typ: packetBinaryEvent, name: "a"},
		{in: `61-7["a"]`, typ: packetBinaryAck, id: "7", args: []string{`"a"`}},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			var p inPacket
			if err := decode([]byte(tt.in), &p); err != nil {
				t.Fatal(err)
			}
			if tt.namespace == "" {
				tt.namespace = "/"
			}
			id := ""
			if p.hasID {
				id = string(appendAckID(nil, p.id))
			}
			if p.typ != tt.typ || string(p.namespace) != tt.namespace || p.name != tt.name || id != tt.id {
				t.Errorf("got type %d, namespace %q, name %q, id %q", p.typ, p.namespace, p.name, id)
			}
			var args []string
			for i := range p.args.Len() {
				args = append(args, string(p.args.Raw(i).JSON()))
			}
			if strings.Join(args, "|") != strings.Join(tt.args, "|") {
				t.Errorf("arguments %q, want %q", args, tt.args)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, in := range []string{
		`7`, `x`, `é`, "\xff", `00x`, `0[1]`, `0"s"`, `0{`, `0{} x`, `0null`, `0false`, `1{}`, `1[]`, `1x`, `2{}`, `2[]`, `2[null]`,
		`2[true]`, `2[["a"]]`, `2["a",`, `2["a"`, `2["a"]]`, `2["a"] x`, `2["a",]`, `2[,"a"]`, `2["a" 1]`, `2['a']`, "2[\"a\n\"]",
		`2["\x"]`, `2["\u12G4"]`, `2["\ud8"]`, `2["a",01]`, `2["a",1.]`, `2["a",.5]`, `2["a",+1]`, `2["a",1e]`, `2["a",-]`,
		`2["a",NaN]`, `2["a",tru]`, `2["a",{1:2}]`, `2["a",{"b":1,}]`, `2["a",{"b"}]`, `2["a",{"b":1`, `2["a",[1`, `2-1["a"]`, `21.5["a"]`,
		`2["connect"]`, `2["connect_error"]`, `2["disconnect"]`, `2["disconnecting"]`, `2["newListener"]`, `2["removeListener"]`,
		`2["dis\u0063onnect"]`, `3{}`, `3"x"`, `4[]`, `41[]`, `4null`, `5["a"]`, `51["a"]`, `50-["a"]`, `5-["a"]`, `5-1-["a"]`,
		`5x-["a"]`, `51.5-["a"]`, `511-["a"]`, `59999-["a"]`, `51_0-["a"]`, `51-{}`, `51-["connect"]`, `61-{}`, `60-[]`,
		`2["a",` + strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1) + `]`,
	} {
		var p inPacket
		if err := decode([]byte(in), &p); !errors.Is(err, ErrInvalidPacket) {
			t.Errorf("%.60q: %v, want ErrInvalidPacket", in, err)
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
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "> "); ok && json.Unmarshal([]byte(rest), &frames) == nil {
			for _, frame := range frames {
				f.Add([]byte(strings.TrimPrefix(frame, "4")))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if validJSON(data) != json.Valid(data) {
			t.Fatalf("validJSON says %v", validJSON(data))
		}
		before := bytes.Clone(data)
		var p inPacket
		err := decode(data, &p)
		if !bytes.Equal(before, data) {
			t.Fatal("decode changed its input")
		}
		if err != nil {
			if !errors.Is(err, ErrInvalidPacket) {
				t.Fatal(err)
			}
			return
		}
		if p.typ == packetDisconnect && p.payload != nil {
			t.Fatal("a DISCONNECT with a payload")
		}
		if p.payload == nil {
			return
		}
		if !json.Valid(p.payload) {
			t.Fatalf("took payload %q", p.payload)
		}
		if p.typ != packetEvent && p.typ != packetAck && p.typ != packetBinaryEvent && p.typ != packetBinaryAck {
			return
		}
		var elements []json.RawMessage
		if err := json.Unmarshal(p.payload, &elements); err != nil {
			t.Fatal(err)
		}
		if p.typ == packetEvent || p.typ == packetBinaryEvent {
			elements = elements[1:]
		}
		if len(elements) != p.args.Len() {
			t.Fatalf("%d arguments, want %d", p.args.Len(), len(elements))
		}
		for i, want := range elements {
			if got := p.args.Raw(i).JSON(); !bytes.Equal(got, want) {
				t.Fatalf("argument %d is %q, want %q", i, got, want)
			}
		}
		if p.attachments == 0 {
			return
		}
		for range p.attachments {
			p.args.attachments = append(p.args.attachments, []byte{1, 2, 3})
		}
		if walkPlaceholders(p.payload, p.attachments, nil) != nil {
			return
		}
		// What has been taken can be sent on and bound.
		args := make([]any, p.args.Len())
		for i := range args {
			args[i] = p.args.Raw(i)
			var v any
			var outOfRange *json.UnmarshalTypeError // as 1e999
			if err := p.args.Raw(i).Bind(&v); err != nil && !errors.As(err, &outOfRange) {
				t.Fatal(err)
			}
		}
		if _, _, err := encodePacket(packetEvent, "/", nil, "e", args); err != nil {
			t.Fatal(err)
		}
	})
}
