package msgpack

import (
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// packets are what is measured: a chat message, and one with 1 KB of binary.
func packets(tb testing.TB) map[string]parser.Packet {
	chat := map[string]any{
		"nickname": "Ana", "message": strings.Repeat("olá ", 20), "at": int64(1700000000123), "tags": []int{1, 2},
	}
	all := map[string]parser.Packet{}
	for name, args := range map[string][]any{"chat": {chat}, "binary": {chat, make([]byte, 1<<10)}} {
		payload, attachments, err := parser.MarshalEvent("messages", args)
		if err != nil {
			tb.Fatal(err)
		}
		all[name] = parser.Packet{Type: parser.Event, Namespace: "/", Payload: payload, Attachments: attachments}
	}
	return all
}

// each runs a benchmark with both parsers.
func each(b *testing.B, f func(b *testing.B, p parser.Parser, packet parser.Packet)) {
	for name, packet := range packets(b) {
		for parserName, p := range map[string]parser.Parser{"msgpack": Parser{}, "default": parser.Default{}} {
			b.Run(name+"/"+parserName, func(b *testing.B) { b.ReportAllocs(); f(b, p, packet) })
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	each(b, func(b *testing.B, p parser.Parser, packet parser.Packet) {
		var size int
		for b.Loop() {
			e, err := p.Encode(packet)
			if err != nil {
				b.Fatal(err)
			}
			size = len(e.Data)
			for _, a := range e.Attachments {
				size += len(a)
			}
		}
		b.ReportMetric(float64(size), "wire-B")
	})
}

func BenchmarkDecode(b *testing.B) {
	each(b, func(b *testing.B, p parser.Parser, packet parser.Packet) {
		e, err := p.Encode(packet)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			got, err := p.Decode(nil, e.Data, e.Binary)
			for _, a := range e.Attachments {
				if err == nil {
					partial := got
					got, err = p.Decode(&partial, a, true)
				}
			}
			if err != nil || got.Missing > 0 {
				b.Fatal(err)
			}
		}
	})
}
