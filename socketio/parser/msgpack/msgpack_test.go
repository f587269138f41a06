package msgpack

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// unhex returns bytes written in hexadecimal, with spaces where they help.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// str is a MessagePack string of up to 31 bytes.
func str(s string) string { return fmt.Sprintf("%02x%x", 0xa0+len(s), s) }

func TestDecode(t *testing.T) {
	typ, data, nsp, id := str("type"), str("data"), str("nsp"), str("id")
	root := nsp + str("/")
	for _, c := range []struct{ name, pack, want string }{
		{"connect", `82` + typ + `00` + root, `0 /`},
		{"connect of a client without auth", `83` + typ + `00` + data + `d40000` + root, `0 /`},
		{"connect with auth", `83` + typ + `00` + data + `81` + str("a") + `01` + root, `0 / {"a":1}`},
		{"connect with bytes in it", `83` + typ + `00` + data + `81` + str("a") + `c4020102` + root,
			`0 / {"a":"AQI="}`},
		{"disconnect", `82` + typ + `01` + nsp + str("/a"), `1 /a`},
		{"event", `83` + typ + `02` + data + `92` + str("ev") + `c3` + root, `2 / ["ev",true]`},
		{"event with options", `84` + typ + `02` + data + `91` + str("ev") + str("options") + `81` + str("compress") +
			`c3` + root, `2 / ["ev"]`},
		{"event with an id", `84` + typ + `02` + data + `91` + str("ev") + root + id + `cd0100`, `2 /#256 ["ev"]`},
		{"undefined id", `84` + typ + `02` + data + `91` + str("ev") + root + id + `d40000`, `2 / ["ev"]`},
		{"numbers as floats", `84` + typ + `cb4000000000000000` + data + `91` + str("ev") + root + id +
			`ca40400000`, `2 /#3 ["ev"]`},
		{"ack", `84` + typ + `03` + data + `90` + root + id + `00`, `3 /#0 []`},
		{"error", `83` + typ + `04` + data + str("no") + root, `4 / "no"`},
		{"binary", `83` + typ + `02` + data + `92` + str("ev") + `c40101` + root,
			`2 / ["ev",{"_placeholder":true,"num":0}] 01`},
		{"typed array of an old notepack", `83` + typ + `02` + data + `92` + str("ev") + `c702000102` + root,
			`2 / ["ev",{"_placeholder":true,"num":0}] 0102`},
		{"date", `83` + typ + `02` + data + `92` + str("ev") + `d70000000000000003e8` + root,
			`2 / ["ev","1970-01-01T00:00:01.000Z"]`},
		{"namespace that is not UTF-8", `82` + typ + `00` + nsp + `a22fff`, "0 /\uFFFD"},
		{"a field twice", `83` + typ + `00` + typ + `01` + root, `1 /`},
	} {
		p, err := Parser{}.Decode(nil, unhex(t, c.pack), true)
		if got := describe(p); err != nil || got != c.want {
			t.Errorf("%s: %s, %v, want %s", c.name, got, err, c.want)
		}
	}
	event := data + `91` + str("ev")
	for _, c := range []struct{ name, pack string }{
		{"nothing", ``}, {"no map", `90`}, {"cut short", `83` + typ}, {"no type", `81` + root},
		{"no namespace", `81` + typ + `00`}, {"trailing bytes", `82` + typ + `00` + root + `00`},
		{"type out of range", `83` + typ + `05` + event + root}, {"negative type", `82` + typ + `ff` + root},
		{"type with a fraction", `82` + typ + `cb3fe0000000000000` + root},
		{"type is a string", `82` + typ + str("0") + root}, {"namespace is a number", `82` + typ + `00` + nsp + `00`},
		{"namespace without a slash", `82` + typ + `00` + nsp + str("a")},
		{"empty namespace", `82` + typ + `00` + nsp + `a0`},
		{"null id", `84` + typ + `02` + event + root + id + `c0`},
		{"id with a fraction", `84` + typ + `02` + event + root + id + `cb3fe0000000000000`},
		{"id is not a number", `84` + typ + `02` + event + root + id + `cb7ff8000000000001`},
		{"connect with an array", `83` + typ + `00` + data + `90` + root},
		{"connect with null", `83` + typ + `00` + data + `c0` + root},
		{"connect with bytes", `83` + typ + `00` + data + `c40101` + root},
		{"disconnect with something", `83` + typ + `01` + data + `c0` + root},
		{"event without data", `82` + typ + `02` + root},
		{"event without a name", `83` + typ + `02` + data + `90` + root},
		{"event of a map", `83` + typ + `02` + data + `80` + root},
		{"reserved event", `83` + typ + `02` + data + `91` + str("disconnect") + root},
		{"ack of a map", `83` + typ + `03` + data + `80` + root},
		{"error of a number", `83` + typ + `04` + data + `01` + root},
		{"key of a field is a number", `8201` + `00` + root},
		{"eleven attachments", `83` + typ + `02` + data + `9c` + str("ev") + strings.Repeat(`c400`, 11) + root},
		{"placeholder of no attachment", `83` + typ + `02` + data + `93` + str("ev") + `c400` + `82` +
			str("_placeholder") + `c3` + str("num") + `07` + root},
		{"too deep", `83` + typ + `02` + data + `92` + str("ev") + strings.Repeat(`91`, parser.MaxDepth) + `90` + root},
		{"far too deep", `83` + typ + `02` + data + `92` + str("ev") + strings.Repeat(`91`, 1<<20)},
		{"far too deep where nobody looks", `81` + str("x") + strings.Repeat(`91`, 1<<20)},
	} {
		if p, err := (Parser{}).Decode(nil, unhex(t, c.pack), true); !errors.Is(err, parser.ErrInvalidPacket) {
			t.Errorf("%s: %s, %v", c.name, describe(p), err)
		}
	}
	if _, err := (Parser{}).Decode(nil, []byte(`2["ev"]`), false); !errors.Is(err, parser.ErrInvalidPacket) {
		t.Errorf("a text: %v", err)
	}
	many := `83` + typ + `02` + data + `9c` + str("ev") + strings.Repeat(`c400`, 11) + root
	p, err := Parser{MaxAttachments: 11}.Decode(nil, unhex(t, many), true)
	if err != nil || len(p.Attachments) != 11 {
		t.Errorf("eleven attachments, where they may be: %d, %v", len(p.Attachments), err)
	}
}

// describe prints a packet.
func describe(p parser.Packet) string {
	s := fmt.Sprintf("%d %s", p.Type, p.Namespace)
	if p.HasID {
		s += fmt.Sprintf("#%v", p.ID)
	}
	if p.Payload != nil {
		s += " " + string(p.Payload)
	}
	for _, a := range p.Attachments {
		s += fmt.Sprintf(" %x", a)
	}
	return s
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		p    parser.Packet
		want string
	}{
		{parser.Packet{Type: parser.Disconnect, Namespace: "/"}, `82` + str("type") + `01` + str("nsp") + str("/")},
		{parser.Packet{Type: parser.Ack, Namespace: "/", HasID: true, ID: 300, Payload: json.RawMessage(
			`[{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{7}}},
			`84` + str("type") + `03` + str("data") + `91c40107` + str("nsp") + str("/") + str("id") + `cd012c`},
		{parser.Packet{Type: parser.Event, Namespace: "/a", Payload: json.RawMessage(
			`["ev",{"_placeholder":true,"num":0}]`)}, // without attachments an object like any other
			`83` + str("type") + `02` + str("data") + `92` + str("ev") + `82` + str("_placeholder") + `c3` +
				str("num") + `00` + str("nsp") + str("/a")},
	} {
		e, err := Parser{}.Encode(c.p)
		if got := hex.EncodeToString(e.Data); err != nil || got != c.want || !e.Binary || e.Attachments != nil {
			t.Errorf("%s: %s, %v, want\n%s", describe(c.p), got, err, c.want)
		}
	}
	for _, id := range []float64{math.NaN(), math.Inf(1), 0.5} {
		p := parser.Packet{Type: parser.Ack, Namespace: "/", HasID: true, ID: id}
		if _, err := (Parser{}).Encode(p); err == nil {
			t.Errorf("id %v has been encoded", id)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, p := range []parser.Packet{
		{Type: parser.Connect, Namespace: "/", Payload: json.RawMessage(`{"a":1}`)},
		{Type: parser.Event, Namespace: "/a", HasID: true, ID: 1 << 40, Payload: json.RawMessage(
			`["ev",{"_placeholder":true,"num":0},[1.5,-3,"é",null]]`), Attachments: [][]byte{{1, 2}}},
		{Type: parser.Ack, Namespace: "/", HasID: true, Payload: json.RawMessage(`[]`)},
	} {
		e, _ := Parser{}.Encode(p)
		f.Add(e.Data)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parser{}.Decode(nil, b, true)
		if err != nil {
			if !errors.Is(err, parser.ErrInvalidPacket) {
				t.Fatalf("%x: %v", b, err)
			}
			return
		}
		if len(p.Payload) > 8*len(b)+40*len(p.Attachments) || p.Payload != nil && !json.Valid(p.Payload) {
			t.Fatalf("%x: %d bytes of payload", b, len(p.Payload))
		}
		e, err := Parser{}.Encode(p)
		if err != nil {
			t.Fatalf("%x: %s cannot be encoded: %v", b, describe(p), err)
		}
		again, err := Parser{}.Decode(nil, e.Data, true)
		if err != nil || again.Type != p.Type || again.Namespace != p.Namespace || again.HasID != p.HasID ||
			again.ID != p.ID || again.Event != p.Event || len(again.Attachments) > len(p.Attachments) {
			t.Fatalf("%x: %s, then %s, %v", b, describe(p), describe(again), err)
		}
		if e2, err := (Parser{}).Encode(again); err != nil || !bytes.Equal(e.Data, e2.Data) {
			t.Fatalf("%x: %x, then %x, %v", b, e.Data, e2.Data, err)
		}
	})
}
