package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// serverFrame returns a frame as a server sends it.
func serverFrame(first byte, payload string) []byte {
	n := len(payload)
	frame := []byte{first}
	switch {
	case n < 126:
		frame = append(frame, byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 127), uint64(n))
	}
	return append(frame, payload...)
}

// messages collects what a walker finds.
type messages []string

func (m *messages) message(opcode byte, head []byte, length int) error {
	*m = append(*m, fmt.Sprintf("%x %q %d", opcode, head, length))
	return nil
}

func TestWalkerFindsTheSameMessagesHoweverReadsCutTheStream(t *testing.T) {
	long, longer := strings.Repeat("x", 300), strings.Repeat("y", 70_000)
	stream := bytes.Join([][]byte{
		serverFrame(0x81, "42[1]"),
		serverFrame(0x81, ""),
		serverFrame(0x82, long),
		serverFrame(0x01, "first "), serverFrame(0x89, "ping"), serverFrame(0x00, "second "),
		serverFrame(0x80, "third"),
		serverFrame(0x81, longer),
		serverFrame(0x88, "\x03\xe8bye"),
	}, nil)
	const keep = 10
	want := messages{
		`1 "42[1]" 5`, `1 "" 0`, `2 "xxxxxxxxxx" 300`, `9 "ping" 4`, `1 "first seco" 18`, `1 "yyyyyyyyyy" 70000`,
		`8 "\x03\xe8bye" 5`,
	}
	for _, size := range []int{1, 2, 3, 4, 5, 7, 127, 301, 4096, len(stream)} {
		var got messages
		w := walker{sink: &got, keep: keep}
		for rest := stream; len(rest) > 0; {
			n := min(size, len(rest))
			// A copy that is overwritten after the call, like the loop's buffer.
			piece := bytes.Clone(rest[:n])
			if err := w.walk(piece); err != nil {
				t.Fatalf("reads of %d: %v", size, err)
			}
			for i := range piece {
				piece[i] = '!'
			}
			rest = rest[n:]
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("reads of %d:\n got %v\nwant %v", size, got, want)
		}
	}
}

func TestWalkerKnowsTheSizeOfAFrameOnTheWire(t *testing.T) {
	for _, payload := range []string{
		"", "a", strings.Repeat("b", 125), strings.Repeat("c", 126), strings.Repeat("d", 70_000),
	} {
		frame := serverFrame(0x81, payload)
		for _, cut := range []int{1, len(frame)} {
			w := walker{sink: new(messages), keep: 1}
			if err := w.walk(frame[:cut]); err != nil {
				t.Fatal(err)
			}
			if err := w.walk(frame[cut:]); err != nil {
				t.Fatal(err)
			}
			if w.LastWireSize != len(frame) {
				t.Errorf("a payload of %d, cut at %d: %d bytes, want %d", len(payload), cut, w.LastWireSize, len(frame))
			}
		}
	}
}

func TestWalkerRefusesWhatNoServerMaySend(t *testing.T) {
	tests := []struct {
		name   string
		stream []byte
		want   error
	}{
		{"masked", []byte{0x81, 0x85, 1, 2, 3, 4, 0, 0, 0, 0, 0}, errMasked},
		{"reserved bit", []byte{0xc1, 0x01, 'x', 'x'}, errExtensions},
		{"continuation of nothing", serverFrame(0x80, "lost"), errFragments},
		{"two beginnings", append(serverFrame(0x01, "one"), serverFrame(0x81, "other")...), errFragments},
		{"length beyond reason", binary.BigEndian.AppendUint64([]byte{0x81, 127}, math.MaxUint64), nil},
	}
	for _, test := range tests {
		w := walker{sink: new(messages), keep: 10}
		if err := w.walk(test.stream); err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

func TestClientFramesAreMaskedAndUnmaskToThePayload(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 125, 126, 1000, 65_535, 65_536} {
		payload := bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
		frame := appendFrame([]byte("before"), opText, payload)[len("before"):]
		if frame[0] != 0x81 || frame[1]&0x80 == 0 {
			t.Fatalf("%d bytes: header % x", n, frame[:2])
		}
		length, at := int(frame[1]&0x7f), 2
		switch length {
		case 126:
			length, at = int(binary.BigEndian.Uint16(frame[2:])), 4
		case 127:
			length, at = int(binary.BigEndian.Uint64(frame[2:])), 10
		}
		key, masked := frame[at:at+4], bytes.Clone(frame[at+4:])
		if length != n || len(masked) != n {
			t.Fatalf("%d bytes: length %d, %d there", n, length, len(masked))
		}
		if n > 8 && bytes.Equal(masked, payload) {
			t.Errorf("%d bytes are not masked", n)
		}
		for i := range masked {
			masked[i] ^= key[i%4]
		}
		if !bytes.Equal(masked, payload) {
			t.Errorf("%d bytes unmask to something else", n)
		}
	}
}
