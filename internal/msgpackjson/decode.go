package msgpackjson

// From MessagePack to JSON text.

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"
)

// A Reader translates MessagePack to JSON. Its zero value is ready for one text.
type Reader struct {
	Attachments    [][]byte // the binary values that were read, which the text's placeholders refer to
	MaxAttachments int      // how many there may be; 0: any number
}

// AppendValue appends the first value of b as JSON and returns what follows it in b. Attachments are parts of b. No
// input makes it panic, or use more than about forty times its length in memory (for attachments of no bytes).
func (r *Reader) AppendValue(dst, b []byte) (json, rest []byte, err error) {
	return r.appendValue(dst, b, 0)
}

func (r *Reader) appendValue(dst, b []byte, depth int) (json, rest []byte, err error) {
	if depth > maxDepth {
		return nil, nil, errDepth
	}
	switch msgp.NextType(b) {
	case msgp.StrType:
		var s []byte
		if s, rest, err = ReadText(b); err != nil {
			return nil, nil, err
		}
		return appendQuoted(dst, s), rest, nil
	case msgp.BinType:
		var bin []byte
		if bin, rest, err = readBinary(b); err != nil {
			return nil, nil, err
		}
		dst, err = r.appendAttachment(dst, bin)
		return dst, rest, err
	case msgp.MapType:
		return r.appendMap(dst, b, depth)
	case msgp.ArrayType:
		n, rest, err := msgp.ReadArrayHeaderBytes(b)
		if err != nil {
			return nil, nil, err
		}
		dst = append(dst, '[')
		for i := range n {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, rest, err = r.appendValue(dst, rest, depth+1); err != nil {
				return nil, nil, err
			}
		}
		return append(dst, ']'), rest, nil
	case msgp.IntType:
		n, rest, err := msgp.ReadInt64Bytes(b)
		if err != nil {
			return nil, nil, err
		}
		return strconv.AppendInt(dst, n, 10), rest, nil
	case msgp.UintType:
		n, rest, err := msgp.ReadUint64Bytes(b)
		if err != nil {
			return nil, nil, err
		}
		return strconv.AppendUint(dst, n, 10), rest, nil
	case msgp.Float32Type:
		f, rest, err := msgp.ReadFloat32Bytes(b)
		if err != nil {
			return nil, nil, err
		}
		return appendNumber(dst, float64(f)), rest, nil
	case msgp.Float64Type:
		f, rest, err := msgp.ReadFloat64Bytes(b)
		if err != nil {
			return nil, nil, err
		}
		return appendNumber(dst, f), rest, nil
	case msgp.BoolType:
		v, rest, err := msgp.ReadBoolBytes(b)
		if err != nil {
			return nil, nil, err
		}
		return strconv.AppendBool(dst, v), rest, nil
	case msgp.NilType:
		rest, err := msgp.ReadNilBytes(b)
		if err != nil {
			return nil, nil, err
		}
		return append(dst, "null"...), rest, nil
	case msgp.ExtensionType, msgp.TimeType, msgp.Complex64Type, msgp.Complex128Type, msgp.DurationType:
		return r.appendExtension(dst, b)
	default:
		return nil, nil, ErrShort
	}
}

// ReadText reads a string, which is a part of b. It is msgp.ReadStringZC, and readBinary msgp.ReadBytesZC, which panic
// over lengths of 32 bits where int has no more.
func ReadText(b []byte) (text, rest []byte, err error) {
	if err := checkLength(b, 0xdb); err != nil {
		return nil, nil, err
	}
	return msgp.ReadStringZC(b)
}

func readBinary(b []byte) (data, rest []byte, err error) {
	if err := checkLength(b, 0xc6); err != nil {
		return nil, nil, err
	}
	return msgp.ReadBytesZC(b)
}

// checkLength returns ErrShort where b begins with head, which has a length of 32 bits, and is not so long.
func checkLength(b []byte, head byte) error {
	if len(b) >= 5 && b[0] == head && uint64(len(b)-5) < uint64(binary.BigEndian.Uint32(b[1:])) {
		return ErrShort
	}
	return nil
}

func (r *Reader) appendAttachment(dst, data []byte) ([]byte, error) {
	if r.MaxAttachments > 0 && len(r.Attachments) == r.MaxAttachments {
		return nil, ErrAttachments
	}
	dst = append(dst, `{"_placeholder":true,"num":`...)
	dst = strconv.AppendInt(dst, int64(len(r.Attachments)), 10)
	r.Attachments = append(r.Attachments, data)
	return append(dst, '}'), nil
}

func (r *Reader) appendMap(dst, b []byte, depth int) (json, rest []byte, err error) {
	n, rest, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, nil, err
	}
	dst = append(dst, '{')
	empty := len(dst)
	for range n {
		before := len(dst)
		if before > empty {
			dst = append(dst, ',')
		}
		if dst, rest, err = r.appendKey(dst, rest); err != nil {
			return nil, nil, err
		}
		if IsUndefined(rest) { // JSON.stringify leaves such a member out
			dst, rest = dst[:before], rest[len(undefined):]
			continue
		}
		dst = append(dst, ':')
		if dst, rest, err = r.appendValue(dst, rest, depth+1); err != nil {
			return nil, nil, err
		}
	}
	return append(dst, '}'), rest, nil
}

var errKey = errors.New("msgpackjson: a key is neither a string nor a number")

// appendKey appends the key of a member. JavaScript makes strings of numbers, which other languages write as keys.
func (r *Reader) appendKey(dst, b []byte) (json, rest []byte, err error) {
	switch msgp.NextType(b) {
	case msgp.StrType:
		return r.appendValue(dst, b, 0)
	case msgp.IntType, msgp.UintType, msgp.Float32Type, msgp.Float64Type:
		dst, rest, err = r.appendValue(append(dst, '"'), b, 0)
		return append(dst, '"'), rest, err
	}
	return nil, nil, errKey
}

// undefined is what notepack before 3.0 writes for it; later ones write nil.
var undefined = []byte{0xd4, 0, 0}

// IsUndefined reports whether b begins with JavaScript's undefined.
func IsUndefined(b []byte) bool { return bytes.HasPrefix(b, undefined) }

// appendExtension appends a timestamp (type -1) as JSON.stringify writes a Date. Type 0 is from notepack before 3.0:
// its length tells undefined, dates and binary values apart. Any other extension has no JSON form and becomes null.
func (r *Reader) appendExtension(dst, b []byte) (json, rest []byte, err error) {
	size, typ, data, err := cutExtension(b)
	if err != nil {
		return nil, nil, err
	}
	rest = b[size:]
	var t time.Time
	switch {
	case typ == -1 && len(data) == 4:
		t = time.Unix(int64(binary.BigEndian.Uint32(data)), 0)
	case typ == -1 && len(data) == 8:
		v := binary.BigEndian.Uint64(data)
		t = time.Unix(int64(v&(1<<34-1)), int64(v>>34))
	case typ == -1 && len(data) == 12:
		t = time.Unix(int64(binary.BigEndian.Uint64(data[4:])), int64(binary.BigEndian.Uint32(data)))
	case typ == 0 && b[0] == 0xd7:
		t = time.UnixMilli(int64(binary.BigEndian.Uint64(data)))
	case typ == 0 && b[0] >= 0xc7 && b[0] <= 0xc9:
		dst, err = r.appendAttachment(dst, data)
		return dst, rest, err
	default:
		return append(dst, "null"...), rest, nil
	}
	return appendDate(dst, t), rest, nil
}

// lastDate is JavaScript's latest date, in seconds. The earliest is as long before 1970 (ECMA-262, "Time Values").
const lastDate = 8.64e12

// appendDate appends t as Date.prototype.toISOString writes it, or null where it is beyond any Date.
func appendDate(dst []byte, t time.Time) []byte {
	t = t.UTC()
	if s := t.Unix(); s > lastDate || s < -lastDate {
		return append(dst, "null"...)
	}
	if y := t.Year(); y < 0 || y > 9999 {
		return fmt.Appendf(dst, `"%+07d-%s"`, y, t.Format("01-02T15:04:05.000Z"))
	}
	return t.AppendFormat(dst, `"2006-01-02T15:04:05.000Z"`)
}

// cutExtension takes an extension apart (MessagePack specification, "ext format family").
func cutExtension(b []byte) (size int, typ int8, data []byte, err error) {
	if len(b) == 0 {
		return 0, 0, nil, ErrShort
	}
	head, n := 0, uint64(0) // as int has 32 bits on some machines
	switch c := b[0]; {
	case c >= 0xd4 && c <= 0xd8: // fixext 1, 2, 4, 8, 16
		head, n = 1, 1<<(c-0xd4)
	case c == 0xc7 && len(b) >= 2:
		head, n = 2, uint64(b[1])
	case c == 0xc8 && len(b) >= 3:
		head, n = 3, uint64(binary.BigEndian.Uint16(b[1:]))
	case c == 0xc9 && len(b) >= 5:
		head, n = 5, uint64(binary.BigEndian.Uint32(b[1:]))
	}
	if head == 0 || uint64(len(b)) < uint64(head)+1+n {
		return 0, 0, nil, ErrShort
	}
	size = head + 1 + int(n)
	return size, int8(b[head]), b[head+1 : size], nil
}

// appendNumber appends f as JSON.stringify writes it.
func appendNumber(dst []byte, f float64) []byte {
	b, err := json.Marshal(f) // ECMAScript's format
	if err != nil {           // NaN and the infinities
		return append(dst, "null"...)
	}
	return append(dst, b...)
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends s as a JSON string with the escapes of JSON.stringify: only those that it needs.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			_, size := utf8.DecodeRune(s[i:])
			if size > 1 {
				i += size
				continue
			}
			dst = append(append(dst, s[from:i]...), "\uFFFD"...)
		} else if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		} else {
			dst = append(dst, s[from:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\b':
				dst = append(dst, '\\', 'b')
			case '\f':
				dst = append(dst, '\\', 'f')
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
			}
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}
