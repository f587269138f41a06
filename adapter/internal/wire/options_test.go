package wire

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

// TestPromises reads headers that promise four thousand million elements: they cost nothing.
func TestPromises(t *testing.T) {
	for _, c := range [][]byte{
		{0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdf, 0xff, 0xff, 0xff, 0xff}, {0xdb, 0xff, 0xff, 0xff, 0xff},
		bytes.Repeat([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}, 900),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, errStrings := readStrings(c)
		_, _, errOptions := ReadOptions(append([]byte("\x81\xa5rooms"), c...))
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; errStrings == nil || errOptions == nil || used > 1<<20 {
			t.Errorf("%.10x: %v, %v, %d bytes", c, errStrings, errOptions, used)
		}
	}
}

func FuzzReadOptions(f *testing.F) {
	f.Add([]byte("\x83\xa5rooms\x91\xa1a\xa6except\x90\xa5flags\x81\xa8volatile\xc3"))
	f.Add([]byte("\xdf\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, rest, err := ReadOptions(b); err == nil && len(rest) >= len(b) {
			t.Errorf("%x: nothing was read", b)
		}
		_, _, _ = ToJSON(b)
		if rest, err := msgp.Skip(b); err == nil && len(rest) > len(b) {
			t.Error("Skip went backwards")
		}
	})
}

// TestLengthsOf32Bits has lengths that overflow an int of 32 bits, and less than so many bytes behind them: as options,
// as a field that is passed over. make test runs it for such a machine.
func TestLengthsOf32Bits(t *testing.T) {
	for _, head := range []byte{0xdb, 0xc6, 0xc9, 0xdd, 0xdf} { // str, bin, ext, array and map 32
		for _, length := range []uint32{1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 6, 1<<32 - 5, 1<<32 - 2, 1<<32 - 1} {
			value := binary.BigEndian.AppendUint32([]byte{head}, length)
			value = append(value, 0, 0xa1, 'x', 0xc0, 0xa1, 'y', 0xc0)
			if _, _, err := ToJSON(value); err == nil {
				t.Errorf("% x makes sense", value)
			}
			for _, key := range []string{"rooms", "flags"} {
				field := append(msgp.AppendString(msgp.AppendMapHeader(nil, 1), key), value...)
				if _, _, err := ReadOptions(field); err == nil && head != 0xdf && head != 0xdd {
					t.Errorf("% x makes sense as options", field)
				}
			}
			_, _ = EachField(value, func(_, _ []byte) ([]byte, error) { return msgp.Skip(value) })
		}
	}
}
