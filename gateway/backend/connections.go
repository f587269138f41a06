package backend

// HTTP/1.1 to one backend, with what a request costs in mind: the handler's own goroutine writes it, with one system
// call, and reads the answer, with another. net/http has two goroutines for each connection and hands a request from
// one to the other, which is three times the time. Answers are read by net/http's parser.

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/internal/rawconn"
)

const (
	// quiet is how long nobody has used a connection of which it is asked, before it is used, whether the backend has
	// closed it.
	quiet = 5 * time.Millisecond
	// readBuffer is how much of an answer is read at once.
	readBuffer = 4 << 10
	// maxInterim is how many answers with a status below 200 may come before the answer.
	maxInterim = 5
	// maxHeader is how long the header of an answer may be.
	maxHeader = 64 << 10
)

// connections are those to a backend. Whoever has one is the only one to use it; the one that was used last is used
// next, so that the others grow old.
type connections struct {
	settings settings
	head     string // of each request: its line, Host and what else is always the same
	tls      *tls.Config

	mu     sync.Mutex
	free   []*connection // the one used last is the last
	all    map[*connection]struct{}
	closed bool
	sweep  *time.Timer // closes old ones; nil while none is free
}

// A connection is one to the backend.
type connection struct {
	net.Conn
	socket  net.Conn // below TLS
	in      *bufio.Reader
	limit   io.LimitedReader // what in reads from: an answer's header is bounded by it
	request []byte
	unsent  []byte // the request, until the first byte of its answer is read
	failed  error  // unsent could not be written
	used    time.Time
}

// Read implements io.Reader for in: it sends what is unsent first.
func (c *connection) Read(b []byte) (int, error) {
	if c.failed != nil {
		return 0, c.failed
	}
	if len(c.unsent) == 0 {
		return c.Conn.Read(b)
	}
	written, read, err := rawconn.Exchange(c.Conn, c.unsent, b)
	if c.unsent = c.unsent[written:]; len(c.unsent) > 0 {
		c.failed = err
	}
	return read, err
}

func newConnections(c settings) *connections {
	p := &connections{
		settings: c,
		head: "POST " + c.url.RequestURI() + " HTTP/1.1\r\nHost: " + c.url.Host + "\r\nUser-Agent: " + userAgent +
			"\r\n",
		all: make(map[*connection]struct{}),
	}
	if c.url.Scheme == "https" {
		p.tls = c.tls.Clone()
		if p.tls == nil {
			p.tls = new(tls.Config)
		}
		p.tls.ServerName = c.url.Hostname()
	}
	return p
}

// send implements sender.
func (p *connections) send(ctx context.Context, m *message, signature string, deadline time.Time) (
	r *response, sent bool, err error,
) {
	c, err := p.take(ctx, deadline)
	if err != nil {
		return nil, false, err
	}
	if err := c.SetDeadline(deadline); err != nil {
		p.drop(c)
		return nil, false, err
	}
	c.request = p.appendRequest(c.request[:0], m, signature)
	c.unsent = c.request
	r, keep, err := c.read(p.settings.maxAnswer)
	if c.failed != nil {
		p.drop(c)
		return nil, false, c.failed // of one that is cut short nothing can be made
	}
	if err != nil || !keep {
		p.drop(c)
		return r, true, err
	}
	p.give(c)
	return r, true, nil
}

// appendRequest appends a request as it is sent. What stands in it is free of line breaks (headerText).
func (p *connections) appendRequest(b []byte, m *message, signature string) []byte {
	b = append(b, p.head...)
	line := func(name, value string) {
		b = append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
	}
	m.attributes(line)
	line("content-type", m.contentType)
	if signature != "" {
		line(signatureHeader, signature)
	}
	for _, h := range m.further {
		line(h[0], h[1])
	}
	b = append(b, "content-length: "...)
	b = strconv.AppendInt(b, int64(len(m.body)), 10)
	return append(append(b, "\r\n\r\n"...), m.body...)
}

var errManyInterim = errors.New("too many answers with a status below 200")

// read reads an answer to its end, and says whether the connection can be used again.
func (c *connection) read(most int) (r *response, keep bool, err error) {
	c.limit.N = maxHeader
	if r, plain, err := c.readPlain(most); plain {
		return r, err == nil && c.in.Buffered() == 0, err
	}
	for range maxInterim {
		c.limit.N = maxHeader
		answer, err := http.ReadResponse(c.in, nil)
		if err != nil {
			if c.limit.N <= 0 {
				err = errors.New("the answer's header is too long")
			} else if err == io.ErrUnexpectedEOF || err == io.EOF {
				err = errors.New("the connection was closed before the answer")
			}
			return nil, false, err
		}
		if answer.StatusCode < 200 && answer.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		c.limit.N = int64(most) + maxHeader // a trailer may follow
		r = &response{status: answer.StatusCode, contentType: answer.Header.Get("Content-Type")}
		r.body, err = readBody(answer, most)
		keep = err == nil && !answer.Close && c.in.Buffered() == 0
		return r, keep, err
	}
	return nil, false, errManyInterim
}

// take returns a connection that nobody else uses.
func (p *connections) take(ctx context.Context, deadline time.Time) (*connection, error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, net.ErrClosed
		}
		n := len(p.free)
		if n == 0 {
			p.mu.Unlock()
			return p.dial(ctx, deadline)
		}
		c := p.free[n-1]
		p.free[n-1] = nil
		p.free = p.free[:n-1]
		p.mu.Unlock()
		age := time.Since(c.used)
		if age < quiet || age < p.settings.idle && !hasInput(c.socket) {
			return c, nil
		}
		p.drop(c)
	}
}

// dial opens a connection.
func (p *connections) dial(ctx context.Context, deadline time.Time) (*connection, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	socket, err := p.settings.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: rawconn.New(socket), socket: socket}
	if p.tls != nil {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		encrypted := tls.Client(c.Conn, p.tls)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			socket.Close()
			return nil, fmt.Errorf("TLS: %w", err)
		}
		c.Conn = encrypted
	}
	c.limit.R = c
	c.in = bufio.NewReaderSize(&c.limit, readBuffer)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		socket.Close()
		return nil, net.ErrClosed
	}
	p.all[c] = struct{}{}
	return c, nil
}

// give takes a connection back.
func (p *connections) give(c *connection) {
	const most = 64 << 10 // of a request's buffer that is kept
	if cap(c.request) > most {
		c.request = nil
	}
	c.used = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return
	}
	p.free = append(p.free, c)
	if p.sweep == nil {
		p.sweep = time.AfterFunc(p.settings.idle, p.closeOld)
	}
}

// drop closes a connection.
func (p *connections) drop(c *connection) {
	p.mu.Lock()
	delete(p.all, c)
	p.mu.Unlock()
	c.Close()
}

// closeOld closes connections that nobody has used for too long.
func (p *connections) closeOld() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep = nil
	old := 0
	for old < len(p.free) && time.Since(p.free[old].used) >= p.settings.idle {
		delete(p.all, p.free[old])
		p.free[old].socket.Close()
		old++
	}
	n := copy(p.free, p.free[old:])
	clear(p.free[n:])
	if p.free = p.free[:n]; n > 0 && !p.closed {
		p.sweep = time.AfterFunc(p.settings.idle-time.Since(p.free[0].used), p.closeOld)
	}
}

// close closes all connections, also those in use.
func (p *connections) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for c := range p.all {
		c.socket.Close()
	}
	p.free, p.all = nil, nil
	if p.sweep != nil {
		p.sweep.Stop()
	}
}
