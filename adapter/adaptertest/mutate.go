package adaptertest

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
)

// wrongValues stand where nobody expects them, in JSON or in MessagePack: headers that promise four thousand million
// elements, texts that are cut short, values nested too deeply.
var wrongValues = []string{
	`null`, `1e999`, `-1`, `""`, `[]`, `{}`, `"\ud800"`, `[[[[]]]]`, `{"_placeholder":true,"num":7}`, `{"`, `[[[[`,
	"\xff", "\xc1", "\xc0", "\xa0", "\x80", "\x90", "\xd4\x00\x00", "\xc7\x0c\xff", "\xdd\xff\xff\xff\xff",
	"\xdf\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff", "\xdb\x7f\xff\xff\xff",
	strings.Repeat("[", 100_000), strings.Repeat("\x91", 100_000), strings.Repeat(`{"a":`, 20_000),
}

// valuesOfJSON is how many of wrongValues are JSON.
const valuesOfJSON = 9

// Mutate returns a message changed in up to three places, a little or a lot, as random chooses. It is for
// Cluster.Malformed: most of what it returns makes no sense, some of it still does, or means something else.
func Mutate(random *rand.Rand, message []byte) []byte {
	b := slices.Clone(message)
	for range 1 + random.IntN(3) {
		if len(b) == 0 {
			return []byte("\xdd\xff\xff\xff\xff")
		}
		b = mutateOnce(random, b, random.IntN(len(b)))
	}
	return b
}

func mutateOnce(random *rand.Rand, b []byte, at int) []byte {
	switch random.IntN(10) {
	case 0: // cut short
		return b[:at]
	case 1:
		b[at] ^= 1 << random.IntN(8)
	case 2:
		b[at] = byte(random.IntN(256))
	case 3:
		return slices.Delete(b, at, min(len(b), at+1+random.IntN(8)))
	case 4:
		return slices.Insert(b, at, byte(random.IntN(256)))
	case 5: // something twice
		end := at + random.IntN(len(b)-at)
		return slices.Insert(b, end, slices.Clone(b[at:])...)
	case 6: // a byte for a value
		return slices.Replace(b, at, at+1, []byte(wrongValues[random.IntN(len(wrongValues))])...)
	case 7: // two bytes swapped
		b[at], b[len(b)-1-at] = b[len(b)-1-at], b[at]
	case 8: // nested
		return append(bytes.Repeat([]byte{0x91}, random.IntN(2000)), b...)
	case 9: // a JSON value for another
		colon := bytes.IndexByte(b[at:], ':')
		if colon < 0 {
			return b
		}
		from := at + colon + 1
		to := from + bytes.IndexAny(append(slices.Clone(b[from:]), ','), ",}")
		return slices.Replace(b, from, min(to, len(b)), []byte(wrongValues[random.IntN(valuesOfJSON)])...)
	}
	return b
}
