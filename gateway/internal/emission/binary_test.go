package emission

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// raws are the arguments of a packet with these attachments.
func raws(t testing.TB, text string, attachments ...string) []socketio.Raw {
	t.Helper()
	var binary [][]byte
	for _, a := range attachments {
		binary = append(binary, []byte(a))
	}
	args, err := parser.ParseArgs([]byte(text), binary)
	if err != nil {
		t.Fatal(err)
	}
	return all(args)
}

func all(args socketio.Args) []socketio.Raw {
	list := make([]socketio.Raw, args.Len())
	for i := range list {
		list[i] = args.Raw(i)
	}
	return list
}

func TestEncode(t *testing.T) {
	const first, second = `{"_placeholder":true,"num":0}`, `{"num":1.0,"_placeholder":true}`
	for _, test := range []struct {
		text, want, binary string
		attachments        []string
	}{
		{`[]`, `[]`, "", nil},
		{`[ 1.50 , {"a": 1e400}]`, `[1.50,{"a": 1e400}]`, "", nil},
		{`[` + first + `]`, `[` + first + `]`, "", nil}, // plain JSON stays what it is
		{`[0,` + first + `]`, `[0,"Zm9v"]`, "/1", []string{"foo"}},
		{`[` + second + `,{"a/~":[` + first + `]}]`, `["YmFy",{"a/~":["Zm9v"]}]`, "/0 /1/a~1~0/0",
			[]string{"foo", "bar"}},
		{`["a"]`, `["a"]`, "", []string{"nobody refers to it"}},
		// JSON's parsers take the last of two members with one name.
		{`[{"a":` + first + `,"a":"text"}]`, `[{"a":"Zm9v","a":"text"}]`, "", []string{"foo"}},
		{`[{"a":{"b":` + first + `},"\u0061":{"b":` + second + `}}]`, `[{"a":{"b":"Zm9v"},"\u0061":{"b":"YmFy"}}]`,
			"/0/a/b", []string{"foo", "bar"}},
		{`[{"_placeholder":true,"x":` + second + `,"num":0}]`, `["Zm9v"]`, "/0", []string{"foo", "bar"}},
	} {
		text, binary, err := Encode(raws(t, test.text, test.attachments...))
		if err != nil || string(text) != test.want || strings.Join(binary, " ") != test.binary {
			t.Errorf("%s: got %s with %q, %v, want %s with %q", test.text, text, binary, err, test.want, test.binary)
		}
	}
	if text, _, err := Encode([]socketio.Raw{{}}); err != nil || string(text) != "[null]" {
		t.Errorf("what stands for nothing: got %s, %v", text, err)
	}
}

// One attachment that a packet refers to a thousand times would be a thousand copies in the JSON.
func TestOneAttachmentInManyPlaces(t *testing.T) {
	many := strings.Repeat(`,{"_placeholder":true,"num":0}`, 1000)
	for _, text := range []string{`[0` + many + `]`, `[[0` + many + `]]`} {
		if got, _, err := Encode(raws(t, text, "x")); err == nil {
			t.Errorf("got %d bytes", len(got))
		}
	}
}

// Whatever a backend writes, nothing panics, what is taken goes back to the same, and what is not listed as binary is
// the same text as before.
func FuzzDecode(f *testing.F) {
	for _, seed := range [][2]string{
		{`[]`, ""}, {`["AA=="]`, "/0"}, {`[{"a":["AA==",1.50]}]`, "/0/a/0"}, {`[{"~/":"AA=="}]`, "/0/~0~1"},
		{`[{"_placeholder":true,"num":0},"AA=="]`, "/1"}, {`[{"_placeholder":true,"num":0}]`, ""},
		{`[{"a":"AA==","a":{"b":"AA=="}}]`, "/0/a/b"}, {`null`, "/0"},
		{`[["",""]]`, "/0/0 /0/1"}, {`["A\u0041=="]`, "/0"},
		{"[\"AA==\" ,\t\"x\"]", "/0"}, {`[{"a":{"c":"AA=="},"a":1}]`, "/0/a/c"},
	} {
		f.Add([]byte(seed[0]), seed[1])
	}
	f.Fuzz(func(t *testing.T, text []byte, pointers string) {
		given := strings.Fields(pointers)
		args, err := Decode(text, given)
		if err != nil {
			return
		}
		again, binary, err := Encode(all(args))
		if err != nil {
			t.Fatalf("%s at %q: %v", text, given, err)
		}
		// It means the same, but for base64 that can be written in other ways.
		if len(given) == 0 && len(text) > 0 && string(text) != "null" && !same(text, again) {
			t.Fatalf("%s has become %s", text, again)
		}
		if len(binary) > len(given) {
			t.Fatalf("%s at %q: %s has binary at %q", text, given, again, binary)
		}
		var value any
		if err := json.Unmarshal(again, &value); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		for _, pointer := range binary {
			if s, ok := lookup(value, pointer).(string); !ok {
				t.Fatalf("%s has no string at %q", again, pointer)
			} else if _, err := base64.StdEncoding.DecodeString(s); err != nil {
				t.Fatalf("%s at %q: %v", again, pointer, err)
			}
		}
		if _, err := Decode(again, binary); err != nil {
			t.Fatalf("%s at %q: %v", again, binary, err)
		}
	})
}

func same(a, b []byte) bool {
	var x, y any
	errX, errY := json.Unmarshal(a, &x), json.Unmarshal(b, &y)
	return (errX == nil) == (errY == nil) && (x == nil || reflect.DeepEqual(x, y))
}

// lookup is the value at a pointer, found by the book (RFC 6901 section 4).
func lookup(value any, pointer string) any {
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch v := value.(type) {
		case []any:
			var i int
			if json.Unmarshal([]byte(step), &i) != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		case map[string]any:
			value = v[strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")]
		default:
			return nil
		}
	}
	return value
}
