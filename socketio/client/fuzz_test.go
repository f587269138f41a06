package client_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// FuzzWhatAServerSends: messages of a server, separated by zeros, behind the answer to CONNECT or before it; one that
// begins with 1 is binary. Nothing panics, hangs or is left behind.
func FuzzWhatAServerSends(f *testing.F) {
	for _, s := range []string{
		`2["x",1]`, `20["x",{"a":[]}]`, "51-[\"x\",{\"_placeholder\":true,\"num\":0}]\x00\x01bytes",
		`30["answer"]`, "1",
		`4{"message":"no","data":{}}`, `0{"sid":"again","pid":"p"}`, "2", "\x01unasked", `2["x","offset"]`, `3NaN[]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		var messages []string
		for _, p := range bytes.Split(said, []byte{0}) {
			if len(p) > 0 && p[0] == 1 {
				messages = append(messages, "bin:"+string(p[1:]))
			} else {
				messages = append(messages, string(bytes.ToValidUTF8(p, nil)))
			}
		}
		sc := newScript(t, func(session int, message string) []string {
			switch {
			case session > 1:
				return nil
			case message == "" && len(said)%2 == 1: // before it is asked
				return messages
			case message == "0":
				return append(append([]string{`0{"sid":"abc","pid":"secret"}`}, messages...), "close")
			}
			return nil
		})
		opts := fast()
		opts.NoReconnection = true
		s, err := client.New(sc.url, opts)
		if err != nil {
			t.Fatal(err)
		}
		s.On("x", func(e *client.Event) error {
			var v any
			return e.Bind(&v)
		})
		_ = s.EmitAck("ask", func(parser.Args, error) {})
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Connect(ctx)
		stop(t, s)
	})
}
