package wsframe

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
	"github.com/gobwas/ws"
)

func TestNegotiate(t *testing.T) {
	const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	const full = "; server_max_window_bits=15"
	d := NewDeflater(1, 1)
	for offer, want := range map[string]string{
		"":                   "",
		"permessage-deflate": agreed,
		"permessage-deflate; client_max_window_bits":                                   agreed,
		"permessage-deflate; client_max_window_bits=10":                                agreed,
		"permessage-deflate; server_no_context_takeover":                               agreed,
		"permessage-deflate; server_max_window_bits=10":                                "",
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":            agreed,
		"permessage-deflate; server_max_window_bits=15; client_max_window_bits":        agreed + full,
		"permessage-deflate; unknown":                                                  "",
		"permessage-deflate; client_max_window_bits=99":                                "",
		"x-webkit-deflate-frame":                                                       "",
		"foo, bar; baz, permessage-deflate; client_no_context_takeover":                agreed,
		"permessage-deflate; client_no_context_takeover; client_no_context_takeover=1": "",
		"=;;,": "",
	} {
		if got := d.Negotiate([]string{offer}, false).Answer; got != want {
			t.Errorf("offer %q: %q, want %q", offer, got, want)
		}
	}
	var off *Deflater
	if got := off.Negotiate([]string{"permessage-deflate"}, true); got.Answer != "" {
		t.Errorf("agreed to %q where it is off", got.Answer)
	}
}

// What Compress makes is read back as a client would read it: only long enough frames are compressed.
func TestCompress(t *testing.T) {
	for name, level := range map[string]int{"best": 9, "default": -1, "no such level": 42} {
		t.Run(name, func(t *testing.T) {
			long := "4" + strings.Repeat("again and ", 50)
			frames := Append(nil, ws.OpText, []byte(long))
			frames = Append(frames, ws.OpBinary, []byte("tiny"))
			frames = Append(frames, ws.OpBinary, []byte(long))
			was := bytes.Clone(frames)
			compressed := NewDeflater(100, level).Compress(frames)
			if !bytes.Equal(frames, was) {
				t.Error("the frames have changed")
			}
			if len(compressed) > 200 {
				t.Errorf("%d bytes of %d", len(compressed), len(frames))
			}
			var rsv []bool
			var log frameLog
			r := Reader{Sink: &log, Limit: 1000, Deflate: true}
			for len(compressed) > 0 {
				op, body, rest := Cut(compressed)
				rsv = append(rsv, compressed[0]&rsv1 != 0)
				if err := r.Feed([]byte(wstest.Frame(0x80|byte(op)|compressed[0]&rsv1, string(body)))); err != nil {
					t.Fatal(err)
				}
				compressed = rest
			}
			want := frameLog{`text "` + long + `"`, `binary "tiny"`, `binary "` + long + `"`}
			if !reflect.DeepEqual(log, want) || !reflect.DeepEqual(rsv, []bool{true, false, true}) {
				t.Errorf("read back %q with RSV1 %v", log, rsv)
			}
		})
	}
}

func TestInflate(t *testing.T) {
	random := make([]byte, 5000)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	for _, data := range [][]byte{{}, []byte("x"), bytes.Repeat([]byte("ab"), 3000), random} {
		if got, err := Inflate([]byte(wstest.Deflate(data)), len(data)); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %d bytes, %v", len(data), len(got), err)
		}
	}
	if _, err := Inflate([]byte(wstest.Deflate(bytes.Repeat([]byte{0}, 1001))), 1000); !errors.Is(err, errTooBig) {
		t.Errorf("one byte over the limit: %v", err)
	}
	for _, bad := range []string{"", "\xff\xff\xff", "\x07"} {
		if _, err := Inflate([]byte(bad), 1000); !errors.Is(err, errInflate) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Whatever is offered, what is agreed upon is one of the answers that there are; and what is compressed is inflated to
// what it was, never to more than the limit.
func FuzzNegotiate(f *testing.F) {
	for _, offer := range []string{
		"permessage-deflate", "permessage-deflate; client_max_window_bits",
		"permessage-deflate; server_max_window_bits=9", ";=,\"",
	} {
		f.Add(offer, []byte("ab"))
	}
	d := NewDeflater(1, 1)
	f.Fuzz(func(t *testing.T, offer string, data []byte) {
		agreed := d.Negotiate([]string{offer}, len(data)%2 > 0).Answer
		if agreed != "" && !strings.HasPrefix(agreed, "permessage-deflate") || strings.ContainsAny(agreed, "\r\n") {
			t.Fatalf("%q: agreed to %q", offer, agreed)
		}
		const limit = 1 << 10
		if b, err := Inflate(data, limit); err == nil && len(b) > limit {
			t.Fatalf("%d bytes", len(b))
		}
		frames := d.Compress(Append(nil, ws.OpBinary, data))
		_, body, _ := Cut(frames)
		if len(data) > 0 && frames[0]&0x40 != 0 {
			if b, err := Inflate(body, len(data)); err != nil || !bytes.Equal(b, data) {
				t.Fatalf("%q came back as %q, %v", data, b, err)
			}
		}
	})
}
