package load

// Reads HTTP/1.1 responses (RFC 9112) in whatever pieces they come: a status, and a body by length or in chunks.

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Limits of a response, in bytes.
const (
	maxResponseHeader = 16 << 10
	maxBody           = 64 << 20
)

// A responseReader reads the responses of one connection, one after the other.
type responseReader struct {
	status  int
	close   bool // the server closes the connection after this response
	header  []byte
	body    []byte
	inBody  bool
	chunked bool
	left    int // of the body, or of the chunk
	chunk   chunkState
	line    []byte
}

type chunkState int

const (
	chunkSize chunkState = iota
	chunkData
	chunkEnd // the line end after a chunk's data
	chunkTrailer
)

// feed takes bytes. When they complete a response it returns the body, valid until the next call, and the rest of p.
func (r *responseReader) feed(p []byte) (body, rest []byte, complete bool, err error) {
	if !r.inBody {
		if p, err = r.readHeader(p); err != nil || !r.inBody {
			return nil, nil, false, err
		}
	}
	if r.chunked {
		rest, complete, err = r.readChunks(p)
		if complete {
			body, r.inBody = r.body, false
		}
		return body, rest, complete, err
	}
	// Do not copy a body that is whole.
	if len(r.body) == 0 && len(p) >= r.left {
		r.inBody = false
		return p[:r.left], p[r.left:], true, nil
	}
	n := min(len(p), r.left-len(r.body))
	r.body = append(r.body, p[:n]...)
	if len(r.body) < r.left {
		return nil, nil, false, nil
	}
	r.inBody = false
	return r.body, p[n:], true, nil
}

// readHeader returns what follows the header. r.inBody tells whether the header is complete.
func (r *responseReader) readHeader(p []byte) ([]byte, error) {
	held := len(r.header)
	r.header = append(r.header, p...)
	// The end of the header may span two reads.
	from := max(held-3, 0)
	end := bytes.Index(r.header[from:], []byte("\r\n\r\n"))
	if end < 0 {
		if len(r.header) > maxResponseHeader {
			return nil, fmt.Errorf("load: a response header of more than %d bytes", maxResponseHeader)
		}
		return nil, nil
	}
	end += from + 4
	err := r.parseHeader(r.header[:end])
	r.header = r.header[:0]
	return p[end-held:], err
}

func (r *responseReader) parseHeader(header []byte) error {
	line, fields, _ := bytes.Cut(header, []byte("\r\n"))
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return fmt.Errorf("load: not an HTTP/1.1 response: %.60q", line)
	}
	status, ok := digits(line[9:12])
	if !ok {
		return fmt.Errorf("load: a response without a status: %.60q", line)
	}
	*r = responseReader{
		status: int(status), inBody: true, left: -1, header: r.header, body: r.body[:0], line: r.line[:0],
	}
	for field := range bytes.SplitSeq(fields, []byte("\r\n")) {
		name, value, _ := bytes.Cut(field, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			n, err := strconv.Atoi(string(value))
			if err != nil || n < 0 || n > maxBody {
				return fmt.Errorf("load: a response with Content-Length %q", value)
			}
			r.left = n
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			if !bytes.EqualFold(value, []byte("chunked")) {
				return fmt.Errorf("load: a response with Transfer-Encoding %q", value)
			}
			r.chunked = true
		case bytes.EqualFold(name, []byte("Content-Encoding")):
			return fmt.Errorf("load: a response with Content-Encoding %q, which was not asked for", value)
		case bytes.EqualFold(name, []byte("Connection")):
			r.close = bytes.EqualFold(value, []byte("close"))
		}
	}
	if r.status == 204 || r.status == 304 {
		r.left, r.chunked = 0, false
	}
	if r.left < 0 && !r.chunked {
		return errors.New("load: a response that says nothing of its body's length")
	}
	return nil
}

func (r *responseReader) readChunks(p []byte) (rest []byte, complete bool, err error) {
	for len(p) > 0 {
		if r.chunk == chunkData {
			n := min(len(p), r.left)
			if len(r.body)+n > maxBody {
				return nil, false, fmt.Errorf("load: a response of more than %d bytes", maxBody)
			}
			r.body = append(r.body, p[:n]...)
			p = p[n:]
			if r.left -= n; r.left == 0 {
				r.chunk = chunkEnd
			}
			continue
		}
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			if r.line = append(r.line, p...); len(r.line) > maxResponseHeader {
				return nil, false, errors.New("load: a chunk's line without an end")
			}
			return nil, false, nil
		}
		line := bytes.TrimSuffix(append(r.line, p[:end]...), []byte("\r"))
		r.line = line[:0]
		p = p[end+1:]
		switch r.chunk {
		case chunkSize:
			digits, _, _ := bytes.Cut(line, []byte(";"))
			size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 31)
			if err != nil {
				return nil, false, fmt.Errorf("load: a chunk of size %.20q", line)
			}
			r.left, r.chunk = int(size), chunkData
			if size == 0 {
				r.chunk = chunkTrailer
			}
		case chunkEnd:
			if len(line) > 0 {
				return nil, false, errors.New("load: a chunk longer than it says")
			}
			r.chunk = chunkSize
		case chunkTrailer:
			if len(line) == 0 {
				return p, true, nil
			}
		}
	}
	return nil, false, nil
}
