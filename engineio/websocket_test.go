package engineio

// WebSocket: messages, and how sessions on it end.

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
)

func TestWebSocketMessages(t *testing.T) {
	h := start(t, setup{message: echo})
	c := h.openWS()
	c.send("4hello")
	c.want(ws.OpText, "4hello")
	c.write(ws.OpBinary, "\x01\x02\xff")
	c.want(ws.OpBinary, "\x01\x02\xff")
	c.write(ws.OpPing, "are you there")
	c.want(ws.OpPong, "are you there")
	c.write(ws.OpPong, "unasked")
	for _, odd := range []string{"3", "5", "6", "0", "1"} { // ignored, as in Node.js, even "1"
		c.send(odd)
	}
	h.peer(c.sid).Send(NewTextMessage([]byte("51-"), [][]byte{{1, 2}, {3}}, MessageOptions{}))
	c.want(ws.OpText, "451-")
	c.want(ws.OpBinary, "\x01\x02")
	c.want(ws.OpBinary, "\x03")
	c.send("4end")
	c.want(ws.OpText, "4end")
}

// A WebSocket session ends from either side, and over what the client does wrong.
func TestWebSocketCloses(t *testing.T) {
	h := start(t, setup{message: func(p *peer, data []byte, _ bool) {
		if string(data) == "close me" {
			p.Send(text("goodbye"))
			p.Close(ReasonForcedClose)
		}
	}})
	client := func(op ws.OpCode, payload string) func(*wsClient) {
		return func(c *wsClient) { c.write(op, payload) }
	}
	raw := func(b string) func(*wsClient) { return func(c *wsClient) { _ = c.tryWriteRaw([]byte(b)) } }
	tests := []struct {
		name   string
		do     func(*wsClient)
		code   uint16 // of the server's close frame
		reason Reason
	}{
		{"client, code and reason echoed", client(ws.OpClose, "\x0f\xa0bye"), 4000, ReasonTransportClose},
		{"client, no code", client(ws.OpClose, ""), 0, ReasonTransportClose},
		{"client, bad code", client(ws.OpClose, "\x03\xed"), 1002, ReasonTransportError},
		{"server", client(ws.OpText, "4close me"), 0, ReasonForcedClose},
		{"unknown packet", client(ws.OpText, "7"), 0, ReasonParseError},
		{"empty packet", client(ws.OpText, ""), 0, ReasonParseError},
		{"client pings", client(ws.OpText, "2"), 0, ReasonTransportError},
		{"client probes", client(ws.OpText, "2probe"), 0, ReasonTransportError},
		{"not masked", raw("\x81\x014"), 1002, ReasonTransportError},
		{"not UTF-8", raw(wstest.Frame(0x81, "4\xff")), 1007, ReasonTransportError},
		{"too big", raw("\x81\xff\x00\x00\x00\x00\x00\x0f\x42\x41mask"), 1009, ReasonTransportError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := h.openWS()
			c.t = t
			p := h.peer(c.sid)
			tt.do(c)
			if tt.reason == ReasonForcedClose {
				c.want(ws.OpText, "4goodbye")
			}
			c.wantEnd(tt.code)
			p.wantClose(t, tt.reason)
			if p.Send(text("late")) {
				t.Error("a closed session takes messages")
			}
			p.Close(ReasonShutdown) // does nothing
		})
	}
	t.Run("connection breaks", func(t *testing.T) {
		c := h.openWS()
		_ = c.conn.Close()
		h.peer(c.sid).wantClose(t, ReasonTransportClose)
	})
}

// A client that does not answer the close frame is cut, and nothing that it sends meanwhile is delivered.
func TestCloseNotAnswered(t *testing.T) {
	h := start(t, setup{closeTimeout: 50 * time.Millisecond})
	c := h.openWS()
	p := h.peer(c.sid)
	p.Close(ReasonForcedClose)
	c.want(ws.OpClose, "")
	p.wantClose(t, ReasonForcedClose)
	c.send("4ignored")
	c.wantEOF()
	if got := p.messages(); len(got) != 0 {
		t.Errorf("received %v", got)
	}
}

// A client that sends pings and reads no pongs is a slow client like any other.
func TestPingsDoNotFillTheQueue(t *testing.T) {
	h := start(t, setup{opts: Options{
		MaxQueueBytes: 256 << 10, PingInterval: time.Hour,
		MessageRate: -1, ByteRate: -1, // or it would be made to wait, and the queue be filled in minutes
	}})
	c := h.openWS()
	p := h.peer(c.sid)
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	pings := []byte(strings.Repeat(wstest.Frame(0x89, ""), 10_000))
	for { // and reads no pong
		if _, err := c.conn.Write(pings); err != nil {
			break
		}
	}
	p.wantClose(t, ReasonSlowClient)
	h.wantSlowLog(256 << 10)
}

// A client that takes no binary frames, or sends none (engine.io-client: forceBase64), has binary in base64, as by
// polling.
func TestBase64OnWebSocket(t *testing.T) {
	for name, opts := range map[string]Options{
		"plain": {}, "by net/http": {AllowRequest: func(*http.Request) error { return nil }},
		"compressed": {PerMessageDeflate: &PerMessageDeflate{Threshold: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, setup{opts: opts, message: echo})
			for query, binary := range map[string]string{
				"": "\x01\x02\x03", "&b64=1": "bAQID", "&b64=": "\x01\x02\x03",
			} {
				op := ws.OpBinary
				if binary == "bAQID" {
					op = ws.OpText
				}
				opened := h.dial("transport=websocket" + query)
				_, _ = opened.read()
				polling := h.openPoll()
				upgraded := h.dial("transport=websocket&sid=" + polling.sid + query)
				upgraded.send("2probe")
				upgraded.want(ws.OpText, "3probe")
				upgraded.send("5")
				for _, c := range []*wsClient{opened, upgraded} {
					c.send("bAQID")
					c.want(op, binary)
					c.write(ws.OpBinary, "\x01\x02\x03")
					c.want(op, binary)
					c.send("4text")
					c.want(ws.OpText, "4text")
				}
				polling.peer().Send(NewTextMessage([]byte("51-"), [][]byte{{1, 2, 3}, {}}, MessageOptions{}))
				upgraded.want(ws.OpText, "451-")
				upgraded.want(op, binary)
				upgraded.want(op, strings.TrimRight(binary, "\x01\x02\x03AQID"))
			}
		})
	}
}
