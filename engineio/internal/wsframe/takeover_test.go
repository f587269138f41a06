package wsframe

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func TestNegotiateTakeover(t *testing.T) {
	d := NewDeflater(100, -1)
	for offer, want := range map[string]Agreement{
		"permessage-deflate; client_max_window_bits": {"permessage-deflate", true, true},
		"permessage-deflate; server_no_context_takeover": {
			"permessage-deflate; server_no_context_takeover", false, true,
		},
		"permessage-deflate; client_no_context_takeover": {
			"permessage-deflate; client_no_context_takeover", true, false,
		},
		"permessage-deflate; server_max_window_bits=15": {
			"permessage-deflate; server_max_window_bits=15", true, true,
		},
		"permessage-deflate; server_max_window_bits=9, permessage-deflate; server_no_context_takeover": {
			"permessage-deflate; server_no_context_takeover", false, true,
		},
		"permessage-deflate; server_max_window_bits=9": {},
	} {
		if got := d.Negotiate([]string{offer}, true); got != want {
			t.Errorf("offer %q: %+v, want %+v", offer, got, want)
		}
	}
}

// A peer is a client's reading half, which keeps its window: one decompressor for the whole connection.
type contextPeer struct {
	in  bytes.Buffer
	out io.Reader
}

func newContextPeer() *contextPeer {
	p := new(contextPeer)
	p.out = flate.NewReader(&p.in)
	return p
}

func (p *contextPeer) read(t *testing.T, body []byte, want []byte) {
	t.Helper()
	p.in.Write(body)
	p.in.Write(deflateTail)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(p.out, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read %.40q, %v, want %.40q", got, err, want)
	}
}

// What is alike gets small, and a client with one decompressor reads it, whatever is left uncompressed in between.
func TestCompressorTakesOver(t *testing.T) {
	d := NewDeflater(100, -1)
	c, peer := d.NewCompressor(), newContextPeer()
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 3000)
	for i := range text {
		text[i] = byte(random.Uint32())
	}
	var sizes []int
	for range 5 {
		frames := Append(nil, ws.OpText, []byte("short"))
		wire := c.Compress(Append(frames, ws.OpBinary, text))
		op, body, rest := Cut(wire)
		if op != ws.OpText || string(body) != "short" {
			t.Fatalf("the short frame is %q", body)
		}
		if rest[0]&rsv1 == 0 {
			t.Fatal("the long frame is not compressed")
		}
		_, body, _ = Cut(rest)
		peer.read(t, body, text)
		sizes = append(sizes, len(body))
	}
	if sizes[0] < 2900 || sizes[1] > 100 || sizes[4] > 100 {
		t.Errorf("messages of 3000 random bytes, always the same, take %v", sizes)
	}
}

func TestInflaterTakesOver(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var sent bytes.Buffer
	w, _ := flate.NewWriter(&sent, 9)
	var in Inflater
	for i := range 60 {
		message := []byte(strings.Repeat(fmt.Sprint("message ", i%7, " "), 1+random.IntN(6000)))
		_, _ = w.Write(message)
		_ = w.Flush()
		got, err := in.Inflate(bytes.TrimSuffix(bytes.Clone(sent.Bytes()), deflateTail), 1<<20)
		if err != nil || !bytes.Equal(got, message) {
			t.Fatalf("message %d of %d bytes: %d bytes, %v", i, len(message), len(got), err)
		}
		if n := cap(in.window); n > 2*windowSize {
			t.Fatalf("the window takes %d bytes", n)
		}
		sent.Reset()
	}
	if _, err := in.Inflate([]byte("no deflate"), 1000); !errors.Is(err, errInflate) {
		t.Errorf("garbage: %v", err)
	}
}

func BenchmarkCompressorContext(b *testing.B) {
	d := NewDeflater(1, -1)
	frames := Append(nil, ws.OpText, bytes.Repeat([]byte(`{"name":"some chat message","id":12345}`), 50))
	for name, compress := range map[string]func([]byte) []byte{
		"shared": d.Compress, "taken over": d.NewCompressor().Compress,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				compress(frames)
			}
		})
	}
}
