package socketio

// Everything that a server sends for any input, of a client or of another server, is something that socket.io-client
// can parse.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A checked server looks at everything that it sends as a client would.
type checked struct {
	*Server
	parser.Default

	mu  sync.Mutex
	err error // of the first packet that no client takes
}

func newChecked(f *testing.F) *checked {
	f.Helper()
	c := &checked{}
	c.Server = newServer(Options{
		Logger:                     slog.New(slog.DiscardHandler),
		Parser:                     c,
		MaxNamespacesPerConnection: 3, OnError: func(*Socket, error) {},
	})
	message := engineio.NewTextMessage(nil, nil, engineio.MessageOptions{}) // stands for all
	c.newMessage = func(parser.Encoded, engineio.MessageOptions) *engineio.Message { return message }
	f.Cleanup(func() {
		if err := c.Shutdown(f.Context()); err != nil && f.Context().Err() == nil {
			f.Error(err)
		}
		eventually(f, "the workers have ended", func() bool { return c.workers.running() == 0 })
	})
	return c
}

// Encode is the usual parser's.
func (c *checked) Encode(p parser.Packet) (parser.Encoded, error) {
	e, err := c.Default.Encode(p)
	if err != nil || p.Type == parser.Ack && !(p.ID < 1e21) {
		return e, err // a client that asks for an answer to "NaN" gets that, as from Node.js; none has such an id
	}
	if err := clientSees(e); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err == nil {
			c.err = fmt.Errorf("%w: %q with %q", err, e.Data, e.Attachments)
		}
	}
	return e, nil
}

// errNotForClients is about packets that socket.io-client (4.8, socket.ts) does not take.
var errNotForClients = errors.New("no client takes that")

// clientSees parses a packet as socket.io-parser does, and looks at it as socket.io-client does.
func clientSees(e parser.Encoded) error {
	if !utf8.Valid(e.Data) || e.Binary {
		return fmt.Errorf("%w: no text", errNotForClients)
	}
	p, err := parser.Default{}.Decode(nil, bytes.Clone(e.Data), false)
	for _, a := range e.Attachments {
		if err == nil {
			p, err = parser.Default{}.Decode(&p, a, true)
		}
	}
	if err != nil {
		return err
	}
	var object struct {
		SID     string
		Message *string
		Data    json.RawMessage
	}
	switch p.Type {
	case parser.Connect:
		if json.Unmarshal(p.Payload, &object) != nil || object.SID == "" {
			return fmt.Errorf("%w: no sid", errNotForClients)
		}
	case parser.ConnectError:
		if json.Unmarshal(p.Payload, &object) != nil || object.Message == nil {
			return fmt.Errorf("%w: no message", errNotForClients)
		}
	case parser.Event, parser.Ack:
		if p.Missing > 0 || p.Payload == nil || p.Type == parser.Ack && !p.HasID {
			return fmt.Errorf("%w: %d attachments missing", errNotForClients, p.Missing)
		}
	}
	return nil
}

// handle has a namespace do with what it gets whatever programs do.
func (c *checked) handle(ns *Namespace) {
	ns.Use(func(s *Socket) error {
		var auth struct {
			Refuse *string
			Data   Raw
		}
		if s.Handshake().Auth.Bind(&auth) != nil || auth.Refuse == nil {
			return nil
		}
		if auth.Data.IsZero() {
			return errors.New(*auth.Refuse)
		}
		return fmt.Errorf("wrapped: %w", &ConnectError{Message: *auth.Refuse, Data: auth.Data})
	})
	ns.OnConnect(func(s *Socket) error {
		s.Join("room")
		return s.Emit("welcome", s.Handshake().Auth, s.ID())
	})
	ns.OnDisconnect(func(s *Socket, r Reason) { _ = ns.To("room").Emit("left", s.ID(), string(r)) })
	ns.OnAny(func(e *Event) error {
		s, args := e.Socket(), &e.Args
		given := make([]any, args.Len())
		for i := range given {
			given[i] = args.Raw(i)
		}
		var first any
		_ = args.Bind(&first)
		// Refused are reserved names, what is too deep, and attachments that are not there.
		_ = s.Emit(e.Name(), given...)
		_ = s.To("room").Emit(e.Name(), map[string]any{"nickname": args.Raw(0), "message": first})
		_ = s.Namespace().In("room").Volatile().Compress(false).Emit("bound", first)
		_ = s.Namespace().To("room", s.ID()).Emit("file", args.Raw(0), []byte{1, 2}, Binary("x"))
		if args.Len()%2 == 1 {
			return &Error{Message: e.Name(), Data: args.Raw(0)} // which answers
		}
		_ = e.Ack(given...)
		return nil
	})
}

// FuzzSent has two clients say something, in turns, of which one has the other's room; and another server.
func FuzzSent(f *testing.F) {
	for _, say := range []string{
		"0", `0{"refuse":"no","data":{"a":[1]}}`, "0{\"refuse\":\"\\ud800\"}", `0/d/x,{"a":1}`, "0/unknown,", `1`,
		"0\x1e1/d,", "0\x1e" + `2["x"]`,
		"0\x1e" + `27["x",{"a":1}]`, "0\x1e" + `2["x","\u2028\ud800",1e999]`, "0\x1e" + `30["x"]`,
		"0\x1e" + `51-["x",{"_placeholder":true,"num":0}]` + "\x1eb\x01\x02",
		"0\x1e" + `52-3["x",[{"_placeholder":true,"num":1}],{"_placeholder":true,"num":0}]` + "\x1eb\x01\x1eb",
		"0\x1e" + `29["x",{"_placeholder":true,"num":7}]`, "0\x1e0/d/x,\x1e" + `2/d/x,1["é",null]` + "\x1e1/d/x,",
		"0\x1er" + `["other",{"_placeholder":true,"num":0}]` + "\x1er[1]", "0\x1e2 [\"x\",1]", "0\x1e" + `2["error"]`,
		"0\x1e" + `21e["x"]`, `0{"__proto__":{"refuse":"x"}}`, "0\x1e" + `2[12.0,"x"]`,
	} {
		f.Add([]byte(say))
	}
	srv := newChecked(f)
	srv.handle(srv.main)
	srv.handle(srv.OfPattern(regexp.MustCompile(`^/d`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		session := &sink{}
		c := srv.newConn(session)
		for said := range bytes.SplitSeq(data, []byte{0x1e}) {
			switch {
			case len(said) > 0 && said[0] == 'b':
				c.OnMessage(said[1:], true)
			case len(said) > 0 && said[0] == 'r': // another server's broadcast, with two attachments
				p, err := srv.main.NewPayloadPacket(said[1:], [][]byte{{1}, {2}})
				if err == nil {
					p.AppendString("1-1")
					err = srv.main.adapter.Broadcast(p, BroadcastOptions{Rooms: []string{"room"}})
				}
				if err != nil && !errors.Is(err, ErrInvalidPacket) {
					t.Fatal(err)
				}
			default: // as engineio has it
				c.OnMessage(bytes.ToValidUTF8(said, []byte("\uFFFD")), false)
			}
			awaitQuiet(t, c)
		}
		c.OnClose(engineio.ReasonTransportClose)
		awaitQuiet(t, c)
		srv.mu.Lock()
		defer srv.mu.Unlock()
		if srv.err != nil {
			err := srv.err
			srv.err = nil
			t.Fatalf("%q: %v", data, err)
		}
	})
}

// awaitQuiet waits until all handlers have returned.
func awaitQuiet(t *testing.T, c *conn) {
	t.Helper()
	for n := 0; !c.quiet(); n++ {
		if runtime.Gosched(); n > 1000 {
			time.Sleep(time.Millisecond)
		}
		if n > 20_000 {
			t.Fatal("a handler does not return")
		}
	}
}
