package engineio

// permessage-deflate with context takeover, from the option to the wire.

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
)

// A contextClient is a WebSocket client with one compressor and one decompressor for its whole connection.
type contextClient struct {
	*wsClient
	in   bytes.Buffer
	out  io.Reader
	sent bytes.Buffer
	w    *flate.Writer
}

func (h *host) openInContext(offer string) *contextClient {
	h.t.Helper()
	c := &contextClient{wsClient: h.openDeflate(offer)}
	c.out = flate.NewReader(&c.in)
	c.w, _ = flate.NewWriter(&c.sent, 6)
	return c
}

// next reads one message, and how long it was on the wire.
func (c *contextClient) next(size int) (message string, wire int64) {
	c.t.Helper()
	header, err := ws.ReadHeader(c.r)
	if err != nil {
		c.t.Fatal(err)
	}
	b := make([]byte, header.Length)
	if _, err := io.ReadFull(c.r, b); err != nil {
		c.t.Fatal(err)
	}
	if header.Rsv == 0 {
		return string(b), header.Length
	}
	c.in.Write(append(b, 0, 0, 0xff, 0xff))
	got := make([]byte, size)
	if _, err := io.ReadFull(c.out, got); err != nil {
		c.t.Fatalf("decompressing: %v", err)
	}
	return string(got), header.Length
}

// sendInContext sends a message, compressed in the client's context.
func (c *contextClient) sendInContext(message string) {
	c.sent.Reset()
	_, _ = io.WriteString(c.w, message)
	_ = c.w.Flush()
	_ = c.tryWriteRaw([]byte(wstest.Frame(0xc1, strings.TrimSuffix(c.sent.String(), "\x00\x00\xff\xff"))))
}

func TestContextTakeoverOverTheWire(t *testing.T) {
	opts := Options{PerMessageDeflate: &PerMessageDeflate{ContextTakeover: true, Threshold: 100}}
	bothWays(t, opts, 0, func(t *testing.T, h *host) {
		c := h.openInContext("permessage-deflate; client_max_window_bits")
		if got := c.answer.Header.Get("Sec-WebSocket-Extensions"); got != "permessage-deflate" {
			t.Fatalf("agreed to %q", got)
		}
		random := make([]byte, 1500)
		for i := range random {
			random[i] = byte('a' + rand.IntN(26))
		}
		for i := range 4 {
			long := fmt.Sprint("4", string(random), i)
			c.sendInContext(long)
			got, wire := c.next(len(long))
			if got != long || i > 0 && wire > 100 {
				t.Fatalf("message %d: %q, %d bytes on the wire", i, clip(got), wire)
			}
			c.send("4short")
			if got, _ := c.next(6); got != "4short" {
				t.Fatalf("got %q", got)
			}
		}
		_ = c.conn.Close()
		eventually(t, "the context's end", func() bool { return h.contexts.Load() == 0 })
	})
}

// Past MaxContexts, and for clients that want none, messages are compressed once for all.
func TestContextsAreBounded(t *testing.T) {
	h := start(t, setup{opts: Options{PerMessageDeflate: &PerMessageDeflate{ContextTakeover: true, MaxContexts: 2}}})
	const none = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	open := func(offer, want string) *contextClient {
		t.Helper()
		c := h.openInContext(offer)
		if got := c.answer.Header.Get("Sec-WebSocket-Extensions"); got != want {
			t.Errorf("agreed to %q, want %q", got, want)
		}
		return c
	}
	open(none, none)
	first := open("permessage-deflate", "permessage-deflate")
	open("permessage-deflate; client_no_context_takeover", "permessage-deflate; client_no_context_takeover")
	open("permessage-deflate", none)
	open("x-webkit-deflate-frame", "")
	polls := h.openPoll()
	probe := h.rawUpgrade("GET", "transport=websocket&sid="+polls.sid, "Sec-WebSocket-Extensions", "permessage-deflate")
	if got := probe.answer.Header.Get("Sec-WebSocket-Extensions"); got != none {
		t.Errorf("the probe agreed to %q", got)
	}
	// A probe that nobody has use for gives its context back.
	_ = first.conn.Close()
	eventually(t, "a context", func() bool { return h.contexts.Load() == 1 })
	second := h.rawUpgrade("GET", "transport=websocket&sid="+polls.sid,
		"Sec-WebSocket-Extensions", "permessage-deflate")
	second.wantEnd(0)
	eventually(t, "the context again", func() bool { return h.contexts.Load() == 1 })
	open("permessage-deflate", "permessage-deflate")
}

// Broadcasts, direct messages and volatile ones, from many goroutines, to clients some of which have a context and one
// of which reads slowly: everybody can read what comes, in its order.
func TestContextsUnderLoad(t *testing.T) {
	h := start(t, setup{opts: Options{
		PerMessageDeflate: &PerMessageDeflate{ContextTakeover: true, Threshold: 50, MaxContexts: 6},
		MaxQueueBytes:     64 << 20,
	}})
	const clients, senders, each = 8, 4, 60
	var all sync.WaitGroup
	var sessions []*Session
	for i := range clients {
		c := h.openInContext("permessage-deflate")
		context := c.answer.Header.Get("Sec-WebSocket-Extensions") == "permessage-deflate"
		sessions = append(sessions, h.peer(c.sid).Session)
		all.Go(func() {
			last := make(map[byte]int)
			for range senders * each {
				if !context {
					c.out.(flate.Resetter).Reset(&c.in, nil)
				}
				_ = c.conn.SetReadDeadline(time.Now().Add(patience))
				header, err := ws.ReadHeader(c.r)
				if err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				b := make([]byte, header.Length)
				if _, err := io.ReadFull(c.r, b); err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				if header.Rsv != 0 {
					c.in.Write(append(b, 0, 0, 0xff, 0xff))
					b = make([]byte, 8) // the head says how long it is
					if _, err := io.ReadFull(c.out, b); err != nil {
						t.Errorf("client %d: %v", i, err)
						return
					}
				}
				var sender byte
				var n, size int
				if _, err := fmt.Sscanf(string(b[1:8]), "%c%03d%03d", &sender, &n, &size); err != nil {
					t.Errorf("client %d: %q", i, b[:8])
					return
				}
				if header.Rsv != 0 {
					rest := make([]byte, size)
					_, err := io.ReadFull(c.out, rest)
					if err != nil || strings.Trim(string(rest), string(sender)) != "" {
						t.Errorf("client %d: %q, %v", i, clip(string(rest)), err)
						return
					}
				}
				if n != last[sender] {
					t.Errorf("client %d: message %d of %c instead of %d", i, n, sender, last[sender])
					return
				}
				last[sender]++
			}
		})
	}
	for i := range senders {
		all.Go(func() {
			sender := byte('A' + i)
			for n := range each {
				size := rand.IntN(900)
				m := text(fmt.Sprintf("%c%03d%03d%s", sender, n, size, strings.Repeat(string(sender), size)))
				for _, s := range sessions {
					s.Send(m)
				}
			}
		})
	}
	all.Wait()
}
