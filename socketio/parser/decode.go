package parser

// Default.Decode: as strict and as lenient as Node's parser (Socket.IO protocol revision 5, "Packet encoding"). What it
// lets pass and what ends the session is taken from the recorded transcript of a Node.js server.

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// maxAttachments of one packet; the default of Node's parser.
const maxAttachments = 10

// The characters that a packet begins with are those of the types, and of these two in place of Event and Ack where
// attachments follow.
const (
	binaryEvent Type = ConnectError + 1 + iota
	binaryAck
)

// Decode takes a text, or an attachment of the packet that the last text began.
func (Default) Decode(partial *Packet, data []byte, binary bool) (Packet, error) {
	switch {
	case !binary && partial == nil:
		return decodeText(data)
	case !binary:
		return Packet{}, invalid("text where an attachment is due")
	case partial == nil:
		return Packet{}, invalid("unexpected attachment")
	}
	p := *partial
	p.Attachments = append(p.Attachments, data)
	if p.Missing--; p.Missing > 0 {
		return p, nil
	}
	p.findArgs()
	return p, p.checkPlaceholders()
}

func decodeText(data []byte) (Packet, error) {
	p := Packet{Namespace: MainNamespace}
	i, attachments, err := p.decodeType(data)
	if err != nil {
		return p, err
	}
	if attachments {
		n, err := p.decodeCount(data[i:])
		if err != nil {
			return p, err
		}
		i += n
	}

	if i < len(data) && data[i] == '/' {
		end := i
		for end < len(data) && data[end] != ',' {
			end++
		}
		p.Namespace = view(data[i:end])
		i = min(end+1, len(data))
	}

	start := i
	for i < len(data) {
		r, n := utf8.DecodeRune(data[i:])
		if !('0' <= r && r <= '9') && !isBlank(r) {
			break
		}
		i += n
	}
	if i > start {
		p.HasID = true
		p.ID = parseID(data[start:i])
	}

	if i == len(data) {
		return p, nil
	}
	p.Payload = data[i:]
	if err := p.checkPayload(); err != nil {
		return p, err
	}
	if p.Missing > 0 {
		p.forgetArgs()
	}
	return p, nil
}

// decodeType sets the type, and says where it ends and whether attachments follow.
func (p *Packet) decodeType(data []byte) (end int, attachments bool, err error) {
	if len(data) == 0 {
		return 0, false, nil // Node's parser reads no character as the number 0
	}
	r, end := utf8.DecodeRune(data)
	switch {
	case isBlank(r): // this too is 0 to JavaScript
		return end, false, nil
	case r < '0' || '0'+rune(binaryAck) < r:
		return 0, false, invalid("unknown packet type")
	}
	p.Type = Type(r - '0')
	switch p.Type {
	case binaryEvent:
		p.Type, attachments = Event, true
	case binaryAck:
		p.Type, attachments = Ack, true
	}
	return end, attachments, nil
}

// decodeCount sets the number of attachments and says where it ends.
func (p *Packet) decodeCount(data []byte) (end int, err error) {
	dash := bytes.IndexByte(data[:min(len(data), 64)], '-')
	if dash < 0 {
		return 0, invalid("illegal attachments")
	}
	n, ok := numberLikeJavaScript(string(data[:dash]))
	if !ok || n != math.Trunc(n) || n < 1 {
		return 0, invalid("illegal attachments")
	}
	if n > maxAttachments {
		return 0, ErrTooManyAttachments
	}
	p.Missing = int(n)
	return dash + 1, nil
}

// view is b as a string without a copy: b is part of a message, which nobody changes any more.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// unquote returns the string that the JSON string b stands for.
func unquote(b []byte) string {
	for _, c := range b {
		if c == '\\' {
			var s string
			_ = json.Unmarshal(b, &s) // the scanner has checked it
			return s
		}
	}
	return string(b[1 : len(b)-1])
}

// numericEventName is the name under which JavaScript finds the listeners of an event whose name is a number.
func numericEventName(b []byte) string {
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return string(b)
	}
	text, err := json.Marshal(f + 0) // the format of JavaScript's Number.prototype.toString; -0+0 is 0
	if err != nil {
		return string(b)
	}
	return string(text)
}

// isBlank reports whether r is white space to JavaScript, which Node's parser reads as a digit of value 0.
func isBlank(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\v', '\f', '\r', 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF:
		return true
	}
	return 0x2000 <= r && r <= 0x200A
}

// parseID reads an id of digits and blanks as JavaScript's Number does.
func parseID(b []byte) float64 {
	if len(b) <= 15 {
		n := 0.0
		for _, c := range b {
			if c < '0' || c > '9' {
				n = -1
				break
			}
			n = n*10 + float64(c-'0')
		}
		if n >= 0 {
			return n
		}
	}
	n, ok := numberLikeJavaScript(string(b))
	if !ok {
		return math.NaN()
	}
	return n
}

// numberLikeJavaScript converts s as JavaScript's Number does, but for the word Infinity.
func numberLikeJavaScript(s string) (n float64, ok bool) {
	s = strings.TrimFunc(s, isBlank)
	if s == "" {
		return 0, true
	}
	if len(s) > 2 && s[0] == '0' {
		base := 0
		switch s[1] {
		case 'x', 'X':
			base = 16
		case 'o', 'O':
			base = 8
		case 'b', 'B':
			base = 2
		}
		if base != 0 {
			u, err := strconv.ParseUint(s[2:], base, 64)
			return float64(u), err == nil && s[2] != '+'
		}
	}
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(n, 0) {
		return 0, false
	}
	return n, true
}
