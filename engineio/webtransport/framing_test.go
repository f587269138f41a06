package webtransport

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The headers are those of engine.io-parser 5.2.3.
func TestFramingHeaders(t *testing.T) {
	for _, c := range []struct {
		size   int
		binary bool
		header string
	}{
		{1, false, "01"},
		{1, true, "81"},
		{125, false, "7d"},
		{126, false, "7e007e"},
		{126, true, "fe007e"},
		{65535, false, "7effff"},
		{65536, false, "7f0000000000010000"},
		{1_000_000, true, "ff00000000000f4240"},
	} {
		packet := bytes.Repeat([]byte{'4'}, c.size)
		framed := Framing{}.AppendPacket([]byte("before"), packet, c.binary)
		header, body := framed[len("before"):len(framed)-c.size], framed[len(framed)-c.size:]
		if got := hex.EncodeToString(header); got != c.header || !bytes.Equal(body, packet) {
			t.Errorf("%d bytes, binary %v: header %s, want %s", c.size, c.binary, got, c.header)
		}
	}
}

// packets are what a decoder finds in b, which comes in pieces of so many bytes.
func packets(b []byte, limit, piece int) (found []string, err error) {
	d := Framing{}.NewDecoder(limit)
	for len(b) > 0 && err == nil {
		n := min(piece, len(b))
		err = d.Decode(b[:n], func(data []byte, binary bool) error {
			found = append(found, fmt.Sprint(binary, " ", string(data)))
			return nil
		})
		b = b[n:]
	}
	return found, err
}

func TestFramingInPieces(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	var stream []byte
	for _, p := range []string{"2", "4hello", "4" + strings.Repeat("y", 200), long} {
		stream = Framing{}.AppendPacket(stream, []byte(p), p == long)
	}
	want, err := packets(stream, 100_000, len(stream))
	if err != nil || len(want) != 4 || want[3] != "true "+long {
		t.Fatalf("%d packets, %v", len(want), err)
	}
	for _, piece := range []int{1, 2, 3, 7, 4096, 65_536} {
		if got, err := packets(stream, 100_000, piece); err != nil || !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: %d packets, %v", piece, len(got), err)
		}
	}
}

func TestFramingRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		stream string // in hexadecimal
		want   error
	}{
		"an empty packet":               {"00", errEmpty},
		"an empty packet, long form":    {"7e0000", errEmpty},
		"more than the limit":           {"7e0065", errTooBig},
		"more than an int":              {"7fffffffffffffffff", errTooBig},
		"more than JavaScript can tell": {"ff0020000000000000", errTooBig},
	} {
		stream, err := hex.DecodeString(c.stream)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := packets(stream, 100, 1); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	stop := errors.New("stop")
	err := Framing{}.NewDecoder(10).Decode([]byte("\x012\x012"), func([]byte, bool) error { return stop })
	if err != stop {
		t.Errorf("the error of packet: %v", err)
	}
}

// A header that promises much makes the server keep little until the bytes come.
func TestFramingKeepsLittleForAPromise(t *testing.T) {
	d := Framing{}.NewDecoder(1 << 30).(*decoder)
	if err := d.Decode([]byte("\x7f\x00\x00\x00\x00\x3f\xff\xff\xff4"), nil); err != nil {
		t.Fatal(err)
	}
	if cap(d.packet) > firstMemory {
		t.Errorf("%d bytes are kept for one", cap(d.packet))
	}
}

// Whatever comes is either an error or what the framing would have written, however it is cut.
func FuzzFraming(f *testing.F) {
	f.Add([]byte("\x012\x064hello\x81\x00"), uint8(1))
	f.Add([]byte("\x7e\x00\x03abc\x7f\x00\x00\x00\x00\x00\x00\x00\x01x"), uint8(3))
	f.Add([]byte("\x00"), uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		const limit = 1000
		whole, err := packets(stream, limit, len(stream)+1)
		cut, cutErr := packets(stream, limit, int(piece)+1)
		if !slices.Equal(whole, cut) || !errors.Is(cutErr, err) {
			t.Fatalf("whole: %q, %v; cut: %q, %v", whole, err, cut, cutErr)
		}
		var again []byte
		for _, p := range whole {
			kind, data, _ := strings.Cut(p, " ")
			if len(data) == 0 || len(data) > limit {
				t.Fatalf("a packet of %d bytes", len(data))
			}
			again = Framing{}.AppendPacket(again, []byte(data), kind == "true")
		}
		if back, err := packets(again, limit, len(again)+1); err != nil || !slices.Equal(back, whole) {
			t.Fatalf("%q became %q, %v", whole, back, err)
		}
	})
}
