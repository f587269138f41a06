package wsframe

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/gobwas/ws"
)

// Frames are what another implementation makes of the same payload, and come apart again.
func TestAppendAndCut(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 1<<16 - 1, 1 << 16, 1<<16 + 1} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			payload := bytes.Repeat([]byte{'x'}, n)
			want := ws.MustCompileFrame(ws.NewBinaryFrame(payload))
			got := Append([]byte("before"), ws.OpBinary, payload)[len("before"):]
			if !bytes.Equal(got, want) {
				t.Errorf("header % x, want % x", got[:len(got)-n], want[:len(want)-n])
			}
			if Size(n) != len(want) {
				t.Errorf("size %d, want %d", Size(n), len(want))
			}
			op, body, rest := Cut(Append(got, ws.OpText, []byte("next")))
			if op != ws.OpBinary || !bytes.Equal(body, payload) || !bytes.Equal(rest, []byte("\x81\x04next")) {
				t.Errorf("cut into %v, %d bytes, %q", op, len(body), rest)
			}
		})
	}
}

func TestAppendClose(t *testing.T) {
	for code, want := range map[uint16]string{0: "\x88\x00", 1002: "\x88\x02\x03\xea"} {
		if got := AppendClose(nil, code); string(got) != want {
			t.Errorf("code %d: %q, want %q", code, got, want)
		}
	}
}
