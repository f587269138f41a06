package socketio

// The packet parser (Socket.IO protocol v5, "Packet encoding"), as strict and as lenient as the Node server's: what it
// lets pass and what ends the session is taken from the recorded transcript of one.

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxAttachments of one packet; the Node parser's default.
const maxAttachments = 10

// inPacket is a decoded packet. Its slices are parts of the message that it came in.
type inPacket struct {
	typ         packetType
	namespace   []byte // "/" where the message names none
	hasID       bool
	id          float64
	attachments int    // how many binary messages follow
	payload     []byte // checked to be JSON, of a kind that typ allows; nil where there is none
	name        string // of an event
	args        Args   // of an event (without its name) or an acknowledgement
}

// mainNamespace is the name of the namespace that every server has.
const mainNamespace = "/"

var mainNamespaceBytes = []byte(mainNamespace)

// decode parses one text message into p. The error, if any, matches ErrInvalidPacket.
func decode(data []byte, p *inPacket) error {
	*p = inPacket{namespace: mainNamespaceBytes}
	i := 0
	if len(data) > 0 {
		// The Node parser reads the type as JavaScript reads a number, for which no character and a blank are 0.
		r, n := utf8.DecodeRune(data)
		switch {
		case '0' <= r && r <= '6':
			p.typ = packetType(r - '0')
		case isBlank(r):
			p.typ = packetConnect
		default:
			return invalid("unknown packet type")
		}
		i = n
	}

	if p.typ == packetBinaryEvent || p.typ == packetBinaryAck {
		dash := strings.IndexByte(string(data[i:min(len(data), i+64)]), '-')
		if dash < 0 {
			return invalid("illegal attachments")
		}
		n, ok := numberLikeJavaScript(string(data[i : i+dash]))
		if !ok || n != math.Trunc(n) || n < 1 {
			return invalid("illegal attachments")
		}
		if n > maxAttachments {
			return invalid("too many attachments")
		}
		p.attachments = int(n)
		i += dash + 1
	}

	if i < len(data) && data[i] == '/' {
		end := i
		for end < len(data) && data[end] != ',' {
			end++
		}
		p.namespace = data[i:end]
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
		p.hasID = true
		p.id = parseAckID(data[start:i])
	}

	if i < len(data) {
		p.payload = data[i:]
		return p.checkPayload()
	}
	return nil
}

// checkPayload checks the payload against what the packet's type allows, and finds the arguments in it.
func (p *inPacket) checkPayload() error {
	first := p.payload[skipSpace(p.payload, 0):]
	switch p.typ {
	case packetConnect:
		if len(first) == 0 || first[0] != '{' || !validJSON(p.payload) {
			return invalid("invalid payload")
		}
	case packetConnectError:
		if len(first) == 0 || first[0] != '{' && first[0] != '"' || !validJSON(p.payload) {
			return invalid("invalid payload")
		}
	case packetDisconnect:
		return invalid("invalid payload")
	case packetEvent, packetBinaryEvent:
		if !p.scanArgs() || len(p.args.spans) == 0 {
			return invalid("invalid payload")
		}
		at := p.args.spans[0]
		p.args.spans = p.args.spans[1:]
		name := p.payload[at.start:at.end]
		switch c := name[0]; {
		case c == '"':
			p.name = unquote(name)
			if isReservedEvent(p.name) {
				return invalid("reserved event name")
			}
		case c == '-' || '0' <= c && c <= '9':
			p.name = numericEventName(name)
		default:
			return invalid("invalid payload")
		}
	case packetAck, packetBinaryAck:
		if !p.scanArgs() {
			return invalid("invalid payload")
		}
	}
	return nil
}

func (p *inPacket) scanArgs() bool {
	var ok bool
	p.args.payload = p.payload
	p.args.spans, ok = scanArray(p.payload, make([]span, 0, 4))
	return ok
}

func invalid(what string) error { return fmt.Errorf("%w: %s", ErrInvalidPacket, what) }

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

// isReservedEvent reports whether name may not be the name of an event, in either direction.
func isReservedEvent(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// isBlank reports whether r is white space to JavaScript, which the Node parser reads as a digit of value 0.
func isBlank(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\v', '\f', '\r', 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF:
		return true
	}
	return 0x2000 <= r && r <= 0x200A
}

// parseAckID reads an id of digits and blanks as JavaScript's Number does.
func parseAckID(b []byte) float64 {
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
