package socketio

// A server whose packets are not Node's.

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// objectParser sends each packet as one JSON object in one binary message, attachments inside in base64.
type objectParser struct{}

type object struct {
	Type  parser.Type     `json:"type"`
	Nsp   string          `json:"nsp"`
	ID    *float64        `json:"id,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
	Files [][]byte        `json:"files,omitempty"`
}

func (objectParser) Encode(p parser.Packet) (parser.Encoded, error) {
	o := object{Type: p.Type, Nsp: p.Namespace, Data: p.Payload, Files: p.Attachments}
	if p.HasID {
		o.ID = &p.ID
	}
	data, err := json.Marshal(o)
	return parser.Encoded{Data: data, Binary: true}, err
}

func (objectParser) Decode(_ *parser.Packet, data []byte, binary bool) (parser.Packet, error) {
	var o object
	if err := json.Unmarshal(data, &o); err != nil || !binary {
		return parser.Packet{}, fmt.Errorf("%w: no object", parser.ErrInvalidPacket)
	}
	p := parser.Packet{Type: o.Type, Namespace: o.Nsp}
	if o.ID != nil {
		p.HasID, p.ID = true, *o.ID
	}
	if o.Data == nil {
		return p, nil
	}
	return p, p.SetPayload(o.Data, o.Files)
}

// Everything that a server says and hears goes through Options.Parser: connections, refusals, events, acknowledgements
// both ways, broadcasts, attachments, the end.
func TestAnotherParser(t *testing.T) {
	srv, addr := startServer(t, Options{Parser: objectParser{}})
	reasons := make(chan Reason, 3)
	srv.OnDisconnect(func(_ *Socket, r Reason) { reasons <- r })
	srv.Of("/chat").Use(func(*Socket) error { return &ConnectError{Message: "full", Data: 7} })
	srv.On("echo", func(e *Event) error {
		e.Socket().Join("room")
		return e.Ack(e.Raw(0), e.Raw(1))
	})
	srv.On("say", func(e *Event) error {
		var blob []byte
		if err := e.Bind(&blob); err != nil {
			return err
		}
		return srv.To("room").Emit("said", append(blob, '!'))
	})
	srv.On("ask me", func(e *Event) error {
		answer, err := e.Socket().EmitWithAck(t.Context(), "question")
		if err != nil {
			return err
		}
		return e.Socket().Emit("thanks for", answer.Raw(0))
	})

	a, b := dialWS(t, addr), dialWS(t, addr)
	for _, c := range []*wsClient{a, b} {
		c.send(`bin:{"type":0,"nsp":"/","data":{"token":1}}`)
		if f := c.read(); !isConnect(f) {
			t.Fatalf("connected with %s", f)
		}
		c.send(`bin:{"type":2,"nsp":"/","id":7,"data":["echo",1.50,{"_placeholder":true,"num":0}],"files":["eA=="]}`)
		c.want(`bin:{"type":3,"nsp":"/","id":7,"data":[1.50,{"_placeholder":true,"num":0}],"files":["eA=="]}`)
	}
	a.send(`bin:{"type":2,"nsp":"/","data":["say",{"_placeholder":true,"num":0}],"files":["aGk="]}`)
	for _, c := range []*wsClient{a, b} {
		c.want(`bin:{"type":2,"nsp":"/","data":["said",{"_placeholder":true,"num":0}],"files":["aGkh"]}`)
	}
	a.send(`bin:{"type":2,"nsp":"/","data":["ask me"]}`)
	a.want(`bin:{"type":2,"nsp":"/","id":0,"data":["question"]}`)
	a.send(`bin:{"type":3,"nsp":"/","id":0,"data":["answer"]}`)
	a.want(`bin:{"type":2,"nsp":"/","data":["thanks for","answer"]}`)

	a.send(`bin:{"type":0,"nsp":"/chat"}`)
	a.want(`bin:{"type":4,"nsp":"/chat","data":{"message":"full","data":7}}`)
	a.send(`bin:{"type":0,"nsp":"/nowhere"}`)
	a.want(`bin:{"type":4,"nsp":"/nowhere","data":{"message":"Invalid namespace"}}`)

	a.send(`bin:{"type":1,"nsp":"/"}`)
	if r := receive(t, "the client's disconnection", reasons); r != ReasonClientDisconnect {
		t.Errorf("reason %q", r)
	}
	if err := srv.DisconnectSockets(false); err != nil {
		t.Fatal(err)
	}
	b.want(`bin:{"type":1,"nsp":"/"}`)
	if r := receive(t, "the server's disconnection", reasons); r != ReasonServerDisconnect {
		t.Errorf("reason %q", r)
	}
	a.send(`40`) // Node's CONNECT is none of this parser's
	a.want("closed")
}

func isConnect(frame string) bool {
	sid, ok := between(frame, `"sid":"`, `"`)
	return ok && frame == fmt.Sprintf(`bin:{"type":0,"nsp":"/","data":{"sid":%q}}`, sid)
}

// What a parser does that it must not is reported, and ends in an error or a refusal, not in a broken client.
func TestFaultyParser(t *testing.T) {
	t.Run("cannot encode CONNECT", func(t *testing.T) {
		failed := make(chan error, 2)
		srv := newTestServer(t, Options{
			Parser:  faultyParser{refuses: parser.Connect},
			OnError: func(_ *Socket, err error) { failed <- err },
		})
		c := srv.dial()
		c.send("0")
		c.want(`4{"message":"Internal server error"}`)
		if err := receive(t, "OnError", failed); err != errFaulty {
			t.Errorf("reported %v", err)
		}
		eventually(t, "nothing is left", func() bool { return srv.SocketCount() == 0 })
	})
	t.Run("cannot encode events", func(t *testing.T) {
		srv := newTestServer(t, Options{Parser: faultyParser{refuses: parser.Event}})
		s := srv.connect().socket()
		for _, err := range []error{s.Emit("x"), srv.Emit("x")} {
			if err != errFaulty {
				t.Errorf("Emit: %v", err)
			}
		}
	})
	t.Run("binary message with attachments", func(t *testing.T) {
		srv := newTestServer(t, Options{Parser: faultyParser{refuses: parser.Disconnect, binary: true}})
		s := srv.connect().socket()
		if err := s.Emit("x", []byte{1}); err != errBinaryWithAttachments {
			t.Errorf("Emit: %v", err)
		}
	})
}

var errFaulty = fmt.Errorf("on purpose")

// faultyParser is the default one with a fault.
type faultyParser struct {
	parser.Default
	refuses parser.Type // to encode packets of this type
	binary  bool        // marks events as binary
}

func (f faultyParser) Encode(p parser.Packet) (parser.Encoded, error) {
	if p.Type == f.refuses {
		return parser.Encoded{}, errFaulty
	}
	e, err := f.Default.Encode(p)
	e.Binary = f.binary && p.Type == parser.Event
	return e, err
}
