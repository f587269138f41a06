package engineio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// packets3 takes a payload apart, as a POST does; it reports false where it is invalid.
func packets3(f *payloads3, contentType string, body []byte) (list []string, ok bool) {
	payload, next := f.open(contentType, body)
	for more := true; more; {
		var p packet
		if p, payload, more, ok = next(payload); !ok {
			return list, false
		}
		list = append(list, describe3(p))
	}
	return list, true
}

func describe3(p packet) string {
	if p.binary {
		return fmt.Sprintf("%c<%x>", p.kind, p.data)
	}
	return fmt.Sprintf("%c%s", p.kind, p.data)
}

func TestPayload3(t *testing.T) {
	const form, octets = "application/x-www-form-urlencoded", binaryContentType
	jsonp := newPayloads3(query{jsonp: true, callback: "7"})
	for _, c := range []struct {
		f          *payloads3
		kind, body string
		want       string // the packets, and "!" where the rest is invalid
	}{
		{new(payloads3), "", "1:2", "2"}, {new(payloads3), "", "6:4hello1:3", "4hello 3"},
		{new(payloads3), "", "6:4héé漢2:4🚀", "4héé漢2 !"}, {new(payloads3), "", "4:4é漢x3:4🚀", "4é漢x 4🚀"},
		{new(payloads3), "", "0:1:2", "6 2"}, {new(payloads3), "", "10:b4AQIDBA==", "4<01020304>"},
		{new(payloads3), "", "01:2", "2"}, {new(payloads3), "", "2:b9", "6"},
		{new(payloads3), "", "", "!"}, {new(payloads3), "", "1", "!"}, {new(payloads3), "", ":", "!"},
		{new(payloads3), "", "1:", "!"}, {new(payloads3), "", "-1:2", "!"}, {new(payloads3), "", "+1:2", "!"},
		{new(payloads3), "", "1e0:2", "!"}, {new(payloads3), "", "2:4🚀", "!"}, {new(payloads3), "", "1:4x", "4 !"},
		{new(payloads3), "", "99999999999:4", "!"}, {new(payloads3), "", "4294967297:4", "!"},
		{new(payloads3), "", "1:7", "!"}, {new(payloads3), "", "1:2x", "2 !"},
		{new(payloads3), "", "3:4\xff\xfe1:2", "4\uFFFD\uFFFD 2"},
		{new(payloads3), octets, "\x00\x06\xff4hello\x01\x03\xff\x04\x01\x02", "4hello 4<0102>"},
		{new(payloads3), octets, "\x00\x01\x02\xff4" + strings.Repeat("é", 5) + "x", "4éééééx"},
		{new(payloads3), octets, "\x01\x01\xff\x04", "4<>"}, {new(payloads3), octets, "", "6"},
		{new(payloads3), octets, "\x01\x01\xff\x09", "6"}, {new(payloads3), octets, "\x01\x00\xff", "6"},
		{new(payloads3), octets, "\x00", "!"}, {new(payloads3), octets, "\x00\x01", "!"},
		{new(payloads3), octets, "\x00\xff", "!"}, {new(payloads3), octets, "\x00\x02\xff4", "!"},
		{new(payloads3), octets, "\x00\x0a\xff4", "!"}, {new(payloads3), octets, "\x00\x02\xff4\xe9", "!"},
		{new(payloads3), octets, "\x00" + strings.Repeat("\x09", 11) + "\xff4", "!"},
		{new(payloads3), octets, "\x00" + strings.Repeat("\x00", 1000) + "\x01\xff2", "!"},
		{jsonp, form, "d=" + url.QueryEscape(`4:4a\nb5:4a\\nb`), "4a\nb 4a\\nb"},
		{jsonp, form, "x=1", "6"}, {jsonp, form, "d=%zz", "!"}, {jsonp, form, "d=1%3A2&d=1%3A3", "2"},
	} {
		list, ok := packets3(c.f, c.kind, []byte(c.body))
		if !ok {
			list = append(list, "!")
		}
		if got := strings.Join(list, " "); got != c.want {
			t.Errorf("%q: %q, want %q", c.body, got, c.want)
		}
	}
}

// parser3Script prints lines of {packets, binary, base64}: random packets, each {text} or {bytes}, and what Node's
// parser of revision 3 makes of them for the two kinds of clients.
const parser3Script = `
const { encodePayload } = require('./node_modules/engine.io/build/parser-v3');
let seed = 20261126;
const random = (n) => { // mulberry32
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) % n;
};
const text = () => Array.from({ length: [0, 1, 5, 12, 130][random(5)] },
  () => ['a', ':', '1', 'é', '漢', '🚀', '\\n', '\n', '\u2028', '"'][random(10)]).join('');
for (let i = 0; i < 300; i++) {
  const packets = Array.from({ length: 1 + random(4) }, () => ({
    type: 'message',
    data: random(3) ? text() : Buffer.from(Array.from({ length: [0, 1, 9, 300][random(4)] }, () => random(256))),
  }));
  const line = {
    packets: packets.map(({ data }) =>
      typeof data === 'string' ? { text: data } : { bytes: data.toString('base64') }),
  };
  encodePayload(packets, true, (p) => { line.binary = Buffer.from(p).toString('base64'); });
  encodePayload(packets, false, (p) => { line.base64 = Buffer.from(p).toString('base64'); });
  console.log(JSON.stringify(line));
}
`

// TestPayload3LikeNode compares payloads, in both directions, with those of Node's server.
func TestPayload3LikeNode(t *testing.T) {
	needs.NodeJS(t)
	cmd := exec.Command("node", "-e", parser3Script)
	cmd.Dir = "../test/js"
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	srv := NewServer(Options{}, nil)
	lines, binaries := 0, 0
	for line := range bytes.Lines(out) {
		var c struct {
			Packets []struct {
				Text  *string
				Bytes []byte
			}
			Binary, Base64 []byte
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		lines++
		var batch []*Message
		var want []string
		for _, p := range c.Packets {
			if p.Text != nil {
				batch = append(batch, text(*p.Text))
				want = append(want, "4"+*p.Text)
			} else {
				batch = append(batch, NewBinaryMessage(p.Bytes, MessageOptions{}))
				want = append(want, fmt.Sprintf("4<%x>", p.Bytes))
			}
		}
		for textOnly, node := range map[bool][]byte{false: c.Binary, true: c.Base64} {
			f := newPayloads3(query{textOnly: textOnly})
			a := f.answer(srv, batch, false)
			if !bytes.Equal(a.bytes, node) {
				t.Errorf("%s, text only %v: %q, Node has %q", line, textOnly, a.bytes, node)
			}
			if a.binary {
				binaries++
			}
			got, ok := packets3(f, a.contentType(), node)
			if !ok || strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("%s, text only %v: %q", line, textOnly, got)
			}
		}
	}
	if lines != 300 || binaries < 50 || binaries > 250 {
		t.Errorf("%d payloads, %d of them binary", lines, binaries)
	}
}

func TestJSONP(t *testing.T) {
	srv := NewServer(Options{}, nil)
	f := newPayloads3(query{jsonp: true, callback: "x1;alert()2" + strings.Repeat("3", 1000)})
	a := f.answer(srv, []*Message{text("é\"\\\n\u2028<"), NewBinaryMessage([]byte{1}, MessageOptions{})}, false)
	const want = `___eio[12333333333333333333]("7:4é\"\\\n\u2028<6:b4AQ==");`
	if string(a.bytes) != want || a.contentType() != textContentType || a.shared {
		t.Errorf("%s, want %s", a.bytes, want)
	}
}

// TestPayload3Compressed also checks that what many clients get is encoded and compressed once.
func TestPayload3Compressed(t *testing.T) {
	srv := NewServer(Options{}, nil)
	var long *Message
	for _, q := range []query{{}, {textOnly: true}, {jsonp: true}} {
		f := newPayloads3(q)
		long = text(noise(5000))
		binary := NewTextMessage([]byte("51-"), [][]byte{bytes.Repeat([]byte{1, 2, 3}, 1000)}, MessageOptions{})
		plain := NewTextMessage([]byte(noise(2000)), nil, MessageOptions{NoCompress: true})
		for i, batch := range [][]*Message{
			{long}, {binary}, {long, binary}, {plain, long}, {pingPacket, long, emptyCloseFrame},
		} {
			want := string(f.answer(srv, batch, false).bytes)
			due := f.mustZip(srv, batch, true)
			body := f.answer(srv, batch, true)
			if !due || !body.gzipped || gunzip(t, body.bytes) != want {
				t.Errorf("batch %d: due %v, compressed %v", i, due, body.gzipped)
			}
			again := f.answer(srv, batch, true)
			if shared := len(batch) == 1 && f.callback == ""; shared != (&again.bytes[0] == &body.bytes[0]) ||
				f.mustZip(srv, batch, true) == shared {
				t.Errorf("batch %d is shared: %v", i, !shared)
			}
		}
		for _, batch := range [][]*Message{{plain}, {text("short")}} {
			if f.mustZip(srv, batch, true) || f.answer(srv, batch, true).gzipped ||
				f.mustZip(srv, []*Message{long}, false) {
				t.Error("it is compressed")
			}
		}
	}
	if a, b := long.framedAs(textPackets3{}), long.framedAs(textPackets3{}); a != b || long.framedAs(frames3{}) == a {
		t.Error("a form is made twice, or two are one")
	}
	if size := long.size() + len(long.frames); long.memory() < size {
		t.Errorf("%d bytes are counted, there are more than %d", long.memory(), size)
	}
}

func FuzzPayload3(f *testing.F) {
	for _, seed := range []string{"6:4hello1:3", "10:b4AQIDBA==", "\x00\x06\xff4hello\x01\x03\xff\x04\x01\x02",
		"d=1%3A2", "4294967297:4", "\x01\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff", "2:4🚀", "3:4🚀"} {
		f.Add([]byte(seed), uint8(0))
		f.Add([]byte(seed), uint8(1))
		f.Add([]byte(seed), uint8(2))
	}
	f.Fuzz(func(t *testing.T, body []byte, how uint8) {
		contentType, format := "text/plain", newPayloads3(query{jsonp: how == 2})
		if how == 1 {
			contentType = binaryContentType
		}
		payload, next := format.open(contentType, bytes.Clone(body))
		packets, size, start := 0, 0, len(payload)
		for more := true; more; {
			before := len(payload)
			p, rest, m, ok := next(payload)
			if !ok {
				break
			}
			if packets++; len(rest) >= before && before > 0 {
				t.Fatalf("%q: nothing is taken off %q", body, payload)
			}
			if !p.binary && !utf8.Valid(p.data) {
				t.Fatalf("%q: %q is no text", body, p.data)
			}
			size += len(p.data)
			payload, more = rest, m
		}
		if size > start || packets > start+1 {
			t.Fatalf("%q: %d packets of %d bytes", body, packets, size)
		}
	})
}
