package engineio

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPayload(t *testing.T) {
	text := func(kind packetType, data string) packet { return packet{kind: kind, data: []byte(data)} }
	bin := func(data string) packet { return packet{kind: packetMessage, binary: true, data: []byte(data)} }
	tests := []struct {
		payload string
		want    []packet
		bad     bool // what follows these packets
	}{
		{payload: "4hello", want: []packet{text('4', "hello")}},
		{payload: "4", want: []packet{text('4', "")}},
		{payload: "0{}", want: []packet{text('0', "{}")}},
		{payload: "1", want: []packet{text('1', "")}},
		{payload: "2probe", want: []packet{text('2', "probe")}},
		{payload: "3\x1e5\x1e6", want: []packet{text('3', ""), text('5', ""), text('6', "")}},
		{payload: "4a\x1e4b\x1e4c", want: []packet{text('4', "a"), text('4', "b"), text('4', "c")}},
		{payload: "4é\x1e4€", want: []packet{text('4', "é"), text('4', "€")}},
		{payload: "bAQIDBA==", want: []packet{bin("\x01\x02\x03\x04")}},
		{payload: "4a\x1ebAQIDBA==\x1e4b", want: []packet{text('4', "a"), bin("\x01\x02\x03\x04"), text('4', "b")}},
		{payload: "b", want: []packet{bin("")}},
		{payload: "b!!!!", want: []packet{bin("")}},
		{payload: "4b", want: []packet{text('4', "b")}},
		{payload: "", bad: true},
		{payload: "abc", bad: true},
		{payload: "7", bad: true},
		{payload: "/", bad: true},
		{payload: "B", bad: true},
		{payload: "\xff", bad: true},
		{payload: "4a\x1e", want: []packet{text('4', "a")}, bad: true},
		{payload: "\x1e4a", bad: true},
		{payload: "4a\x1e\x1e4b", want: []packet{text('4', "a")}, bad: true},
		{payload: "4a\x1e9\x1e4b", want: []packet{text('4', "a")}, bad: true},
	}
	for _, tt := range tests {
		got, ok := decodePayload([]byte(tt.payload))
		if len(got) != len(tt.want) || ok == tt.bad {
			t.Errorf("%q: %d packets, ok %v; want %d, %v", tt.payload, len(got), ok, len(tt.want), !tt.bad)
			continue
		}
		for i := range got {
			got, want := got[i], tt.want[i]
			if got.kind != want.kind || got.binary != want.binary || !bytes.Equal(got.data, want.data) {
				t.Errorf("%q: packet %d is %+v, want %+v", tt.payload, i, got, want)
			}
		}
	}
}

// decodePayload takes a payload apart as receivePayload does.
func decodePayload(b []byte) (packets []packet, ok bool) {
	for more := true; more; {
		var p packet
		if p, b, more, ok = nextPacket(b); !ok {
			return packets, false
		}
		packets = append(packets, p)
	}
	return packets, true
}

// The wanted bytes are what Buffer.from(s, "base64").toString("hex") gives in Node.js 20.
func TestBase64IsNodes(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "YQ": "61", "YQ==": "61", "YQ=": "61", "YWI": "6162", "YWJj": "616263", "YWJjZ": "616263",
		"Y W\nJ j": "616263", "-_-_": "fbffbf", "+/+/": "fbffbf", "YQ==YQ==": "61", "YWI=Yw": "6162", "Y!Q": "61",
		"====": "", "A": "", "ñYQ": "61", "YQé==": "61", "YWJjZGVm===zzz": "616263646566", "=YQ": "", "YW=Jj": "61",
		"Y=Q=": "",
	} {
		if got := hex.EncodeToString(decodeBase64([]byte(in))); got != want {
			t.Errorf("%q: %s, Node.js has %s", in, got, want)
		}
	}
}

func TestValidText(t *testing.T) {
	for in, want := range map[string]string{
		"":         "",
		"aé€😀":     "aé€😀",
		"a\xffb":   "a\ufffdb",
		"\xe2\x82": "\ufffd",
	} {
		if got := string(validText([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzPacket(f *testing.F) {
	for _, s := range []string{"", "4hello", "4", "2probe", "0{}", "7", "b", "\xff", "4\x1e"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := decodePacket(b)
		if wantOK := len(b) > 0 && strings.IndexByte("0123456", b[0]) >= 0; ok != wantOK {
			t.Fatalf("%q: ok %v", b, ok)
		}
		if ok && (p.binary || !bytes.Equal(append([]byte{byte(p.kind)}, p.data...), b)) {
			t.Fatalf("%q: %+v", b, p)
		}
	})
}

// Property: decoding undoes encodePayload, and no payload does any harm.
func FuzzPayload(f *testing.F) {
	for _, s := range []string{
		"", "4a\x1e4b", "bAQIDBA==", "4a\x1ebAQ\x1e", "\x1e", "b=\x1eb", "6\x1e1", "4é\x1e\xff",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if valid := validText(b); !utf8.Valid(valid) || utf8.Valid(b) && !bytes.Equal(b, valid) {
			t.Fatalf("%q: validText %q", b, valid)
		}
		packets, _ := decodePayload(b)
		var frames []byte
		var want []packet
		for _, p := range packets {
			if len(p.data) > len(b) {
				t.Fatalf("%q: a packet of %d bytes", b, len(p.data))
			}
			if p.kind != packetMessage {
				continue
			}
			m := NewBinaryMessage(p.data, MessageOptions{})
			if !p.binary {
				m = NewTextMessage(p.data, nil, MessageOptions{})
			}
			frames = append(frames, m.frames...)
			want = append(want, packet{packetMessage, p.binary, append([]byte{}, p.data...)})
		}
		if len(want) == 0 {
			return
		}
		again, ok := decodePayload(encodePayload(frames))
		for i := range again {
			again[i].data = append([]byte{}, again[i].data...)
		}
		if !ok || !reflect.DeepEqual(again, want) {
			t.Fatalf("%q: %+v comes back as %+v", b, want, again)
		}
	})
}
