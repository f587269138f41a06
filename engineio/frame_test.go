package engineio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// A frameLog is a frameSink that writes down what it gets.
type frameLog []string

func (l *frameLog) message(data []byte, binary bool) error {
	kind := "text"
	if binary {
		kind = "binary"
	}
	*l = append(*l, fmt.Sprintf("%s %q", kind, data))
	return nil
}

func (l *frameLog) control(op ws.OpCode, payload []byte) error {
	*l = append(*l, fmt.Sprintf("control %d %q", op, payload))
	if op == ws.OpClose {
		_, err := parseClose(payload)
		return err
	}
	return nil
}

// readFrames feeds stream in pieces of the sizes that next gives.
func readFrames(stream []byte, limit int, deflate bool, next func() int) (log frameLog, held int, err error) {
	r := frameReader{sink: &log, limit: limit, deflate: deflate}
	for len(stream) > 0 {
		n := min(next(), len(stream))
		if err := r.feed(stream[:n]); err != nil {
			return log, held, err
		}
		held = max(held, len(r.data)+len(r.ping))
		stream = stream[n:]
	}
	return log, held, nil
}

func whole() int  { return 1 << 30 }
func single() int { return 1 }

// frame is a frame of a client with any first byte.
func frame(b0 byte, payload string) string {
	f := masked(ws.OpText, true, payload)
	f[0] = b0
	return string(f)
}

func TestFrames(t *testing.T) {
	const limit = 1000
	long := strings.Repeat("é", limit/2)
	closing := func(code uint16, reason string) string {
		return frame(0x88, string(binary.BigEndian.AppendUint16(nil, code))+reason)
	}
	tests := []struct {
		name   string
		stream string
		want   frameLog
		code   uint16 // of the error
	}{
		{name: "text", stream: frame(0x81, "4hello"), want: frameLog{`text "4hello"`}},
		{name: "empty text", stream: frame(0x81, ""), want: frameLog{`text ""`}},
		{name: "binary", stream: frame(0x82, "\x00\xff"), want: frameLog{`binary "\x00\xff"`}},
		{name: "empty binary", stream: frame(0x82, ""), want: frameLog{`binary ""`}},
		{name: "two in a row", stream: frame(0x81, "a") + frame(0x82, "b"), want: frameLog{`text "a"`, `binary "b"`}},
		{name: "126 bytes", stream: frame(0x82, long[:126]), want: frameLog{fmt.Sprintf("binary %q", long[:126])}},
		{name: "fragments", stream: frame(1, "a") + frame(0, "b") + frame(0x80, "c"), want: frameLog{`text "abc"`}},
		{name: "empty fragments", stream: frame(1, "") + frame(0, "") + frame(0x80, ""), want: frameLog{`text ""`}},
		{name: "control frames between fragments", stream: frame(1, "a") + frame(0x89, "p") + frame(0, "b") + frame(0x8a, "") + frame(0x80, "c"),
			want: frameLog{`control 9 "p"`, `control 10 ""`, `text "abc"`}},
		{name: "character across fragments", stream: frame(1, "\xe2") + frame(0, "\x82") + frame(0x80, "\xac"), want: frameLog{`text "€"`}},
		{name: "message after fragments", stream: frame(2, "\xff") + frame(0x80, "") + frame(0x81, "x"), want: frameLog{`binary "\xff"`, `text "x"`}},
		{name: "control frame of 125 bytes", stream: frame(0x89, long[:125]), want: frameLog{fmt.Sprintf("control 9 %q", long[:125])}},
		{name: "exactly the limit", stream: frame(0x81, long), want: frameLog{fmt.Sprintf("text %q", long)}},
		{name: "length not minimal", stream: "\x81\xfe\x00\x01\x00\x00\x00\x00x", want: frameLog{`text "x"`}},
		{name: "close", stream: frame(0x88, ""), want: frameLog{`control 8 ""`}},
		{name: "close 1000", stream: closing(1000, "bye"), want: frameLog{`control 8 "\x03\xe8bye"`}},
		{name: "close 4999", stream: closing(4999, ""), want: frameLog{`control 8 "\x13\x87"`}},

		{name: "one over the limit", stream: frame(0x81, long+"x"), code: 1009},
		{name: "fragments over the limit", stream: frame(1, long) + frame(0x80, "x"), code: 1009},
		{name: "many fragments over the limit", stream: frame(2, "") + strings.Repeat(frame(0, long[:100]), 11), code: 1009},
		{name: "length of 2^62", stream: "\x81\xff\x40\x00\x00\x00\x00\x00\x00\x00abcd", code: 1009},
		{name: "length with its highest bit", stream: "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00abcd", code: 1002},
		{name: "not masked", stream: "\x81\x01x", code: 1002},
		{name: "control not masked", stream: "\x89\x00", code: 1002},
		{name: "RSV1", stream: frame(0xc1, "x"), code: 1002},
		{name: "RSV2", stream: frame(0xa1, "x"), code: 1002},
		{name: "RSV3", stream: frame(0x91, "x"), code: 1002},
		{name: "RSV1 on a ping", stream: frame(0xc9, "x"), code: 1002},
		{name: "opcode 3", stream: frame(0x83, ""), code: 1002},
		{name: "opcode 7", stream: frame(0x87, ""), code: 1002},
		{name: "opcode 11", stream: frame(0x8b, ""), code: 1002},
		{name: "opcode 15", stream: frame(0x8f, ""), code: 1002},
		{name: "continuation of nothing", stream: frame(0x80, "x"), code: 1002},
		{name: "continuation after the end", stream: frame(0x81, "x") + frame(0x80, "x"), want: frameLog{`text "x"`}, code: 1002},
		{name: "start inside a message", stream: frame(1, "x") + frame(0x81, "x"), code: 1002},
		{name: "fragmented ping", stream: frame(9, "x"), code: 1002},
		{name: "long ping", stream: frame(0x89, long[:126]), code: 1002},
		{name: "long close", stream: frame(0x88, long[:126]), code: 1002},
		{name: "not UTF-8", stream: frame(0x81, "a\xff"), code: 1007},
		{name: "surrogate", stream: frame(0x81, "\xed\xa0\x80"), code: 1007},
		{name: "overlong", stream: frame(0x81, "\xc0\x80"), code: 1007},
		{name: "truncated character", stream: frame(0x81, "\xe2\x82"), code: 1007},
		{name: "not UTF-8 over fragments", stream: frame(1, "\xe2") + frame(0x80, "x"), code: 1007},
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
					code = closeCode(err)
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
	r := frameReader{sink: &log, limit: 1 << 40}
	if err := r.feed([]byte("\x82\xff\x00\x00\x00\xff\x00\x00\x00\x00maskabc")); err != nil {
		t.Fatal(err)
	}
	if cap(r.data) > 1024 {
		t.Errorf("%d bytes held for 3 received", cap(r.data))
	}
}

// The reader keeps no buffer between messages: an idle connection costs none.
func TestFrameReaderIdleHoldsNothing(t *testing.T) {
	var log frameLog
	r := frameReader{sink: &log, limit: 1000}
	if err := r.feed([]byte(frame(0x81, "hello") + frame(0x89, "ping") + frame(1, "a") + frame(0x80, "b"))); err != nil {
		t.Fatal(err)
	}
	if r.data != nil || r.ping != nil {
		t.Errorf("still holding %d and %d bytes", cap(r.data), cap(r.ping))
	}
}

func TestCloseCodes(t *testing.T) {
	valid := func(code int) bool {
		return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
	}
	for code := range 1 << 16 {
		payload := binary.BigEndian.AppendUint16(nil, uint16(code))
		got, err := parseClose(append(payload, "why"...))
		if (err == nil) != valid(code) || err == nil && int(got) != code {
			t.Errorf("code %d: %d, %v", code, got, err)
		}
	}
	for _, payload := range []string{"\x03", "\x03\xe8\xff", "\x03\xe8\xe2\x82"} {
		if _, err := parseClose([]byte(payload)); !errors.Is(err, errCloseFrame) {
			t.Errorf("%q: %v", payload, err)
		}
	}
	if code, err := parseClose(nil); code != 0 || err != nil {
		t.Errorf("no payload: %d, %v", code, err)
	}
}

// Property: a stream fed in random pieces gives what it gives as a whole, and never is more held than the limits allow.
func FuzzFrames(f *testing.F) {
	deflated := newDeflater(&PerMessageDeflate{Threshold: 1}).deflate(appendFrame(nil, ws.OpText, bytes.Repeat([]byte("ab"), 40)))
	_, body, _ := cutFrame(deflated)
	for _, s := range []string{
		"", frame(0x81, "4hello"), frame(1, "a") + frame(0x89, "p") + frame(0x80, "b"), frame(0x82, "\xff") + frame(0x88, "\x03\xe8"),
		frame(0x81, strings.Repeat("x", 200)), "\x81\xff\x00\x00\x00\x00\x00\x00\x00\x01mask!", frame(0xc1, string(body)),
		frame(0x41, string(body[:3])) + frame(0x80, string(body[3:])), "\x81\x01x", frame(0xc2, "\xff\xff"),
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
