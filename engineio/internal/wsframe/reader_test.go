package wsframe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
	"github.com/gobwas/ws"
)

// A frameLog is a Sink that writes down what it gets.
type frameLog []string

func (l *frameLog) Message(data []byte, binary bool) error {
	kind := "text"
	if binary {
		kind = "binary"
	}
	*l = append(*l, fmt.Sprintf("%s %q", kind, data))
	return nil
}

func (l *frameLog) Control(op ws.OpCode, payload []byte) error {
	*l = append(*l, fmt.Sprintf("control %d %q", op, payload))
	if op == ws.OpClose {
		_, err := ParseClose(payload)
		return err
	}
	return nil
}

// readFrames feeds stream in pieces of the sizes that next gives.
func readFrames(stream []byte, limit int, deflate bool, next func() int) (log frameLog, held int, err error) {
	r := Reader{Sink: &log, Limit: limit, Deflate: deflate}
	for len(stream) > 0 {
		n := min(next(), len(stream))
		if err := r.Feed(stream[:n]); err != nil {
			return log, held, err
		}
		held = max(held, len(r.data))
		stream = stream[n:]
	}
	return log, held, nil
}

func whole() int  { return 1 << 30 }
func single() int { return 1 }

func TestFrames(t *testing.T) {
	const limit = 1000
	long := strings.Repeat("é", limit/2)
	closing := func(code uint16, reason string) string {
		return wstest.Frame(0x88, string(binary.BigEndian.AppendUint16(nil, code))+reason)
	}
	tests := []struct {
		name   string
		stream string
		want   frameLog
		code   uint16 // of the error
	}{
		{name: "text", stream: wstest.Frame(0x81, "4hello"), want: frameLog{`text "4hello"`}},
		{name: "empty text", stream: wstest.Frame(0x81, ""), want: frameLog{`text ""`}},
		{name: "binary", stream: wstest.Frame(0x82, "\x00\xff"), want: frameLog{`binary "\x00\xff"`}},
		{name: "empty binary", stream: wstest.Frame(0x82, ""), want: frameLog{`binary ""`}},
		{name: "two in a row",
			stream: wstest.Frame(0x81, "a") + wstest.Frame(0x82, "b"),
			want:   frameLog{`text "a"`, `binary "b"`}},
		{name: "126 bytes",
			stream: wstest.Frame(0x82, long[:126]),
			want:   frameLog{fmt.Sprintf("binary %q", long[:126])}},
		{name: "fragments",
			stream: wstest.Frame(1, "a") + wstest.Frame(0, "b") + wstest.Frame(0x80, "c"),
			want:   frameLog{`text "abc"`}},
		{name: "empty fragments",
			stream: wstest.Frame(1, "") + wstest.Frame(0, "") + wstest.Frame(0x80, ""),
			want:   frameLog{`text ""`}},
		{name: "control frames between fragments",
			stream: wstest.Frame(1, "a") + wstest.Frame(0x89, "p") + wstest.Frame(0, "b") + wstest.Frame(0x8a, "") +
				wstest.Frame(0x80, "c"),
			want: frameLog{`control 9 "p"`, `control 10 ""`, `text "abc"`}},
		{name: "character across fragments",
			stream: wstest.Frame(1, "\xe2") + wstest.Frame(0, "\x82") + wstest.Frame(0x80, "\xac"),
			want:   frameLog{`text "€"`}},
		{name: "message after fragments",
			stream: wstest.Frame(2, "\xff") + wstest.Frame(0x80, "") + wstest.Frame(0x81, "x"),
			want:   frameLog{`binary "\xff"`, `text "x"`}},
		{name: "control frame of 125 bytes",
			stream: wstest.Frame(0x89, long[:125]),
			want:   frameLog{fmt.Sprintf("control 9 %q", long[:125])}},
		{name: "exactly the limit", stream: wstest.Frame(0x81, long), want: frameLog{fmt.Sprintf("text %q", long)}},
		{name: "length not minimal", stream: "\x81\xfe\x00\x01\x00\x00\x00\x00x", want: frameLog{`text "x"`}},
		{name: "close", stream: wstest.Frame(0x88, ""), want: frameLog{`control 8 ""`}},
		{name: "close 1000", stream: closing(1000, "bye"), want: frameLog{`control 8 "\x03\xe8bye"`}},
		{name: "close 4999", stream: closing(4999, ""), want: frameLog{`control 8 "\x13\x87"`}},

		{name: "one over the limit", stream: wstest.Frame(0x81, long+"x"), code: 1009},
		{name: "fragments over the limit", stream: wstest.Frame(1, long) + wstest.Frame(0x80, "x"), code: 1009},
		{name: "many fragments over the limit",
			stream: wstest.Frame(2, "") + strings.Repeat(wstest.Frame(0, long[:100]), 11),
			code:   1009},
		{name: "length of 2^62", stream: "\x81\xff\x40\x00\x00\x00\x00\x00\x00\x00abcd", code: 1009},
		{name: "length with its highest bit", stream: "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00abcd", code: 1002},
		{name: "not masked", stream: "\x81\x01x", code: 1002},
		{name: "control not masked", stream: "\x89\x00", code: 1002},
		{name: "RSV1", stream: wstest.Frame(0xc1, "x"), code: 1002},
		{name: "RSV2", stream: wstest.Frame(0xa1, "x"), code: 1002},
		{name: "RSV3", stream: wstest.Frame(0x91, "x"), code: 1002},
		{name: "RSV1 on a ping", stream: wstest.Frame(0xc9, "x"), code: 1002},
		{name: "opcode 3", stream: wstest.Frame(0x83, ""), code: 1002},
		{name: "opcode 7", stream: wstest.Frame(0x87, ""), code: 1002},
		{name: "opcode 11", stream: wstest.Frame(0x8b, ""), code: 1002},
		{name: "opcode 15", stream: wstest.Frame(0x8f, ""), code: 1002},
		{name: "continuation of nothing", stream: wstest.Frame(0x80, "x"), code: 1002},
		{name: "continuation after the end",
			stream: wstest.Frame(0x81, "x") + wstest.Frame(0x80, "x"),
			want:   frameLog{`text "x"`}, code: 1002},
		{name: "start inside a message", stream: wstest.Frame(1, "x") + wstest.Frame(0x81, "x"), code: 1002},
		{name: "fragmented ping", stream: wstest.Frame(9, "x"), code: 1002},
		{name: "long ping", stream: wstest.Frame(0x89, long[:126]), code: 1002},
		{name: "long close", stream: wstest.Frame(0x88, long[:126]), code: 1002},
		{name: "not UTF-8", stream: wstest.Frame(0x81, "a\xff"), code: 1007},
		{name: "surrogate", stream: wstest.Frame(0x81, "\xed\xa0\x80"), code: 1007},
		{name: "overlong", stream: wstest.Frame(0x81, "\xc0\x80"), code: 1007},
		{name: "truncated character", stream: wstest.Frame(0x81, "\xe2\x82"), code: 1007},
		{name: "not UTF-8 over fragments", stream: wstest.Frame(1, "\xe2") + wstest.Frame(0x80, "x"), code: 1007},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, piece := range []func() int{whole, single, func() int { return 3 }} {
				got, held, err := readFrames([]byte(tt.stream), limit, false, piece)
				if len(got)+len(tt.want) > 0 && !reflect.DeepEqual(got, tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				var code uint16
				if err != nil {
					code = CloseCode(err)
				}
				if code != tt.code {
					t.Errorf("error %v, want code %d", err, tt.code)
				}
				if held > limit+125 {
					t.Errorf("held %d bytes", held)
				}
			}
		})
	}
}

// A frame's header must not make the reader take memory for what has not come.
func TestFrameLengthPromisesNothing(t *testing.T) {
	var log frameLog
	r := Reader{Sink: &log, Limit: 1 << 30}
	if err := r.Feed([]byte("\x82\xff\x00\x00\x00\x00\x3f\xff\xff\xffmaskabc")); err != nil {
		t.Fatal(err)
	}
	if cap(r.data) > 1024 {
		t.Errorf("%d bytes held for 3 received", cap(r.data))
	}
}

// The reader keeps no buffer between messages: an idle connection costs none.
func TestReaderIdleHoldsNothing(t *testing.T) {
	var log frameLog
	r := Reader{Sink: &log, Limit: 1000}
	stream := wstest.Frame(0x81, "hello") + wstest.Frame(0x89, "ping") + wstest.Frame(1, "a") + wstest.Frame(0x80, "b")
	if err := r.Feed([]byte(stream)); err != nil {
		t.Fatal(err)
	}
	if r.data != nil || r.control != nil {
		t.Errorf("still holding %d and %d bytes", cap(r.data), cap(r.control))
	}
}

func TestCloseCodes(t *testing.T) {
	valid := func(code int) bool {
		return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
	}
	for code := range 1 << 16 {
		payload := binary.BigEndian.AppendUint16(nil, uint16(code))
		got, err := ParseClose(append(payload, "why"...))
		if (err == nil) != valid(code) || err == nil && int(got) != code {
			t.Errorf("code %d: %d, %v", code, got, err)
		}
	}
	for _, payload := range []string{"\x03", "\x03\xe8\xff", "\x03\xe8\xe2\x82"} {
		if _, err := ParseClose([]byte(payload)); !errors.Is(err, errCloseFrame) {
			t.Errorf("%q: %v", payload, err)
		}
	}
	if code, err := ParseClose(nil); code != 0 || err != nil {
		t.Errorf("no payload: %d, %v", code, err)
	}
}

// Property: a stream fed in random pieces gives what it gives as a whole, and never is more held than the limits allow.
func FuzzFrames(f *testing.F) {
	deflated := NewDeflater(1, 0).Compress(Append(nil, ws.OpText, bytes.Repeat([]byte("ab"), 40)))
	_, body, _ := Cut(deflated)
	for _, s := range []string{
		"", wstest.Frame(0x81, "4hello"), wstest.Frame(1, "a") + wstest.Frame(0x89, "p") + wstest.Frame(0x80, "b"),
		wstest.Frame(0x82, "\xff") + wstest.Frame(0x88, "\x03\xe8"), wstest.Frame(0x81, strings.Repeat("x", 200)),
		"\x81\xff\x00\x00\x00\x00\x00\x00\x00\x01mask!", wstest.Frame(0xc1, string(body)),
		wstest.Frame(0x41, string(body[:3])) + wstest.Frame(0x80, string(body[3:])), "\x81\x01x",
		wstest.Frame(0xc2, "\xff\xff"),
	} {
		f.Add([]byte(s), uint64(1), false)
		f.Add([]byte(s), uint64(2), true)
	}
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64, deflate bool) {
		const limit = 150
		random := rand.New(rand.NewPCG(seed, 0))
		want, _, wantErr := readFrames(stream, limit, deflate, whole)
		got, held, err := readFrames(stream, limit, deflate, func() int { return 1 + random.IntN(20) })
		if !reflect.DeepEqual(got, want) || !errors.Is(err, wantErr) {
			t.Fatalf("in pieces %q %v, whole %q %v", got, err, want, wantErr)
		}
		if held > limit+125 {
			t.Fatalf("held %d bytes", held)
		}
	})
}

type discardSink struct{}

func (discardSink) Message([]byte, bool) error      { return nil }
func (discardSink) Control(ws.OpCode, []byte) error { return nil }

func BenchmarkReader(b *testing.B) {
	for name, size := range map[string]int{"100B": 100, "10KB": 10_000} {
		b.Run(name, func(b *testing.B) {
			stream := []byte(wstest.Frame(0x81, strings.Repeat("x", size)))
			r := Reader{Sink: discardSink{}, Limit: 1 << 20}
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Feed(stream); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
