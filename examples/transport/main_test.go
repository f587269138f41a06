package main

// The framing alone: what it takes, in whatever pieces, and what it refuses. test/examples drives the program.

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// decode has a decoder take bytes in pieces, and returns the packets.
func decode(stream string, limit, piece int) (packets []string, err error) {
	d := lines{}.NewDecoder(limit)
	for b := range slices.Chunk([]byte(stream), piece) {
		if err = d.Decode(b, func(data []byte, binary bool) error {
			packets = append(packets, fmt.Sprintf("%t %q", binary, data))
			return nil
		}); err != nil {
			return packets, err
		}
	}
	return packets, nil
}

func TestPacketsComeWhole(t *testing.T) {
	texts := []string{"0", "", "42[\"say\",\"line\\nfeed <olá> \u2028\"]", strings.Repeat("\x00", 100)}
	var stream []byte
	var want []string
	for _, text := range texts {
		for _, binary := range []bool{false, true} {
			stream = lines{}.AppendPacket(stream, []byte(text), binary)
			want = append(want, fmt.Sprintf("%t %q", binary, text))
		}
	}
	for _, piece := range []int{1, 7, len(stream)} {
		if got, err := decode(string(stream), 100, piece); err != nil || !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: %v, %v, want %v", piece, got, err, want)
		}
	}
}

func TestWhatIsNoPacketIsRefused(t *testing.T) {
	for name, stream := range map[string]string{
		"no JSON":                "40\x00\n",
		"a number":               "40\n",
		"no base64":              `{"base64":"?"}` + "\n",
		"too long a text":        `"` + strings.Repeat("x", 101) + `"` + "\n",
		"too long a binary":      string(lines{}.AppendPacket(nil, make([]byte, 101), true)),
		"a line that has no end": strings.Repeat("x", 1000),
		"a line of spaces":       strings.Repeat(" ", 1000),
	} {
		if packets, err := decode(stream, 100, 64); err == nil || len(packets) > 0 {
			t.Errorf("%s: %v, %v", name, packets, err)
		}
	}
}
