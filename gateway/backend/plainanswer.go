package backend

// Answers with nothing special about them, which nearly all are: read without building a header of them. What is not
// plain in every respect is net/http's, from its first byte on.

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// readPlain reads an answer whose header is in the buffer, and that has a Content-Length or is a 204. It reports false,
// having read nothing, where an answer is not of that kind.
func (c *connection) readPlain(most int) (r *response, plain bool, err error) {
	if _, err := c.in.Peek(1); err != nil {
		return nil, false, nil // net/http says what is wrong
	}
	buffered, _ := c.in.Peek(c.in.Buffered())
	end := bytes.Index(buffered, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, false, nil
	}
	r, length := parsePlain(buffered[:end+2])
	switch {
	case r == nil:
		return nil, false, nil
	case length > most:
		return nil, true, errTooLarge
	}
	if _, err := c.in.Discard(end + 4); err != nil {
		return nil, true, err
	}
	if length > 0 {
		c.limit.N = int64(length)
		r.body = make([]byte, length)
		_, err = io.ReadFull(c.in, r.body)
	}
	return r, true, err
}

// parsePlain reads a header, to the end of its last line. It returns nil where there is anything in it that decides on
// more than the content type and the length.
func parsePlain(header []byte) (r *response, length int) {
	const version, status = "HTTP/1.1 ", len("HTTP/1.1 200")
	if len(header) < status+2 || string(header[:len(version)]) != version ||
		header[status] != ' ' && header[status] != '\r' {
		return nil, 0
	}
	r = new(response)
	var ok bool
	if r.status, ok = number(header[len(version):status]); !ok || r.status < 200 {
		return nil, 0
	}
	lengths, types := 0, 0
	first, rest, _ := bytes.Cut(header, []byte("\r\n"))
	if bytes.ContainsAny(first, "\r\n") {
		return nil, 0
	}
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, found := bytes.Cut(line, []byte{':'})
		if !found || !isName(name) || !isValue(value) {
			return nil, 0
		}
		value = bytes.Trim(value, " \t")
		switch {
		case is(name, "content-length"):
			lengths++
			if length, ok = number(value); !ok {
				return nil, 0
			}
		case is(name, "content-type"):
			types++
			if r.contentType = typeJSON; string(value) != typeJSON {
				r.contentType = string(value)
			}
		case is(name, "transfer-encoding"), is(name, "connection"), is(name, "trailer"), is(name, "upgrade"):
			return nil, 0
		}
	}
	empty := r.status == http.StatusNoContent
	if types > 1 || lengths > 1 || lengths == 0 && !empty || empty && length > 0 || r.status == http.StatusNotModified {
		return nil, 0
	}
	return r, length
}

// isName reports whether a header's name is one of those that there are.
func isName(name []byte) bool {
	for _, c := range name {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return len(name) > 0
}

// isValue reports whether a header's value is one that there may be (RFC 9110, section 5.5).
func isValue(value []byte) bool {
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7F {
			return false
		}
	}
	return true
}

func is(name []byte, lower string) bool {
	return len(name) == len(lower) && strings.EqualFold(string(name), lower)
}

// number reads digits, few enough for an int.
func number(text []byte) (n int, ok bool) {
	const most = 9
	if len(text) == 0 || len(text) > most {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
