package engineio

import (
	"bytes"
	"compress/flate"
	"errors"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func TestDeflateNegotiation(t *testing.T) {
	const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	d := newDeflater(&PerMessageDeflate{Threshold: 1, Level: 1})
	for offer, want := range map[string]string{
		"":                   "",
		"permessage-deflate": agreed,
		"permessage-deflate; client_max_window_bits":                                   agreed,
		"permessage-deflate; client_max_window_bits=10":                                agreed,
		"permessage-deflate; server_no_context_takeover":                               agreed,
		"permessage-deflate; server_max_window_bits=10":                                "",
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":            agreed,
		"permessage-deflate; server_max_window_bits=15; client_max_window_bits":        "",
		"permessage-deflate; unknown":                                                  "",
		"permessage-deflate; client_max_window_bits=99":                                "",
		"x-webkit-deflate-frame":                                                       "",
		"foo, bar; baz, permessage-deflate; client_no_context_takeover":                agreed,
		"permessage-deflate; client_no_context_takeover; client_no_context_takeover=1": "",
		"=;;,": "",
	} {
		if got := d.negotiate(http.Header{"Sec-Websocket-Extensions": {offer}}); got != want {
			t.Errorf("offer %q: %q, want %q", offer, got, want)
		}
	}
	if got := newDeflater(nil).negotiate(http.Header{"Sec-Websocket-Extensions": {"permessage-deflate"}}); got != "" {
		t.Errorf("agreed to %q where it is off", got)
	}
}

func TestDeflateWire(t *testing.T) {
	d := newDeflater(&PerMessageDeflate{Threshold: 100, Level: 9})
	long := strings.Repeat("again and ", 50)
	short := text("short")
	if got := short.wire(d); &got[0] != &short.frames[0] {
		t.Error("a message under the threshold is compressed")
	}
	plain := NewTextMessage([]byte(long), nil, MessageOptions{NoCompress: true})
	if got := plain.wire(d); &got[0] != &plain.frames[0] {
		t.Error("a message is compressed against its options")
	}
	m := NewTextMessage([]byte(long), [][]byte{[]byte("tiny"), []byte(long)}, MessageOptions{})
	wire := m.wire(d)
	if len(wire) > 200 {
		t.Errorf("%d bytes of %d", len(wire), len(m.frames))
	}
	if again := m.wire(d); &again[0] != &wire[0] {
		t.Error("the compressed form is not shared")
	}
	if other := m.wire(newDeflater(&PerMessageDeflate{Threshold: 100, Level: 1})); &other[0] != &wire[0] {
		t.Error("the compressed form changes while somebody may be writing it")
	}
	// Read it back as a client would: only long enough frames are compressed.
	var rsv []bool
	var log frameLog
	r := frameReader{sink: &log, limit: 1000, deflate: true}
	for len(wire) > 0 {
		op, body, rest := cutFrame(wire)
		rsv = append(rsv, wire[0]&rsv1 != 0)
		if err := r.feed([]byte(frame(0x80|byte(op)|wire[0]&rsv1, string(body)))); err != nil {
			t.Fatal(err)
		}
		wire = rest
	}
	want := frameLog{`text "4` + long + `"`, `binary "tiny"`, `binary "` + long + `"`}
	if !reflect.DeepEqual(log, want) || !reflect.DeepEqual(rsv, []bool{true, false, true}) {
		t.Errorf("read back %q with RSV1 %v", log, rsv)
	}
}

// deflated is what a client makes of data for permessage-deflate.
func deflated(t *testing.T, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write(data); err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), deflateTail))
}

func TestInflate(t *testing.T) {
	random := make([]byte, 5000)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	for _, data := range [][]byte{{}, []byte("x"), bytes.Repeat([]byte("ab"), 3000), random} {
		if got, err := inflate([]byte(deflated(t, data)), len(data)); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %d bytes, %v", len(data), len(got), err)
		}
	}
	if _, err := inflate([]byte(deflated(t, bytes.Repeat([]byte{0}, 1001))), 1000); !errors.Is(err, errTooBig) {
		t.Errorf("one byte over the limit: %v", err)
	}
	for _, bad := range []string{"", "\xff\xff\xff", "\x07"} {
		if _, err := inflate([]byte(bad), 1000); !errors.Is(err, errInflate) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestDeflateOverTheWire(t *testing.T) {
	h := start(t, setup{opts: Options{PerMessageDeflate: &PerMessageDeflate{}, MaxHTTPBufferSize: 100_000}, message: echo})
	long := "4" + strings.Repeat("again and ", 500)
	for _, tt := range []struct{ name, offer string }{{"agreed", "permessage-deflate"}, {"not offered", ""}, {"declined", "permessage-deflate; server_max_window_bits=9"}} {
		t.Run(tt.name, func(t *testing.T) {
			c := h.openDeflate(tt.offer)
			if tt.name != "agreed" {
				c.send(long)
				c.want(ws.OpText, long)
				_ = c.tryWriteRaw([]byte(frame(0xc1, deflated(t, []byte(long)))))
				c.wantEnd(closeProtocolError)
				h.peer(c.sid).wantClose(t, ReasonTransportError)
				return
			}
			body := deflated(t, []byte(long))
			_ = c.tryWriteRaw([]byte(frame(0x41, body[:5]) + frame(0x89, "") + frame(0, body[5:10]) + frame(0x80, body[10:])))
			c.want(ws.OpPong, "")
			c.wantCompressed(long)
			c.send("4short")
			c.want(ws.OpText, "4short")
			_ = c.tryWriteRaw([]byte(frame(0xc1, "\xff\xff\xff")))
			c.wantEnd(closeInvalidData)
			h.peer(c.sid).wantClose(t, ReasonTransportError)
		})
	}
	t.Run("bomb", func(t *testing.T) {
		c := h.openDeflate("permessage-deflate")
		bomb := deflated(t, bytes.Repeat([]byte("4"), 20_000_000))
		if len(bomb) > 90_000 {
			t.Fatalf("the bomb has %d bytes", len(bomb))
		}
		_ = c.tryWriteRaw([]byte(frame(0xc1, bomb)))
		c.wantEnd(closeTooBig)
		h.peer(c.sid).wantClose(t, ReasonTransportError)
	})
}

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
	if got, err := inflate(b, 1<<20); err != nil || string(got) != want {
		c.t.Errorf("got %q %v, want %q", clip(string(got)), err, clip(want))
	}
}

// The queue's account is kept in messages, not in what they have become on the wire. It was not: what compression saved
// stayed on the account until a healthy session was closed as a slow client.
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
		return p.queued == 0 && !p.scheduled
	})
}
