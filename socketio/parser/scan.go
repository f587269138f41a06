package parser

// A validating JSON scanner. It reads a packet's payload once: checks that it is JSON (RFC 8259) and notes where the
// elements of its outer array are. It builds nothing, so that a payload is never parsed before somebody binds it.

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

// span is a part of a payload: the bytes from start up to end.
type span struct{ start, end int }

// validJSON reports whether b is one JSON value, nested at most MaxDepth-outside deep.
func validJSON(b []byte, outside int) bool {
	i, ok := scanValue(b, skipSpace(b, 0), outside)
	return ok && skipSpace(b, i) == len(b)
}

// scanArray checks that b is one JSON array, nested at most MaxDepth-outside deep, and appends the places of its
// elements to spans, as far as that has no more than most.
func scanArray(b []byte, outside int, spans []span, most int) ([]span, bool) {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '[' {
		return spans, false
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return spans, skipSpace(b, i+1) == len(b)
	}
	for yielded := i; ; {
		yielded = yieldAt(i, yielded)
		end, ok := scanValue(b, i, outside+1)
		if !ok {
			return spans, false
		}
		if len(spans) < most {
			if len(spans) == cap(spans) {
				spans = slices.Grow(spans, len(spans)) // append's growth copies a long table several times over
			}
			spans = append(spans, span{i, end})
		}
		i = skipSpace(b, end)
		if i >= len(b) {
			return spans, false
		}
		switch b[i] {
		case ',':
			i = skipSpace(b, i+1)
		case ']':
			return spans, skipSpace(b, i+1) == len(b)
		default:
			return spans, false
		}
	}
}

// tooDeep reports whether JSON, which may be cut short, is nested deeper than most. Hardly any text is long enough and
// has enough brackets that they have to be counted one by one.
func tooDeep(text []byte, most int) bool {
	if len(text) <= most || bytes.Count(text, []byte{'['})+bytes.Count(text, []byte{'{'}) <= most {
		return false
	}
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			end, _ := scanString(text, i)
			i = max(end-1, i)
		case '[', '{':
			if depth++; depth > most {
				return true
			}
		case ']', '}':
			depth--
		}
	}
	return false
}

// yieldEach is how many bytes are scanned until others get their turn: some 250 µs, in the worst case of ",0,0,0".
const yieldEach = 32 << 10

// yieldAt yields at i if it has last done so at yielded, and that is long ago. It returns when it has done so last.
func yieldAt(i, yielded int) int {
	if i-yielded < yieldEach {
		return yielded
	}
	turns.Yield()
	return i
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// scanValue checks the value that begins at i, inside depth arrays and objects, and returns where it ends.
func scanValue(b []byte, i, depth int) (end int, ok bool) {
	if i >= len(b) {
		return i, false
	}
	switch c := b[i]; {
	case c == '"':
		return scanString(b, i)
	case c == '{':
		return scanObject(b, i, depth+1, nil)
	case c == '[':
		return scanElements(b, i, depth+1)
	case c == '-' || '0' <= c && c <= '9':
		return scanNumber(b, i)
	case c == 't':
		return scanLiteral(b, i, "true")
	case c == 'f':
		return scanLiteral(b, i, "false")
	case c == 'n':
		return scanLiteral(b, i, "null")
	}
	return i, false
}

func scanLiteral(b []byte, i int, word string) (int, bool) {
	end := i + len(word)
	return end, end <= len(b) && string(b[i:end]) == word
}

// scanObject checks the object that begins at i. member, if not nil, gets each member's key, with its quotes, and the
// place where its value begins, and returns where that ends.
func scanObject(b []byte, i, depth int, member func(key []byte, value int) (int, bool)) (int, bool) {
	if depth > MaxDepth {
		return i, false
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, true
	}
	for yielded := i; ; {
		yielded = yieldAt(i, yielded)
		if i >= len(b) || b[i] != '"' {
			return i, false
		}
		keyEnd, ok := scanString(b, i)
		if !ok {
			return i, false
		}
		key := b[i:keyEnd]
		i = skipSpace(b, keyEnd)
		if i >= len(b) || b[i] != ':' {
			return i, false
		}
		i = skipSpace(b, i+1)
		if member != nil {
			i, ok = member(key, i)
		} else {
			i, ok = scanValue(b, i, depth)
		}
		if !ok {
			return i, false
		}
		i = skipSpace(b, i)
		if i >= len(b) {
			return i, false
		}
		switch b[i] {
		case ',':
			i = skipSpace(b, i+1)
		case '}':
			return i + 1, true
		default:
			return i, false
		}
	}
}

// scanElements checks the array that begins at i.
func scanElements(b []byte, i, depth int) (int, bool) {
	if depth > MaxDepth {
		return i, false
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, true
	}
	for yielded := i; ; {
		yielded = yieldAt(i, yielded)
		end, ok := scanValue(b, i, depth)
		if !ok {
			return i, false
		}
		i = skipSpace(b, end)
		if i >= len(b) {
			return i, false
		}
		switch b[i] {
		case ',':
			i = skipSpace(b, i+1)
		case ']':
			return i + 1, true
		default:
			return i, false
		}
	}
}

func scanString(b []byte, i int) (int, bool) {
	for i = skipPlain(b, i+1); i < len(b); i = skipPlain(b, i+1) {
		switch b[i] {
		case '"':
			return i + 1, true
		case '\\':
			i++
			if i >= len(b) {
				return i, false
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i+4 >= len(b) {
					return i, false
				}
				for _, h := range b[i+1 : i+5] {
					if !('0' <= h && h <= '9' || 'a' <= h && h <= 'f' || 'A' <= h && h <= 'F') {
						return i, false
					}
				}
				i += 4
			default:
				return i, false
			}
		default: // a control character
			return i, false
		}
	}
	return i, false
}

// skipPlain returns where the first byte from i on is that is a quote, a backslash or a control character, or the end.
// It looks at eight bytes at once: a byte less one (or less 0x20) borrows from its highest bit only if it was 0 (or
// less than 0x20). What is borrowed from the bytes above makes no difference to the first one.
func skipPlain(b []byte, i int) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; len(b)-i >= 8; i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^ones*'"', w^ones*'\\'
		found := ((w-ones*0x20)&^w | (quote-ones)&^quote | (slash-ones)&^slash) & high
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < 0x20 || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

func scanNumber(b []byte, i int) (int, bool) {
	if b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b):
		return i, false
	case b[i] == '0':
		i++
	case '1' <= b[i] && b[i] <= '9':
		i = skipDigits(b, i)
	default:
		return i, false
	}
	if i < len(b) && b[i] == '.' {
		end := skipDigits(b, i+1)
		if end == i+1 {
			return i, false
		}
		i = end
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		end := skipDigits(b, i)
		if end == i {
			return i, false
		}
		i = end
	}
	return i, true
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}
