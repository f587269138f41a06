package client_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// FuzzWhatAServerSends: messages of a server, separated by zeros, behind the answer to CONNECT and, where their length
// is odd, before it too; one that begins with 1 is binary. Nothing panics, hangs or is left behind.
func FuzzWhatAServerSends(f *testing.F) {
	for _, s := range []string{
		`2["x",1]`, `20["x",{"a":[]}]`, "51-[\"x\",{\"_placeholder\":true,\"num\":0}]\x00\x01bytes",
		`30["answer"]`, "1",
		`4{"message":"no","data":{}}`, `0{"sid":"again","pid":"p"}`, "2", "\x01unasked", `2["x","offset"]`, `3NaN[]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		ours, theirs := net.Pipe()
		played := make(chan struct{})
		go func() {
			defer close(played)
			_ = speak(theirs, bytes.Split(said, []byte{0}), len(said)%2 == 1) // a client may leave at any time
		}()
		opts := fast()
		opts.NoReconnection = true
		opts.DialContext = func(context.Context, string, string) (net.Conn, error) { return ours, nil }
		s, err := client.New("http://fuzz.test", opts)
		if err != nil {
			t.Fatal(err)
		}
		s.On("x", func(e *client.Event) error {
			var v any
			return e.Bind(&v)
		})
		_ = s.EmitAck("ask", func(parser.Args, error) {})
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Connect(ctx); ctx.Err() != nil {
			t.Error(err)
		}
		stop(t, s)
		<-played
	})
}

// speak is a server on a connection of its own: it lets the client in, says the messages, and closes.
func speak(conn net.Conn, messages [][]byte, early bool) error {
	defer conn.Close()
	in := bufio.NewReader(conn)
	r, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", wire.AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
	if err != nil {
		return err
	}
	asked := make(chan struct{})
	go func() { // a pipe has no room: what is not read holds up the client
		_, _ = in.Peek(1)
		close(asked)
		_, _ = io.Copy(io.Discard, in)
	}()
	text := func(s string) []byte {
		return wire.Frame{Opcode: wire.Text, Unmasked: true, Payload: []byte(s)}.Bytes()
	}
	var all []byte
	for _, m := range messages {
		if len(m) > 0 && m[0] == 1 {
			all = append(all, wire.Frame{Opcode: wire.Binary, Unmasked: true, Payload: m[1:]}.Bytes()...)
		} else {
			all = append(all, text("4"+string(m))...)
		}
	}
	opened := text(`0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`)
	if early {
		opened = append(opened, all...)
	}
	if _, err := conn.Write(opened); err != nil {
		return err
	}
	<-asked
	end := wire.CloseFrame(1000, "")
	end.Unmasked = true
	_, err = conn.Write(append(append(text(`40{"sid":"abc","pid":"secret"}`), all...), end.Bytes()...))
	return err
}
