package adapter

// The filter before go-redis: it drops broadcasts that concern nobody here while they are still bytes.

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"sync/atomic"

	"github.com/brunossouza/websocket-escalonavel/internal/rawconn"
)

// A filterConn is the subscriber's connection without the messages that concern nobody here. A pattern brings every
// broadcast of the cluster, and most are for rooms without a member on this server. To see that in the channel's name
// costs a tenth of parsing, allocating and passing on the message.
type filterConn struct {
	net.Conn
	source io.Reader // what Conn receives
	// keep reports whether a message that came by a pattern is wanted. Its arguments are valid until it returns.
	keep func(pattern, channel []byte) bool
	// heard, if not nil, counts how often something has come.
	heard *atomic.Int64

	buf    []byte // what has been read and not been passed on or dropped
	pass   int    // bytes of buf to pass on
	drop   int    // bytes to drop; there may be more than are in buf
	inert  bool   // this is not Redis's protocol: everything passes
	filled []byte // the memory that buf is in
}

const filterBuffer = 32 << 10

func newFilterConn(c net.Conn, keep func(pattern, channel []byte) bool, heard *atomic.Int64) net.Conn {
	return &filterConn{Conn: c, source: rawconn.New(c), keep: keep, heard: heard}
}

// Read reads what is left of the stream.
func (f *filterConn) Read(p []byte) (int, error) {
	for {
		dropped := min(f.drop, len(f.buf))
		f.buf, f.drop = f.buf[dropped:], f.drop-dropped
		if f.pass == 0 && f.drop == 0 && len(f.buf) > 0 {
			f.next()
		}
		if f.drop > 0 && len(f.buf) > 0 {
			continue
		}
		if n := min(f.pass, len(f.buf), len(p)); n > 0 {
			copy(p, f.buf[:n])
			f.buf, f.pass = f.buf[n:], f.pass-n
			return n, nil
		}
		if f.inert {
			return f.source.Read(p)
		}
		if err := f.fill(); err != nil {
			return 0, err
		}
	}
}

// fill reads more and appends it to buf.
func (f *filterConn) fill() error {
	if f.filled == nil {
		f.filled = make([]byte, filterBuffer)
	}
	if len(f.buf) == len(f.filled) { // one reply is longer than the buffer
		f.filled = make([]byte, 2*len(f.filled))
	}
	n := copy(f.filled, f.buf)
	m, err := f.source.Read(f.filled[n:])
	f.buf = f.filled[:n+m]
	if m > 0 {
		if f.heard != nil {
			f.heard.Add(1)
		}
		return nil
	}
	return err
}

// next decides what becomes of the reply that buf begins with, once enough of it is there.
func (f *filterConn) next() {
	if f.inert {
		f.pass = len(f.buf)
		return
	}
	size, pattern, channel, ok := patternMessage(f.buf)
	switch {
	case !ok && size < 0:
		f.inert = true
		f.pass = len(f.buf)
	case !ok: // wait for more
	case channel != nil && !f.keep(pattern, channel):
		f.drop = size
	default:
		f.pass = size
	}
}

var (
	pushHead  = []byte(">4\r\n$8\r\npmessage\r\n") // RESP3
	arrayHead = []byte("*4\r\n$8\r\npmessage\r\n") // RESP2
)

// patternMessage returns the size of the reply that b begins with and, if it is a message that came by a pattern, the
// pattern and the channel. The end of such a message need not be there yet. ok is false where more bytes are needed,
// or, with the size -1, where b is not a reply.
func patternMessage(b []byte) (size int, pattern, channel []byte, ok bool) {
	if !bytes.HasPrefix(b, pushHead) && !bytes.HasPrefix(b, arrayHead) {
		size, ok = replySize(b, 0)
		return size, nil, nil, ok
	}
	at := len(pushHead)
	var parts [2][]byte
	for i := range parts {
		start, n := bulk(b[at:])
		if start <= 0 || len(b) < at+start+n+2 {
			return min(start, 0), nil, nil, false
		}
		parts[i] = b[at+start : at+start+n]
		at += start + n + 2
	}
	start, n := bulk(b[at:])
	if start <= 0 {
		return min(start, 0), nil, nil, false
	}
	return at + start + n + 2, parts[0], parts[1], true
}

// bulk reads the head of a bulk string and returns where its n bytes start. start is 0 where more bytes are needed, and
// -1 where b is not a bulk string.
func bulk(b []byte) (start, n int) {
	if len(b) > 0 && b[0] != '$' {
		return -1, 0
	}
	line, n, ok := number(b)
	if !ok || n < 0 {
		return min(line, 0), 0
	}
	return line, n
}

// maxNumberLine is how long a line with a number may be, in bytes without its end.
const maxNumberLine = 32

// number reads a line that has a type and a number, and returns its length: 0 where more bytes are needed, -1 where it
// is not such a line.
func number(b []byte) (line, n int, ok bool) {
	end := bytes.Index(b, []byte("\r\n"))
	switch {
	case end > maxNumberLine, end < 0 && len(b) > maxNumberLine+1: // its "\r" may have come
		return -1, 0, false
	case end < 0:
		return 0, 0, false
	}
	n, err := strconv.Atoi(string(b[1:max(end, 1)]))
	if end == 0 || err != nil || n > 1<<29 { // 512 MB, Redis's limit on a string
		return -1, 0, false
	}
	return end + 2, n, true
}

// replySize is the size of the reply that b begins with (RESP2 and RESP3). Where b is not a reply it is -1, and ok
// false.
func replySize(b []byte, depth int) (size int, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	if depth > 8 {
		return -1, false
	}
	elements := 1
	switch b[0] {
	case '+', '-', ':', '_', '#', ',', '(':
		end := bytes.Index(b, []byte("\r\n"))
		return end + 2, end >= 0
	case '$', '=', '!':
		line, n, ok := number(b)
		switch {
		case !ok:
			return line, false
		case n < 0:
			return line, true
		}
		return line + n + 2, len(b) >= line+n+2
	case '*', '~', '>':
	case '%', '|':
		elements = 2
	default:
		return -1, false
	}
	line, n, ok := number(b)
	if !ok {
		return line, false
	}
	size = line
	for range elements * max(n, 0) {
		m, ok := replySize(b[size:], depth+1)
		if !ok {
			return min(m, 0), false
		}
		size += m
	}
	return size, true
}
