package parser

import (
	"math"
	"strings"
	"testing"
)

func TestEncodeHeader(t *testing.T) {
	one := [][]byte{{1}}
	ack := func(namespace string, id float64, payload string) Packet {
		return Packet{Type: Ack, Namespace: namespace, HasID: true, ID: id, Payload: []byte(payload)}
	}
	binaryAck := ack("/a", 7, `[{"_placeholder":true,"num":0}]`)
	binaryAck.Attachments = one
	long := `["` + strings.Repeat("x", 300) + `"]`
	for want, p := range map[string]Packet{
		`0`:                   {Type: Connect, Namespace: "/"},
		`0/chat,`:             {Type: Connect, Namespace: "/chat"},
		`0/chat,{"sid":"x"}`:  {Type: Connect, Namespace: "/chat", Payload: []byte(`{"sid":"x"}`)},
		`1`:                   {Type: Disconnect, Namespace: "/"},
		`1/chat,`:             {Type: Disconnect, Namespace: "/chat"},
		`4/a,{"message":"x"}`: {Type: ConnectError, Namespace: "/a", Payload: []byte(`{"message":"x"}`)},
		`2/chat,12["e"]`:      {Type: Event, Namespace: "/chat", HasID: true, ID: 12, Payload: []byte(`["e"]`)},
		`2` + long:            {Type: Event, Namespace: "/", Payload: []byte(long)},
		`51-["e",{"_placeholder":true,"num":0}]`: {Type: Event, Namespace: "/",
			Payload: []byte(`["e",{"_placeholder":true,"num":0}]`), Attachments: one},
		`61-/a,7[{"_placeholder":true,"num":0}]`: binaryAck,
		`3/a,7[1,"x"]`:                           ack("/a", 7, `[1,"x"]`),
		// Ids, as JavaScript prints numbers.
		`37[]`:                     ack("/", 7, `[]`),
		`30[]`:                     ack("/", 0, `[]`),
		`3-7[]`:                    ack("/", -7, `[]`),
		`39007199254740992[]`:      ack("/", 1<<53, `[]`),
		`3123456789012345680000[]`: ack("/", 123456789012345680000, `[]`),
		`31e+21[]`:                 ack("/", 1e21, `[]`),
		`3NaN[]`:                   ack("/", math.NaN(), `[]`),
		`3Infinity[]`:              ack("/", math.Inf(1), `[]`),
	} {
		e, err := Default{}.Encode(p)
		if err != nil || string(e.Data) != want || e.Binary || len(e.Attachments) != len(p.Attachments) {
			t.Errorf("got %s and %d attachments, %v, want %s", e.Data, len(e.Attachments), err, want)
		}
	}
	if _, err := (Default{}).Encode(Packet{Type: Connect, Namespace: "/", Payload: []byte(`{}`),
		Attachments: one}); err == nil {
		t.Error("a CONNECT packet with an attachment was encoded")
	}
}

func TestMarshalArgs(t *testing.T) {
	for want, args := range map[string][]any{`[]`: nil, `[1,"x"]`: {1, "x"},
		`[{"_placeholder":true,"num":0}]`: {[]byte{1}}} {
		if payload, _, err := MarshalArgs(args); err != nil || string(payload) != want {
			t.Errorf("got %s, %v, want %s", payload, err, want)
		}
	}
}

// A value that is marshaled is what binding it takes apart again.
func TestMarshal(t *testing.T) {
	type file struct {
		Name string
		Data []byte
	}
	r, err := Marshal(file{"<a>", []byte("content")})
	if err != nil || string(r.JSON()) != `{"Name":"<a>","Data":{"_placeholder":true,"num":0}}` ||
		len(r.Attachments()) != 1 {
		t.Fatalf("got %s with %d attachments, %v", r.JSON(), len(r.Attachments()), err)
	}
	var f file
	if err := r.Bind(&f); err != nil || f.Name != "<a>" || string(f.Data) != "content" {
		t.Errorf("bound %+v, %v", f, err)
	}
	if _, err := Marshal(make(chan int)); err == nil {
		t.Error("marshaled a channel")
	}
}
