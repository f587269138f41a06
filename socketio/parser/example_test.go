package parser_test

import (
	"fmt"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// An event on its way out: values to JSON with attachments, and that to the messages of the wire format.
func ExampleParser() {
	payload, attachments, err := parser.MarshalEvent("upload", []any{"a.txt", []byte("hello")})
	if err != nil {
		fmt.Println(err)
		return
	}
	var p parser.Parser = parser.Default{}
	encoded, err := p.Encode(parser.Packet{
		Type: parser.Event, Namespace: "/files", Payload: payload, Attachments: attachments,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n%s\n", encoded.Data, encoded.Attachments)

	// And on its way in: the text announces an attachment, which completes the packet.
	packet, err := p.Decode(nil, encoded.Data, false)
	if err == nil && packet.Missing > 0 {
		packet, err = p.Decode(&packet, encoded.Attachments[0], true)
	}
	args := packet.Args()
	fmt.Println(packet.Namespace, packet.Event, args.Len(), err)
	// Output:
	// 51-/files,["upload","a.txt",{"_placeholder":true,"num":0}]
	// [hello]
	// /files upload 2 <nil>
}

// A Raw passes on what it does not look at: digits, order of keys and escapes stay as they are.
func ExampleRaw() {
	text, err := parser.NewRaw([]byte(`{"price":1.50,"name":"caf\u00e9"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, _, err := parser.MarshalArgs([]any{map[string]any{"order": text}})
	fmt.Println(string(payload), err)

	var order struct{ Name string }
	err = text.Bind(&order)
	fmt.Println(order.Name, err)
	// Output:
	// [{"order":{"price":1.50,"name":"caf\u00e9"}}] <nil>
	// café <nil>
}
