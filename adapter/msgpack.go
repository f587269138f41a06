package adapter

// MessagePack is how the adapters' messages cross Redis; JSON with placeholders for binary attachments is how clients
// get them. What is in between is translated from one text to the other, with no Go values built on the way.

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"
)

// maxDepth of nested values. JavaScript's codecs stop at a hundred or at the end of their stack.
const maxDepth = 1000

var (
	errDepth = errors.New("adapter: value is nested too deeply")
	errShort = errors.New("adapter: value is cut short")
)

// appendJSON appends the JSON value text as MessagePack, as notepack encodes what JSON.parse makes of it. text is valid
// JSON; {"_placeholder":true,"num":n} in it stands for attachments[n].
func appendJSON(dst, text []byte, attachments [][]byte) ([]byte, error) {
	p := jsonParser{text: text, attachments: attachments}
	dst, err := p.value(dst, 0)
	if err != nil {
		return nil, err
	}
	return dst, nil
}

type jsonParser struct {
	text        []byte
	at          int
	attachments [][]byte
}

func (p *jsonParser) skipSpace() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// next skips space and returns the byte that is then next, 0 at the end.
func (p *jsonParser) next() byte {
	p.skipSpace()
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *jsonParser) value(dst []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	switch c := p.next(); c {
	case 0:
		return nil, errShort
	case '{':
		if b, ok := p.placeholder(); ok {
			return msgp.AppendBytes(dst, b), nil
		}
		return p.container(dst, depth, '}')
	case '[':
		return p.container(dst, depth, ']')
	case '"':
		return p.str(dst)
	case 't':
		p.at += len("true")
		return msgp.AppendBool(dst, true), nil
	case 'f':
		p.at += len("false")
		return msgp.AppendBool(dst, false), nil
	case 'n':
		p.at += len("null")
		return msgp.AppendNil(dst), nil
	default:
		return p.number(dst)
	}
}

// container appends an array or an object. The header comes out in its shortest form, which is known only afterwards.
func (p *jsonParser) container(dst []byte, depth int, end byte) ([]byte, error) {
	p.at++
	header := len(dst)
	dst = append(dst, 0)
	n := uint32(0)
	for p.next() != end {
		var err error
		if end == '}' {
			if dst, err = p.str(dst); err != nil {
				return nil, err
			}
			p.next()
			p.at++ // the colon
		}
		if dst, err = p.value(dst, depth+1); err != nil {
			return nil, err
		}
		n++
		if p.next() == ',' {
			p.at++
		} else if p.next() == 0 {
			return nil, errShort
		}
	}
	p.at++
	var size []byte
	if end == '}' {
		size = msgp.AppendMapHeader(nil, n)
	} else {
		size = msgp.AppendArrayHeader(nil, n)
	}
	return slices.Replace(dst, header, header+1, size...), nil
}

// placeholder recognises the object that stands for an attachment.
func (p *jsonParser) placeholder() ([]byte, bool) {
	const start = `{"_placeholder":true,"num":`
	rest := p.text[p.at:]
	if len(p.attachments) == 0 || len(rest) < len(start) || string(rest[:len(start)]) != start {
		return nil, false
	}
	i := len(start)
	n := 0
	for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' && n < len(p.attachments) {
		n = 10*n + int(rest[i]-'0')
		i++
	}
	if i == len(start) || i == len(rest) || rest[i] != '}' || n >= len(p.attachments) {
		return nil, false
	}
	p.at += i + 1
	return p.attachments[n], true
}

// str appends a string.
func (p *jsonParser) str(dst []byte) ([]byte, error) {
	if p.next() != '"' {
		return nil, errShort
	}
	start, escaped := p.at, false
	for p.at++; p.at < len(p.text); p.at++ {
		switch p.text[p.at] {
		case '\\':
			escaped = true
			p.at++
		case '"':
			p.at++
			quoted := p.text[start:p.at]
			if !escaped {
				return msgp.AppendStringFromBytes(dst, quoted[1:len(quoted)-1]), nil
			}
			var s string
			if err := json.Unmarshal(quoted, &s); err != nil {
				return nil, err
			}
			return msgp.AppendString(dst, s), nil
		}
	}
	return nil, errShort
}

// number appends a number in the shortest form that JavaScript reads as the same double.
func (p *jsonParser) number(dst []byte) ([]byte, error) {
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			break
		}
		p.at++
	}
	text := string(p.text[start:p.at])
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > -1<<53 && n < 1<<53 {
		return msgp.AppendInt64(dst, n), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, fmt.Errorf("adapter: not a number: %.20q", text)
	}
	return appendFloat(dst, f), nil
}

// appendFloat appends f; whole numbers are integers in JavaScript's codecs.
func appendFloat(dst []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return msgp.AppendInt64(dst, int64(f))
	}
	return msgp.AppendFloat64(dst, f)
}

// msgpackReader translates MessagePack to JSON. Binary values become attachments.
type msgpackReader struct {
	attachments [][]byte
}

// appendValue appends the first value of b as JSON and returns what follows it. Attachments are parts of b. No input
// makes it panic or use more memory than a few times its length.
func (r *msgpackReader) appendValue(dst, b []byte, depth int) (json, rest []byte, err error) {
	if depth > maxDepth {
		return nil, nil, errDepth
	}
	switch msgp.NextType(b) {
	case msgp.StrType:
		var s []byte
		if s, rest, err = msgp.ReadStringZC(b); err != nil {
			return nil, nil, err
		}
		return appendQuoted(dst, s), rest, nil
	case msgp.BinType:
		var bin []byte
		if bin, rest, err = msgp.ReadBytesZC(b); err != nil {
			return nil, nil, err
		}
		dst = append(dst, `{"_placeholder":true,"num":`...)
		dst = strconv.AppendInt(dst, int64(len(r.attachments)), 10)
		r.attachments = append(r.attachments, bin)
		return append(dst, '}'), rest, nil
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
		return appendExtension(dst, b)
	default:
		return nil, nil, errShort
	}
}

func (r *msgpackReader) appendMap(dst, b []byte, depth int) (json, rest []byte, err error) {
	n, rest, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, nil, err
	}
	dst = append(dst, '{')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if msgp.NextType(rest) == msgp.StrType {
			dst, rest, err = r.appendValue(dst, rest, depth+1)
		} else { // no JavaScript peer writes such a key, and JSON has none
			err = errors.New("adapter: key is not a string")
		}
		if err != nil {
			return nil, nil, err
		}
		dst = append(dst, ':')
		if dst, rest, err = r.appendValue(dst, rest, depth+1); err != nil {
			return nil, nil, err
		}
	}
	return append(dst, '}'), rest, nil
}

// appendExtension appends a timestamp (type -1) as the string that a JavaScript Date is in JSON; what else an extension
// may be has no JSON form, so it is null, like undefined (notepack's type 0).
func appendExtension(dst, b []byte) (json, rest []byte, err error) {
	size, typ, data, err := cutExtension(b)
	if err != nil {
		return nil, nil, err
	}
	rest = b[size:]
	var sec, nsec int64
	switch {
	case typ == -1 && len(data) == 4:
		sec = int64(binary.BigEndian.Uint32(data))
	case typ == -1 && len(data) == 8:
		v := binary.BigEndian.Uint64(data)
		sec, nsec = int64(v&(1<<34-1)), int64(v>>34)
	case typ == -1 && len(data) == 12:
		nsec, sec = int64(binary.BigEndian.Uint32(data)), int64(binary.BigEndian.Uint64(data[4:]))
	default:
		return append(dst, "null"...), rest, nil
	}
	t := time.Unix(sec, nsec).UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return append(dst, "null"...), rest, nil
	}
	return t.AppendFormat(dst, `"2006-01-02T15:04:05.000Z"`), rest, nil
}

// cutExtension takes an extension apart (MessagePack specification, "ext format family").
func cutExtension(b []byte) (size int, typ int8, data []byte, err error) {
	if len(b) == 0 {
		return 0, 0, nil, errShort
	}
	head, n := 0, 0
	switch c := b[0]; {
	case c >= 0xd4 && c <= 0xd8: // fixext 1, 2, 4, 8, 16
		head, n = 1, 1<<(c-0xd4)
	case c == 0xc7 && len(b) >= 2:
		head, n = 2, int(b[1])
	case c == 0xc8 && len(b) >= 3:
		head, n = 3, int(binary.BigEndian.Uint16(b[1:]))
	case c == 0xc9 && len(b) >= 5:
		head, n = 5, int(binary.BigEndian.Uint32(b[1:]))
	}
	if head == 0 || len(b) < head+1+n {
		return 0, 0, nil, errShort
	}
	return head + 1 + n, int8(b[head]), b[head+1 : head+1+n], nil
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

// appendQuoted appends s as a JSON string, escaped as JSON.stringify does it: no more than it must be.
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
