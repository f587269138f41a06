// Package wire is a minimal HTTP/1.1 and WebSocket client for tests. It shows everything that a server sends, and it
// can send what a proper client never would: malformed requests, frames and close codes.
package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Header is one header line. Its name keeps the case in which it was sent.
type Header struct{ Name, Value string }

// A Request is one HTTP request, written as it stands. Nothing is checked. Only Host is added, and Content-Length if
// there is a body whose length no header gives.
type Request struct {
	Method  string
	Target  string // path and query, sent raw
	Headers []Header
	Body    string
	HasBody bool // send Content-Length even for an empty body
}

// Bytes returns the request as it goes over the wire.
func (r Request) Bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\n", r.Method, r.Target)
	framed := false
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
		framed = framed || strings.EqualFold(h.Name, "Content-Length") || strings.EqualFold(h.Name, "Transfer-Encoding")
	}
	if !framed && (r.HasBody || r.Body != "") {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.Body))
	}
	b.WriteString("\r\n")
	b.WriteString(r.Body)
	return b.Bytes()
}

// A Response is an HTTP response; its body is decoded from chunks.
type Response struct {
	Status  string // the status line, "HTTP/1.1 200 OK"
	Code    int
	Headers []Header
	Body    []byte
}

// Get returns the value of the first header of that name, whatever its case, or "".
func (r *Response) Get(name string) string {
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// ErrNoAnswer means that the server closed the connection without sending a byte.
var ErrNoAnswer = errors.New("wire: connection closed without an answer")

// IsReset reports whether err means that the server reset the connection.
func IsReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// A Conn is one TCP connection to a server.
type Conn struct {
	net.Conn
	Reader *bufio.Reader
}

// Dial connects to addr, a host:port, within 10 seconds.
func Dial(addr string) (*Conn, error) {
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, Reader: bufio.NewReader(c)}, nil
}

// Do sends a request and reads the response, in at most timeout. The error of a time-out matches
// os.ErrDeadlineExceeded.
func (c *Conn) Do(r Request, timeout time.Duration) (*Response, error) {
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	// A server may answer and close before it has read the whole request. Then its answer counts, not the failed write.
	_, writeErr := c.Write(r.Bytes())
	response, err := c.ReadResponse(r.Method)
	if err != nil && writeErr != nil {
		return nil, errors.Join(writeErr, err)
	}
	return response, err
}

// Do opens a connection for one request and closes it after the response.
func Do(addr string, r Request, timeout time.Duration) (*Response, error) {
	c, err := Dial(addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Do(r, timeout)
}

// ReadResponse reads one response to a request with the given method. A body that is cut short is an error.
func (c *Conn) ReadResponse(method string) (*Response, error) {
	tp := textproto.NewReader(c.Reader)
	status, err := tp.ReadLine()
	if errors.Is(err, io.EOF) && status == "" || IsReset(err) {
		return nil, ErrNoAnswer
	}
	if err != nil {
		return nil, fmt.Errorf("read status line: %w", err)
	}
	r := &Response{Status: status}
	fields := strings.SplitN(status, " ", 3)
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "HTTP/1.") {
		return nil, fmt.Errorf("bad status line %q", status)
	}
	if r.Code, err = strconv.Atoi(fields[1]); err != nil {
		return nil, fmt.Errorf("bad status line %q", status)
	}
	for {
		line, err := tp.ReadLine()
		if err != nil {
			return nil, fmt.Errorf("read header: %w", err)
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("bad header line %q", line)
		}
		r.Headers = append(r.Headers, Header{name, strings.TrimSpace(value)})
	}
	if method == "HEAD" || r.Code/100 == 1 || r.Code == 204 || r.Code == 304 {
		return r, nil
	}
	r.Body, err = c.readBody(r)
	return r, err
}

// readBody follows RFC 9112, section 6.3.
func (c *Conn) readBody(r *Response) ([]byte, error) {
	if strings.EqualFold(r.Get("Transfer-Encoding"), "chunked") {
		return readChunks(c.Reader)
	}
	if length := r.Get("Content-Length"); length != "" {
		n, err := strconv.Atoi(length)
		if err != nil {
			return nil, fmt.Errorf("bad Content-Length %q", length)
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(c.Reader, body); err != nil {
			return nil, fmt.Errorf("read body of %d bytes: %w", n, err)
		}
		return body, nil
	}
	if strings.EqualFold(r.Get("Connection"), "close") {
		return io.ReadAll(c.Reader)
	}
	return nil, errors.New("answer has neither length nor chunks, and keeps the connection open")
}

func readChunks(r *bufio.Reader) ([]byte, error) {
	var body []byte
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("read chunk size: %w", err)
		}
		size, err := strconv.ParseUint(strings.TrimSpace(line), 16, 31)
		if err != nil {
			return nil, fmt.Errorf("bad chunk size %q", line)
		}
		chunk := make([]byte, size+2)
		if _, err := io.ReadFull(r, chunk); err != nil {
			return nil, fmt.Errorf("read chunk: %w", err)
		}
		if !bytes.HasSuffix(chunk, []byte("\r\n")) {
			return nil, errors.New("chunk does not end in CRLF")
		}
		if size == 0 {
			return body, nil
		}
		body = append(body, chunk[:size]...)
	}
}
