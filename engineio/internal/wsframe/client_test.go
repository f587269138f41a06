package wsframe

// The client's side: frames with a mask go out, frames without one come in.

import (
	"bytes"
	"slices"
	"strconv"
	"testing"

	"github.com/gobwas/ws"
)

// kept keeps what a Reader finds.
type kept struct{ messages []string }

func (k *kept) Message(data []byte, binary bool) error {
	k.messages = append(k.messages, strconv.FormatBool(binary)+string(data))
	return nil
}

func (k *kept) Control(op ws.OpCode, payload []byte) error {
	k.messages = append(k.messages, strconv.Itoa(int(op))+string(payload))
	return nil
}

// Frames of a client are what another implementation makes of the same payload and mask, and a server reads them.
func TestAppendMasked(t *testing.T) {
	mask := [4]byte{1, 0x82, 3, 0xf4}
	for _, n := range []int{0, 1, 125, 126, 1<<16 - 1, 1 << 16} {
		payload := bytes.Repeat([]byte("xyz"), n)[:n]
		want := ws.MustCompileFrame(ws.MaskFrameWith(ws.NewBinaryFrame(bytes.Clone(payload)), mask))
		got := AppendMasked([]byte("before"), ws.OpBinary, mask, payload[:n/2], payload[n/2:])[len("before"):]
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes: they differ", n)
		}
		var k kept
		r := Reader{Sink: &k, Limit: 1 << 20}
		if err := r.Feed(got); err != nil || len(k.messages) != 1 || k.messages[0] != "true"+string(payload) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// A client reads frames in whatever pieces they come, and none that is masked.
func TestAClientReads(t *testing.T) {
	d := NewDeflater(1, -1)
	frames := Append(nil, ws.OpText, []byte("hello"))
	frames = Append(frames, ws.OpPing, []byte("p"))
	frames = append(frames, d.Compress(Append(nil, ws.OpBinary, bytes.Repeat([]byte("z"), 1<<16)))...)
	want := []string{"falsehello", "9p", "true" + string(bytes.Repeat([]byte("z"), 1<<16))}
	for _, piece := range []int{1, 2, 3, len(frames)} {
		var k kept
		r := Reader{Sink: &k, Limit: 1 << 17, Deflate: true, Client: true}
		for rest := frames; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			if err := r.Feed(rest[:min(piece, len(rest))]); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(k.messages, want) {
			t.Errorf("in pieces of %d: %d messages", piece, len(k.messages))
		}
	}
	r := Reader{Sink: new(kept), Limit: 1, Client: true}
	if err := r.Feed(AppendMasked(nil, ws.OpText, [4]byte{1}, []byte("x"))); err != errMasking {
		t.Errorf("a masked frame: %v", err)
	}
}

// What is compressed in parts is what is compressed at once.
func TestDeflate(t *testing.T) {
	d := NewDeflater(1, -1)
	whole := d.Deflate([]byte("4hello hello hello"))
	if parts := d.Deflate([]byte("4"), []byte("hello hello hello")); !bytes.Equal(parts, whole) {
		t.Errorf("% x, want % x", parts, whole)
	}
	if got, err := Inflate(whole, 100); err != nil || string(got) != "4hello hello hello" {
		t.Errorf("%q (%v)", got, err)
	}
}
