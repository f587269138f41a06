package engineio

// The payloads of polling in revision 3. Packets stand one behind the other, each behind its length: "<length>:" in a
// text, where characters of UTF-16 are counted, and binary ones are in base64; or, where a packet is binary and the
// client takes that, a byte that says whether it is, the digits of its length in bytes, each a byte of its own, and
// 255. A client without XMLHttpRequest gets texts as calls of a function and sends them as forms (JSONP).

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// payloads3 are the payloads of one client.
type payloads3 struct {
	textOnly bool   // b64: it takes no binary ones
	callback string // JSONP: the call that takes an answer to it, up to its argument; "" without
}

// newPayloads3 returns what the request of a handshake asks for.
func newPayloads3(q query) *payloads3 {
	p := &payloads3{textOnly: q.textOnly || q.jsonp}
	if q.jsonp {
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, q.callback)
		p.callback = "___eio[" + digits[:min(len(digits), maxCallback)] + "]("
	}
	return p
}

// maxCallback is how many digits of a JSONP callback's number count: a session keeps them. Clients count from 0.
const maxCallback = 20

// framing is the form of the messages of an answer.
func (f *payloads3) framing(batch []*Message) Framing {
	if !f.textOnly {
		for _, m := range batch {
			if !m.control && !m.isText() {
				return binaryPackets3{}
			}
		}
	}
	return textPackets3{}
}

func (f *payloads3) mustZip(srv *Server, batch []*Message, acceptsGzip bool) bool {
	if !acceptsGzip || !srv.mayZip(batch) {
		return false
	}
	size, framing := 0, f.framing(batch)
	for _, m := range batch {
		size += len(m.framedBy(framing))
	}
	if size < srv.opts.HTTPCompression {
		return false
	}
	m := only(batch)
	return m == nil || f.callback != "" || !m.framedAs(framing).zipped.Load().isMade()
}

func (f *payloads3) answer(srv *Server, batch []*Message, acceptsGzip bool) answerBody {
	framing := f.framing(batch)
	a := answerBody{binary: framing == Framing(binaryPackets3{})}
	m := only(batch)
	if f.callback != "" {
		m = nil // the function is the client's own
	}
	if m != nil {
		a.bytes, a.shared = m.framedBy(framing), true
	} else {
		for _, m := range batch {
			a.bytes = append(a.bytes, m.framedBy(framing)...)
		}
	}
	if f.callback != "" {
		a.bytes = f.call(a.bytes)
	}
	if acceptsGzip && srv.mayZip(batch) && len(a.bytes) >= srv.opts.HTTPCompression {
		a.gzipped = true
		if m != nil {
			a.bytes = makeOnce(&m.framedAs(framing).zipped, func() []byte { return gzipped(a.bytes) })
		} else {
			a.bytes = gzipped(a.bytes)
		}
	}
	return a
}

// call is the script that calls the function of a JSONP client with a payload. JSON has line ends in strings that
// JavaScript has not always had; encoding/json escapes them.
func (f *payloads3) call(payload []byte) []byte {
	var b bytes.Buffer
	b.WriteString(f.callback)
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(string(payload)) // a string: cannot fail
	b.Truncate(b.Len() - 1)       // the newline
	b.WriteString(");")
	return b.Bytes()
}

func (f *payloads3) takes(string) bool { return true }

func (f *payloads3) open(contentType string, body []byte) ([]byte, nextPacketFunc) {
	switch {
	case f.callback != "":
		return validText(formData(body)), nextText3
	case contentType == binaryContentType:
		return body, nextBinary3
	}
	return validText(body), nextText3
}

// hasClose may be wrong about a payload that has the bytes of a close packet in a message.
func (f *payloads3) hasClose(body []byte) bool {
	return f.callback != "" || bytes.Contains(body, []byte{'1', ':', byte(packetClose)})
}

// formData is the payload in a form that a JSONP client sends: one without packets where the form has none, as with
// Node.js, and an invalid one where it cannot be read. The client writes its line ends as \n, and a backslash before an
// n twice, as browsers change line ends in forms.
func formData(body []byte) []byte {
	for pair := range bytes.SplitSeq(body, []byte{'&'}) {
		value, is := bytes.CutPrefix(pair, []byte("d="))
		if !is {
			continue
		}
		s, err := url.QueryUnescape(string(value))
		if err != nil {
			return nil
		}
		return []byte(lineEnds.Replace(s))
	}
	return []byte("0:")
}

var lineEnds = strings.NewReplacer(`\\n`, `\n`, `\n`, "\n")

// textPackets3 are the packets of a payload that is text.
type textPackets3 struct{ outgoing }

func (textPackets3) Name() string { return "polling, revision 3, text" }

func (textPackets3) AppendPacket(b, packet []byte, binary bool) []byte {
	if !binary {
		b = append(strconv.AppendInt(b, int64(lengthUTF16(packet)), 10), ':')
		return append(b, packet...)
	}
	n := len(base64Marker3) + base64.StdEncoding.EncodedLen(len(packet))
	b = append(strconv.AppendInt(b, int64(n), 10), ':')
	return base64.StdEncoding.AppendEncode(append(b, base64Marker3...), packet)
}

// lengthUTF16 is how many characters UTF-8 text has in UTF-16, as JavaScript counts them.
func lengthUTF16(text []byte) int {
	n := 0
	for _, c := range text {
		if c < 0x80 || c >= 0xc0 {
			n++
		}
		if c >= 0xf0 {
			n++ // a pair of surrogates
		}
	}
	return n
}

// binaryPackets3 are the packets of a payload that is binary.
type binaryPackets3 struct{ outgoing }

func (binaryPackets3) Name() string { return "polling, revision 3, binary" }

func (binaryPackets3) AppendPacket(b, packet []byte, binary bool) []byte {
	if !binary {
		return append(appendLength3(b, 0, len(packet)), packet...)
	}
	b = appendLength3(b, 1, 1+len(packet))
	return append(append(b, byte(packetMessage)-'0'), packet...)
}

const lengthEnd3 = 255

func appendLength3(b []byte, kind byte, n int) []byte {
	b = append(b, kind)
	for _, digit := range strconv.Itoa(n) {
		b = append(b, byte(digit-'0'))
	}
	return append(b, lengthEnd3)
}

// maxDigits3 is how many digits a length has at most. Leading zeros count.
const maxDigits3 = 10

// nextText3 takes the first packet off a text.
func nextText3(payload []byte) (p packet, rest []byte, more, ok bool) {
	length, _, found := bytes.Cut(payload[:min(len(payload), maxDigits3+1)], []byte{':'})
	n, err := strconv.ParseUint(string(length), 10, 32)
	if !found || err != nil {
		return p, nil, false, false
	}
	rest = payload[len(length)+1:]
	size, ok := sizeUTF8(rest, n)
	if !ok {
		return p, nil, false, false
	}
	data, rest := rest[:size], rest[size:]
	if n == 0 { // no packet at all
		return packet{kind: packetNoop}, rest, len(rest) > 0, true
	}
	p, ok = decodePacket3(data, false)
	return p, rest, len(rest) > 0, ok
}

// sizeUTF8 is how many bytes of UTF-8 text n characters of UTF-16 take; it reports false where text has fewer, or a
// pair of surrogates in that place.
func sizeUTF8(text []byte, n uint64) (size int, ok bool) {
	for n > 0 {
		if size == len(text) {
			return 0, false
		}
		if text[size] < utf8.RuneSelf {
			size++
			n--
			continue
		}
		_, length := utf8.DecodeRune(text[size:])
		units := uint64(1)
		if length == 4 {
			units = 2
		}
		if units > n {
			return 0, false
		}
		size += length
		n -= units
	}
	return size, true
}

// nextBinary3 takes the first packet off a binary payload.
func nextBinary3(payload []byte) (p packet, rest []byte, more, ok bool) {
	if len(payload) == 0 {
		return packet{kind: packetNoop}, nil, false, true
	}
	kind, n, at := payload[0], uint64(0), 1
	for ; at < len(payload) && payload[at] <= 9 && at <= maxDigits3; at++ {
		n = n*10 + uint64(payload[at])
	}
	if at == 1 || at == len(payload) || payload[at] != lengthEnd3 || n > uint64(len(payload)-at-1) {
		return p, nil, false, false
	}
	rest = payload[at+1:]
	data, rest := rest[:n], rest[n:]
	if kind != 0 {
		p, ok = decodePacket3(data, true)
	} else if ok = utf8.Valid(data); ok {
		p, ok = decodePacket3(data, false)
	}
	return p, rest, len(rest) > 0, ok
}
