//go:build linux

package load

// A client: how it connects, and what it counts. Its transport is in websocket.go or polling.go.

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

// ErrLost is the error of a client whose connection ended without its doing.
var ErrLost = errors.New("load: the server ended the connection")

// A Spec says how a client connects.
type Spec struct {
	Addr     string // "127.0.0.1:4000"
	Protocol peer.Protocol
	Polling  bool // Socket.IO over HTTP long-polling
	// Hello is what a Socket.IO client sends once it is connected, as an Engine.IO message ("42[...]"). Expect is how
	// the answer begins that makes it ready. Without them it is ready once it is connected.
	Hello, Expect string
	Narrow        bool // a connection with small buffers
	// Headers are further lines of the WebSocket handshake, each with its line end. With them the client sends no
	// Origin of its own.
	Headers string
	// Auth is what a Socket.IO client connects with, as JSON.
	Auth string
	// OnPacket, if not nil, is called with the first bytes of each Socket.IO packet ("40{...}", "42[...]"), from the
	// answer to the connection on.
	OnPacket func(head []byte)
}

// A Client is one connection, or two if it polls. It is ready once it is connected and its Hello has been answered.
type Client struct {
	ID    int
	Ready bool
	Err   error // why the connection ended; matches ErrLost if the client did not end it

	// What has come since the client was ready.
	Received int64 // event messages, each with its attachments
	Acks     int64 // acknowledgements
	Surplus  int64 // messages that its group was not sent
	Disorder int64 // messages out of order or repeated, if Check is set
	ReadyAt  int64 // on the loop's clock

	// Check has the client verify that each message's number is one more than the last.
	Check bool
	// Latency, if not nil, records the latency of each message.
	Latency *Recorder
	// OnStamp, if not nil, is called with each message's stamp, and when it came, on the loop's clock.
	OnStamp func(seq, at, arrived int64)
	// OnAck, if not nil, is called with the first bytes of each acknowledgement ("43...").
	OnAck func(head []byte)

	loop      *Loop
	spec      Spec
	group     *Group
	counted   int64 // messages counted for the group
	next      int64 // number of the next message
	attach    int   // attachments that the current message still lacks
	transport transport
	onReady   func(*Client)
	park      parking
}

// A transport carries Engine.IO messages, or what a protocol without Engine.IO has instead.
type transport interface {
	send(parts [][]byte) // the first part is text, the others are binary attachments
	close()
}

// Send sends a message with a sequence number and the time at which it should go, on the loop's clock.
func (c *Client) Send(m *Message, seq, intended int64) { c.transport.send(m.stamped(seq, intended)) }

// SendText sends a text as it is, such as "42[...]".
func (c *Client) SendText(text []byte) { c.transport.send([][]byte{text}) }

// Close ends the connection at once.
func (c *Client) Close() { c.transport.close() }

// Expect sets the number that the next message must have, for a client with Check.
func (c *Client) Expect(seq int64) { c.next = seq }

func (c *Client) lost(err error) {
	c.Ready = false
	c.loop.Lost++
	if c.Err == nil {
		c.Err = fmt.Errorf("%w: %w", ErrLost, err)
	}
	if c.onReady != nil {
		c.onReady(c)
	}
}

func (c *Client) becomeReady() {
	c.Ready, c.ReadyAt = true, c.loop.Now()
	if c.onReady != nil {
		c.onReady(c)
	}
}

// event counts a complete event message. head is its beginning.
func (c *Client) event(head []byte) {
	if !c.Ready {
		return
	}
	c.Received++
	c.loop.Delivered++
	if c.group != nil {
		c.group.received(c)
	}
	if !c.Check && c.Latency == nil && c.OnStamp == nil {
		return
	}
	seq, at, ok := FindStamp(head)
	if c.OnStamp != nil && ok {
		c.OnStamp(seq, at, c.loop.arrived)
	}
	if c.Check && (!ok || seq != c.next) {
		c.Disorder++
	}
	c.next = seq + 1
	if c.Latency != nil && ok {
		c.Latency.Record(at, c.loop.arrived)
	}
}

// enginePacket handles an Engine.IO packet. p is its beginning.
func (c *Client) enginePacket(p []byte) error {
	if len(p) == 0 {
		return errors.New("load: an empty Engine.IO packet")
	}
	switch p[0] {
	case '4':
		return c.socketPacket(p)
	case '2':
		c.SendText([]byte("3"))
	case '0':
		c.SendText([]byte("40" + c.spec.Auth))
	case '1':
		return errors.New("load: a close packet")
	case '6':
	default:
		return fmt.Errorf("load: an Engine.IO packet that a client is not sent: %.40q", p)
	}
	return nil
}

// socketPacket handles a Socket.IO packet, in the Engine.IO message that p begins.
func (c *Client) socketPacket(p []byte) error {
	if len(p) < 2 {
		return errors.New("load: an empty Socket.IO packet")
	}
	if c.spec.OnPacket != nil {
		c.spec.OnPacket(p)
	}
	if !c.Ready {
		switch {
		case p[1] == '4':
			return fmt.Errorf("load: connection refused: %.100q", p)
		case p[1] == '0' && c.spec.Hello == "":
			c.becomeReady()
		case p[1] == '0':
			c.SendText([]byte(c.spec.Hello))
		case c.spec.Expect != "" && bytes.HasPrefix(p, []byte(c.spec.Expect)):
			c.becomeReady()
		}
		return nil
	}
	switch p[1] {
	case '2':
		c.event(p)
	case '3':
		c.Acks++
		if c.OnAck != nil {
			c.OnAck(p)
		}
	case '5':
		count, _, found := bytes.Cut(p[2:], []byte("-"))
		n, ok := digits(count)
		if !found || !ok {
			return fmt.Errorf("load: a binary event without its count: %.40q", p)
		}
		c.attach = int(n)
	case '0', '6':
	case '1':
		return errors.New("load: a disconnect packet")
	default:
		return fmt.Errorf("load: a Socket.IO packet that a client is not sent: %.40q", p)
	}
	return nil
}

// attachment counts a binary attachment. head is its beginning.
func (c *Client) attachment(head []byte) error {
	if !c.Ready {
		return nil
	}
	if c.attach--; c.attach < 0 {
		return errors.New("load: an attachment that nothing announced")
	}
	if c.attach == 0 {
		c.event(head)
	}
	return nil
}

// attachmentText is attachment for base64.
func (c *Client) attachmentText(text []byte) error {
	var head [headLimit]byte
	n, err := base64.StdEncoding.Decode(head[:], text[:min(len(text), headLimit)/4*4])
	if err != nil {
		return fmt.Errorf("load: an attachment is not base64: %w", err)
	}
	return c.attachment(head[:n])
}

// centrifugeReplies handles one message of Centrifuge's JSON protocol: replies, one on each line.
func (c *Client) centrifugeReplies(p []byte) error {
	for line := range bytes.SplitSeq(p, []byte("\n")) {
		head := line[:min(len(line), headLimit)]
		switch {
		case bytes.HasPrefix(head, []byte(`{"push"`)):
			c.event(head)
		case len(head) == 0:
		case string(head) == "{}":
			c.SendText([]byte("{}"))
		case bytes.Contains(head, []byte(`"error"`)) || bytes.Contains(head, []byte(`"disconnect"`)):
			return fmt.Errorf("load: refused: %s", strings.ToValidUTF8(string(head), "?"))
		case bytes.HasPrefix(head, []byte(`{"id":1,`)):
			c.SendText([]byte(`{"id":2,"subscribe":{"channel":"bench"}}`))
		case bytes.HasPrefix(head, []byte(`{"id":2,`)):
			c.becomeReady()
		}
	}
	return nil
}
