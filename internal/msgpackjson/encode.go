package msgpackjson

// From JSON text to MessagePack.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"
)

// Append appends the JSON value text as MessagePack, as notepack encodes what JSON.parse makes of it. text is
// valid JSON; {"_placeholder":true,"num":n} in it stands for attachments[n].
func Append(dst, text []byte, attachments [][]byte) ([]byte, error) {
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

// next skips space and returns the byte behind it, 0 at the end.
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
		return nil, ErrShort
	case '{':
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

// container appends an array or an object. Only at its end are two things known: the shortest form of its header, and
// whether an object is a placeholder, whose members may come in any order.
func (p *jsonParser) container(dst []byte, depth int, end byte) ([]byte, error) {
	p.at++
	header := len(dst)
	dst = append(dst, 0)
	n := uint32(0)
	marked, num := false, -1
	for p.next() != end {
		var err error
		var key []byte
		if end == '}' {
			from := p.at
			if dst, err = p.str(dst); err != nil {
				return nil, err
			}
			key = p.text[from:p.at]
			p.next()
			p.at++ // the colon
			p.next()
		}
		from := p.at
		if dst, err = p.value(dst, depth+1); err != nil {
			return nil, err
		}
		if len(p.attachments) > 0 {
			switch name(key) {
			case "_placeholder":
				marked = string(p.text[from:p.at]) == "true"
			case "num":
				num = p.attachment(p.text[from:p.at])
			}
		}
		n++
		if p.next() == ',' {
			p.at++
		} else if p.next() == 0 {
			return nil, ErrShort
		}
	}
	p.at++
	if marked && num >= 0 {
		return msgp.AppendBytes(dst[:header], p.attachments[num]), nil
	}
	var size []byte
	if end == '}' {
		size = msgp.AppendMapHeader(nil, n)
	} else {
		size = msgp.AppendArrayHeader(nil, n)
	}
	return slices.Replace(dst, header, header+1, size...), nil
}

// name is what a key says, quoted and perhaps with escapes; "" where there is no key.
func name(key []byte) string {
	switch {
	case len(key) == 0:
		return ""
	case bytes.IndexByte(key, '\\') < 0:
		return string(key[1 : len(key)-1])
	}
	var s string
	_ = json.Unmarshal(key, &s) // it is valid
	return s
}

// attachment is the number of an attachment, or -1 where text is none.
func (p *jsonParser) attachment(text []byte) int {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f < 0 || f >= float64(len(p.attachments)) || f != math.Trunc(f) {
		return -1
	}
	return int(f)
}

// str appends a string.
func (p *jsonParser) str(dst []byte) ([]byte, error) {
	if p.next() != '"' {
		return nil, ErrShort
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
			if !escaped && utf8.Valid(quoted) {
				return msgp.AppendStringFromBytes(dst, quoted[1:len(quoted)-1]), nil
			}
			var s string
			if err := json.Unmarshal(quoted, &s); err != nil {
				return nil, err
			}
			return msgp.AppendString(dst, s), nil
		}
	}
	return nil, ErrShort
}

// number appends a number in the shortest form that JavaScript reads as the same one.
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
		return appendInt(dst, n), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, fmt.Errorf("msgpackjson: not a number: %.20q", text)
	}
	return AppendFloat(dst, f), nil
}

// AppendFloat appends f. JavaScript's codecs write whole numbers as integers.
func AppendFloat(dst []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return appendInt(dst, int64(f))
	}
	return msgp.AppendFloat64(dst, f)
}

// appendInt appends n in its shortest form.
func appendInt(dst []byte, n int64) []byte {
	if n >= 0 {
		return msgp.AppendUint64(dst, uint64(n))
	}
	return msgp.AppendInt64(dst, n)
}
