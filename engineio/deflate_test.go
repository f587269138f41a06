package engineio

// The WebSocket extension permessage-deflate, from the option to the wire.

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
)

func TestDeflateWire(t *testing.T) {
	d := wsframe.NewDeflater(100, 9)
	long := strings.Repeat("again and ", 50)
	short := text("short")
	if got := short.wire(&form{deflater: d}); &got[0] != &short.frames[0] {
		t.Error("a message under the threshold is compressed")
	}
	plain := NewTextMessage([]byte(long), nil, MessageOptions{NoCompress: true})
	if got := plain.wire(&form{deflater: d}); &got[0] != &plain.frames[0] {
		t.Error("a message is compressed against its options")
	}
	m := NewTextMessage([]byte(long), [][]byte{[]byte("tiny"), []byte(long)}, MessageOptions{})
	wire := m.wire(&form{deflater: d})
	if len(wire) > 200 {
		t.Errorf("%d bytes of %d", len(wire), len(m.frames))
	}
	if again := m.wire(&form{deflater: d}); &again[0] != &wire[0] {
		t.Error("the compressed form is not shared")
	}
	if other := m.wire(&form{deflater: wsframe.NewDeflater(100, 1)}); &other[0] != &wire[0] {
		t.Error("the compressed form changes while somebody may be writing it")
	}
	if !bytes.Equal(wire, d.Compress(m.frames)) {
		t.Error("the compressed form is another")
	}
}

func TestDeflateOverTheWire(t *testing.T) {
	h := start(t, setup{
		opts:    Options{PerMessageDeflate: &PerMessageDeflate{}, MaxHTTPBufferSize: 100_000},
		message: echo,
	})
	long := "4" + strings.Repeat("again and ", 500)
	for _, tt := range []struct{ name, offer string }{
		{"agreed", "permessage-deflate"},
		{"not offered", ""},
		{"declined", "permessage-deflate; server_max_window_bits=9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := h.openDeflate(tt.offer)
			if tt.name != "agreed" {
				c.send(long)
				c.want(ws.OpText, long)
				_ = c.tryWriteRaw([]byte(wstest.Frame(0xc1, wstest.Deflate([]byte(long)))))
				c.wantEnd(wsframe.CloseProtocolError)
				h.peer(c.sid).wantClose(t, ReasonTransportError)
				return
			}
			body := wstest.Deflate([]byte(long))
			_ = c.tryWriteRaw([]byte(wstest.Frame(0x41, body[:5]) + wstest.Frame(0x89, "") +
				wstest.Frame(0, body[5:10]) + wstest.Frame(0x80, body[10:])))
			c.want(ws.OpPong, "")
			c.wantCompressed(long)
			c.send("4short")
			c.want(ws.OpText, "4short")
			_ = c.tryWriteRaw([]byte(wstest.Frame(0xc1, "\xff\xff\xff")))
			c.wantEnd(wsframe.CloseInvalidData)
			h.peer(c.sid).wantClose(t, ReasonTransportError)
		})
	}
	t.Run("bomb", func(t *testing.T) {
		bomb := wstest.Deflate(bytes.Repeat([]byte("4"), 20_000_000)) // it takes its time
		if len(bomb) > 90_000 {
			t.Fatalf("the bomb has %d bytes", len(bomb))
		}
		c := h.openDeflate("permessage-deflate")
		_ = c.tryWriteRaw([]byte(wstest.Frame(0xc1, bomb)))
		c.wantEnd(wsframe.CloseTooBig)
		h.peer(c.sid).wantClose(t, ReasonTransportError)
	})
}

// openDeflate opens a session on WebSocket, with that offer of extensions unless it is empty.
func (h *host) openDeflate(offer string) *wsClient {
	h.t.Helper()
	if offer == "" {
		return h.openWS()
	}
	return h.openRaw("Sec-WebSocket-Extensions", offer)
}

// wantCompressed reads one compressed text frame.
func (c *wsClient) wantCompressed(want string) {
	c.t.Helper()
	header, err := ws.ReadHeader(c.r)
	if err != nil || header.Rsv != 0x4 || header.Length > int64(len(want)/2) {
		c.t.Fatalf("header %+v %v, want a compressed frame", header, err)
	}
	b := make([]byte, header.Length)
	if _, err := c.r.Read(b[:0]); err != nil {
		c.t.Fatal(err)
	}
	for n := 0; n < len(b); {
		m, err := c.r.Read(b[n:])
		if err != nil {
			c.t.Fatal(err)
		}
		n += m
	}
	if got, err := wsframe.Inflate(b, 1<<20); err != nil || string(got) != want {
		c.t.Errorf("got %q %v, want %q", clip(string(got)), err, clip(want))
	}
}

// What a queue holds is counted before compression, when messages come and when they go. Once it was counted after
// compression when they went: what that saved added up, until a healthy session was closed as a slow client.
func TestDeflateKeepsTheAccount(t *testing.T) {
	h := start(t, setup{opts: Options{PerMessageDeflate: &PerMessageDeflate{Threshold: 1}, MaxQueueBytes: 50_000}})
	c := h.openDeflate("permessage-deflate")
	p := h.peer(c.sid)
	m := text(strings.Repeat("again and ", 500))
	for range 100 {
		if !p.Send(m) {
			t.Fatal("the session is closed")
		}
		if header, err := ws.ReadHeader(c.r); err != nil || header.Rsv != 0x4 {
			t.Fatalf("%+v %v", header, err)
		} else if _, err := c.r.Discard(int(header.Length)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "an empty account", func() bool {
		p.Session.mu.Lock()
		defer p.Session.mu.Unlock()
		return p.queued == 0 && !testStream(p.Session).scheduled
	})
}

// What is long is compressed by others than the flusher, and nothing overtakes it.
func TestLongMessagesAreCompressedInOrder(t *testing.T) {
	h := start(t, setup{opts: Options{PerMessageDeflate: &PerMessageDeflate{}}})
	c := h.openDeflate("permessage-deflate")
	p := h.peer(c.sid)
	var want []string
	for i := range 20 {
		m := strings.Repeat(string(rune('a'+i)), 1+i%4*100_000)
		want = append(want, "4"+m)
		p.Send(text(m))
	}
	for _, m := range want {
		if len(m) < 10 {
			c.want(ws.OpText, m)
		} else {
			c.wantCompressed(m)
		}
	}
	p.wantNoAccount(t)
}
