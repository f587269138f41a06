package peer

// A Socket.IO client with what the tests need, over WebSocket and by polling.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// patience bounds a test's wait for what must come.
const patience = 5 * time.Second

// client is a connected Socket.IO client over WebSocket.
type client struct {
	t    testing.TB
	ws   *wire.WebSocket
	sent string // the last packet sent, for error messages
}

// connect joins the namespace / and returns once the server has confirmed that.
func connect(t testing.TB, addr string) *client {
	t.Helper()
	c := dial(t, addr, wire.NewSocket)
	if open := c.read(); !strings.HasPrefix(open, "0{") {
		t.Fatalf("the session opens with %q", open)
	}
	c.send("40")
	if connected := c.read(); !strings.HasPrefix(connected, `40{"sid"`) {
		t.Fatalf("the connection is answered %q", connected)
	}
	return c
}

// dial opens a WebSocket. It is closed when the test ends.
func dial(t testing.TB, addr, target string) *client {
	t.Helper()
	ws, err := wire.DialWebSocket(addr, target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	return &client{t: t, ws: ws}
}

func (c *client) send(packet string) {
	c.t.Helper()
	c.sent = packet
	if err := c.ws.SendText(packet); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) sendBinary(b []byte) {
	c.t.Helper()
	if err := c.ws.Send(wire.Frame{Opcode: wire.Binary, Payload: b}); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next text message that is not a ping.
func (c *client) read() string { c.t.Helper(); return string(c.frame(wire.Text)) }

func (c *client) frame(opcode wire.Opcode) []byte {
	c.t.Helper()
	for {
		c.ws.SetReadDeadline(time.Now().Add(patience))
		f, err := c.ws.ReadFrame()
		if err != nil {
			c.t.Fatalf("after %.80q: %v", c.sent, err)
		}
		if string(f.Payload) == "2" {
			c.send("3")
			continue
		}
		if f.Opcode != opcode {
			c.t.Fatalf("got a frame with opcode %d, %q; want %d", f.Opcode, f.Payload, opcode)
		}
		return f.Payload
	}
}

// expect reads a message and compares it with a packet type and its JSON. The order of keys does not matter.
func (c *client) expect(prefix, data string) {
	c.t.Helper()
	packet := c.read()
	if err := samePacket(packet, prefix, data); err != nil {
		c.t.Error(err)
	}
}

func samePacket(packet, prefix, data string) error {
	rest, found := strings.CutPrefix(packet, prefix)
	var got, want any
	if err := json.Unmarshal([]byte(data), &want); err != nil {
		return err
	}
	if !found || json.Unmarshal([]byte(rest), &got) != nil || !reflect.DeepEqual(got, want) {
		return fmt.Errorf("got %s, want %s%s", packet, prefix, data)
	}
	return nil
}

// quiet fails the test if anything comes before the answer to an echo.
func (c *client) quiet() {
	c.t.Helper()
	c.send(`4299["echo",{"text":"anything before me?"}]`)
	c.expect("4399", `[{"text":"anything before me?"}]`)
}

// pollingSession opens a long-polling session, joins the namespace, registers, and reads the confirmation.
func pollingSession(t testing.TB, addr string) {
	t.Helper()
	sid, err := wire.OpenSession(addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	target := wire.NewPolling + "&sid=" + sid
	do := func(method, body string) string {
		request := wire.Request{Method: method, Target: target, Body: body}
		if body != "" {
			request.Headers = []wire.Header{{Name: "Content-Type", Value: "text/plain;charset=UTF-8"}}
		}
		response, err := wire.Do(addr, request, patience)
		if err != nil {
			t.Fatal(err)
		}
		if response.Code != 200 {
			t.Fatalf("%s %s: %s %s", method, target, response.Status, response.Body)
		}
		return string(response.Body)
	}
	do("POST", "40")
	if connected := do("GET", ""); !strings.HasPrefix(connected, `40{"sid"`) {
		t.Fatalf("polling connects with %q", connected)
	}
	do("POST", `42["registrar"]`)
	if err := samePacket(do("GET", ""), "42", `["registrado",{"room":"roomChatTest"}]`); err != nil {
		t.Error(err)
	}
}

// pattern returns n bytes that show where a frame was cut or mixed up.
func pattern(n int) []byte {
	return bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstu"), n/31+1)[:n]
}
