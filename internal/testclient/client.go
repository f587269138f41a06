// Package testclient has a Socket.IO client without a library, for tests: what a server sends is compared byte for
// byte.
package testclient

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// Patience is how long a test waits for what must come.
const Patience = 20 * time.Second

// A Client is connected to one namespace over WebSocket.
type Client struct {
	ID  string // the socket's
	PID string // the secret with which its session can be resumed
	// Missed is what came before the answer to CONNECT, in the form of Messages.
	Missed []string
	// Messages are what came: the text of a packet, and behind it, after a space each, its attachments in hexadecimal.
	// It is closed with the connection.
	Messages chan string

	t         testing.TB
	conn      net.Conn
	namespace string // with a comma, or empty
}

// Dial connects a client to a server (http://...) and a namespace; the test's end closes it.
func Dial(t testing.TB, server, namespace string) *Client {
	t.Helper()
	return dial(t, server, namespace, "")
}

// Resume is Dial for a client that asks for its session back.
func Resume(t testing.TB, server, namespace, pid, offset string) *Client {
	t.Helper()
	return dial(t, server, namespace, fmt.Sprintf(`{"pid":%q,"offset":%q}`, pid, offset))
}

func dial(t testing.TB, server, namespace, auth string) *Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	url := "ws" + strings.TrimPrefix(server, "http") + "/socket.io/?EIO=4&transport=websocket"
	conn, buffered, _, err := ws.Dial(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{t: t, conn: conn, Messages: make(chan string, 1<<16)}
	if namespace != "/" {
		c.namespace = namespace + ","
	}
	var in io.Reader = conn
	if buffered != nil {
		in = io.MultiReader(bufio.NewReader(io.LimitReader(buffered, int64(buffered.Buffered()))), conn)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(c.Messages)
		c.receive(bufio.NewReaderSize(in, 1<<12))
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	c.Send("40" + c.namespace + auth)
	for {
		text := c.Next()
		if rest, ok := strings.CutPrefix(text, "40"+c.namespace); ok {
			var connected struct{ SID, PID string }
			if err := json.Unmarshal([]byte(rest), &connected); err != nil {
				t.Fatalf("connect: %q: %v", text, err)
			}
			c.ID, c.PID = connected.SID, connected.PID
			return c
		}
		if strings.HasPrefix(text, "42") || strings.HasPrefix(text, "45") {
			c.Missed = append(c.Missed, text)
		} else if text[0] != '0' {
			t.Fatalf("connect: %q", text)
		}
	}
}

func (c *Client) receive(in io.Reader) {
	packet, missing := "", 0
	for {
		h, err := ws.ReadHeader(in)
		if err != nil {
			return
		}
		b := make([]byte, h.Length)
		if _, err := io.ReadFull(in, b); err != nil {
			return
		}
		switch {
		case h.OpCode == ws.OpBinary:
			packet += fmt.Sprintf(" %x", b)
			if missing--; missing == 0 {
				c.Messages <- packet
			}
		case h.OpCode != ws.OpText:
			return
		case string(b) == "2":
			c.Send("3")
		case len(b) > 2 && b[0] == '4' && (b[1] == '5' || b[1] == '6'):
			packet = string(b)
			fmt.Sscanf(packet[2:], "%d-", &missing)
		default:
			c.Messages <- string(b)
		}
	}
}

// Send sends a packet as it is.
func (c *Client) Send(text string) { wsutil.WriteClientText(c.conn, []byte(text)) }

// SendBinary sends a packet and its attachments.
func (c *Client) SendBinary(text string, attachments ...[]byte) {
	c.Send(text)
	for _, b := range attachments {
		wsutil.WriteClientBinary(c.conn, b)
	}
}

// Close cuts the connection.
func (c *Client) Close() { c.conn.Close() }

// Emit sends an event: the JSON array of its name and arguments.
func (c *Client) Emit(payload string) { c.Send("42" + c.namespace + payload) }

// Ask emits an event and waits for its acknowledgement.
func (c *Client) Ask(payload string) {
	c.t.Helper()
	c.Send("42" + c.namespace + "77" + payload)
	if got := c.Next(); !strings.HasPrefix(got, "43"+c.namespace+"77[") {
		c.t.Fatalf("%s: %q, want its acknowledgement", payload, got)
	}
}

// Next waits for what comes next.
func (c *Client) Next() string {
	c.t.Helper()
	select {
	case m, ok := <-c.Messages:
		if !ok {
			c.t.Fatal("the connection is closed")
		}
		return m
	case <-time.After(Patience):
		c.t.Fatal("nothing comes")
		return ""
	}
}

var eventHead = regexp.MustCompile(`^4(2|5\d+-)`)

// offsetEnd is what connection state recovery appends to an event.
var offsetEnd = regexp.MustCompile(`,"[0-9]+-[0-9]+"\]`)

// Cut takes an event apart: its acknowledgement id, if it has one, and the JSON array with what is behind it. The
// payload is empty where the message is no event of the client's namespace.
func (c *Client) Cut(message string) (id, payload string) {
	rest, ok := strings.CutPrefix(message[len(eventHead.FindString(message)):], c.namespace)
	i := strings.IndexByte(rest, '[')
	if !ok || len(rest) == len(message) || i < 0 {
		return "", ""
	}
	return rest[:i], rest[i:]
}

// Split is Cut without the offset, in the form of Redis, that an event may have.
func (c *Client) Split(message string) (id, payload string) {
	id, payload = c.Cut(message)
	return id, offsetEnd.ReplaceAllString(payload, "]")
}

// Expect fails the test unless these events come next: JSON arrays of name and arguments, with attachments behind them.
func (c *Client) Expect(payloads ...string) {
	c.t.Helper()
	for _, want := range payloads {
		got := c.Next()
		if id, payload := c.Split(got); payload != want || id != "" {
			c.t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Acknowledge waits for an event and acknowledges it with a JSON array of arguments. It may be called from any
// goroutine.
func (c *Client) Acknowledge(want, answer string) {
	select {
	case got := <-c.Messages:
		id, payload := c.Split(got)
		if payload != want || id == "" {
			c.t.Errorf("got %q, want %q with an id", got, want)
		}
		c.Send("43" + c.namespace + id + answer)
	case <-time.After(Patience):
		c.t.Errorf("nothing comes, want %q", want)
	}
}

// ExpectDisconnect waits until the server disconnects the client, from the namespace or altogether.
func (c *Client) ExpectDisconnect() {
	c.t.Helper()
	select {
	case m, ok := <-c.Messages:
		if ok && m != "41"+c.namespace && m != "1" {
			c.t.Errorf("got %q, want a disconnection", m)
		}
	case <-time.After(Patience):
		c.t.Error("not disconnected")
	}
}

// ExpectDisconnectAfterAll is ExpectDisconnect behind whatever else comes.
func (c *Client) ExpectDisconnectAfterAll() {
	c.t.Helper()
	timeout := time.After(Patience)
	for {
		select {
		case m, ok := <-c.Messages:
			if !ok || m == "41"+c.namespace || m == "1" {
				return
			}
		case <-timeout:
			c.t.Error("not disconnected")
			return
		}
	}
}
