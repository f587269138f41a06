package parser

import (
	"strings"
	"testing"
)

func BenchmarkDecodeEvent(b *testing.B) {
	packet := []byte(`2["messages",{"nickname":"Ana","message":"` + strings.Repeat("olá ", 20) + `"}]`)
	b.SetBytes(int64(len(packet)))
	b.ReportAllocs()
	var p Parser = Default{} // as a server calls it
	for b.Loop() {
		if _, err := p.Decode(nil, packet, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeRaw(b *testing.B) {
	text := Raw{text: []byte(`"` + strings.Repeat("olá ", 20) + `"`)}
	arg := struct {
		Nickname Raw    `json:"nickname,omitzero"`
		Message  Raw    `json:"message,omitzero"`
		Server   string `json:"server"`
	}{text, text, "host"}
	b.ReportAllocs()
	var p Parser = Default{}
	for b.Loop() {
		payload, attachments, err := MarshalEvent("messages", []any{arg})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Encode(Packet{Type: Event, Namespace: "/", Payload: payload,
			Attachments: attachments}); err != nil {
			b.Fatal(err)
		}
	}
}
