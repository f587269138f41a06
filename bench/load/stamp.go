package load

// Messages, each with a stamp: its number, and the time at which it should go.

import (
	"bytes"
	"encoding/base64"
)

// A stamp is "~", ten digits of sequence number, and fifteen digits of nanoseconds. Its length never changes, so that a
// message's does not either.
const (
	stampMark  = '~'
	seqDigits  = 10
	timeDigits = 15
	// StampSize is the length of a stamp, and the least that a message's text can have.
	StampSize = 1 + seqDigits + timeDigits
)

// putStamp writes a stamp into p.
func putStamp(p []byte, seq, at int64) {
	p[0] = stampMark
	putDigits(p[1:1+seqDigits], seq)
	putDigits(p[1+seqDigits:StampSize], at)
}

func putDigits(p []byte, n int64) {
	for i := len(p) - 1; i >= 0; i-- {
		p[i] = byte('0' + n%10)
		n /= 10
	}
}

// FindStamp reads the first stamp in p: the message's number, and the time on the loop's clock at which it should go.
func FindStamp(p []byte) (seq, at int64, ok bool) {
	i := bytes.IndexByte(p, stampMark)
	if i < 0 || len(p)-i < StampSize {
		return 0, 0, false
	}
	seq, ok = digits(p[i+1 : i+1+seqDigits])
	if !ok {
		return 0, 0, false
	}
	at, ok = digits(p[i+1+seqDigits : i+StampSize])
	return seq, at, ok
}

func digits(p []byte) (n int64, ok bool) {
	for _, c := range p {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// A Message is what a client sends again and again. Only its stamp changes.
type Message struct {
	parts [][]byte // a text, then the binary attachment if there is one
	part  int      // the part that has the stamp
	at    int      // the stamp's offset there
}

// Text returns a message with the text before, size bytes that begin with the stamp, and after.
func Text(before string, size int, after string) *Message {
	return &Message{parts: [][]byte{[]byte(before + string(filler(size)) + after)}, at: len(before)}
}

// Binary returns a message with a text and one attachment of size bytes that begins with the stamp.
func Binary(text string, size int) *Message {
	return &Message{parts: [][]byte{[]byte(text), filler(size)}, part: 1}
}

// filler returns bytes that look a little like prose.
func filler(size int) []byte {
	const words = "a mensagem que todos na sala recebem ao mesmo tempo "
	return bytes.Repeat([]byte(words), max(size, StampSize)/len(words)+1)[:max(size, StampSize)]
}

// stamped returns the message's parts with a stamp. They are valid until the next call.
func (m *Message) stamped(seq, at int64) [][]byte {
	putStamp(m.parts[m.part][m.at:], seq, at)
	return m.parts
}

// recordSeparator separates the packets of a polling payload.
const recordSeparator = 0x1e

// appendRecord appends the message to a polling payload, with attachments in base64.
func appendRecord(dst []byte, parts [][]byte) []byte {
	for i, part := range parts {
		if len(dst) > 0 {
			dst = append(dst, recordSeparator)
		}
		if i == 0 {
			dst = append(dst, part...)
			continue
		}
		dst = append(dst, 'b')
		dst = base64.StdEncoding.AppendEncode(dst, part)
	}
	return dst
}
