package backend

// How requests get to the backend: over HTTP/1.1 by connections.go, over HTTP/2 by net/http.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

// A sender sends requests to one backend, from any goroutine. Redirections are answers like others, and proxies of the
// environment are not used.
type sender interface {
	// send sends a message and returns the whole answer. sent is false where the backend has surely not had all of the
	// request, so that it can have done nothing. ctx has values; the request ends with deadline, and with close.
	send(ctx context.Context, m *message, signature string, deadline time.Time) (r *response, sent bool, err error)
	// close ends all requests and connections.
	close()
}

const (
	userAgent   = "socketio-gateway"
	dialTimeout = 5 * time.Second // also for a TLS handshake
)

// newSender returns the one that the settings ask for.
func newSender(c settings) sender {
	if c.protocol == protocolH2C || c.protocol == protocolAuto && c.url.Scheme == "https" {
		return newMultiplexed(c)
	}
	return newConnections(c)
}

// dial opens a connection. It takes at most dialTimeout. Where a Unix socket's queue is full it waits, as TCP does by
// itself (connect(2), EAGAIN).
func (c *settings) dial(ctx context.Context) (net.Conn, error) {
	const longestPause = 64 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, longestPause) {
		conn, err := new(net.Dialer).DialContext(ctx, c.network, c.address)
		if !errors.Is(err, syscall.EAGAIN) {
			return conn, err
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// A response is what the backend has answered.
type response struct {
	status      int
	contentType string
	body        []byte
}

var errTooLarge = errors.New("the answer is larger than BACKEND_MAX_ANSWER")

// readBody reads an answer of at most so many bytes to its end.
func readBody(answer *http.Response, most int) ([]byte, error) {
	switch n := answer.ContentLength; {
	case n == 0:
		return nil, nil
	case n > int64(most):
		return nil, errTooLarge
	case n > 0:
		body := make([]byte, n)
		_, err := io.ReadFull(answer.Body, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, int64(most)+1))
	if err == nil && len(body) > most {
		err = errTooLarge
	}
	return body, err
}

// multiplexed is the sender on net/http, for HTTP/2.
type multiplexed struct {
	settings  settings
	transport *http.Transport
	life      context.Context // ends with close
	end       context.CancelFunc
}

func newMultiplexed(c settings) *multiplexed {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(c.protocol != protocolH2C)
	protocols.SetHTTP2(c.protocol != protocolH2C)
	protocols.SetUnencryptedHTTP2(c.protocol == protocolH2C)
	life, end := context.WithCancel(context.Background())
	return &multiplexed{settings: c, life: life, end: end, transport: &http.Transport{
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		TLSClientConfig:        c.tls,
		TLSHandshakeTimeout:    dialTimeout,
		MaxIdleConnsPerHost:    c.concurrency,
		IdleConnTimeout:        c.idle,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		Protocols:              protocols,
	}}
}

// send implements sender.
func (c *multiplexed) send(ctx context.Context, m *message, signature string, deadline time.Time) (
	r *response, sent bool, err error,
) {
	ctx, cancel := context.WithDeadline(requestContext{c.life, ctx}, deadline)
	defer cancel()
	body := &requestBody{Reader: *bytes.NewReader(m.body)}
	request := (&http.Request{
		Method: http.MethodPost, URL: c.settings.url, Host: c.settings.url.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header(m, signature), Body: body, ContentLength: int64(len(m.body)),
		// For a connection that turns out to have been closed before anything was sent.
		GetBody: func() (io.ReadCloser, error) { return &requestBody{Reader: *bytes.NewReader(m.body)}, nil },
	}).WithContext(ctx)
	answer, err := c.transport.RoundTrip(request)
	if err != nil {
		return nil, body.read.Load(), err
	}
	defer answer.Body.Close()
	r = &response{status: answer.StatusCode, contentType: answer.Header.Get("Content-Type")}
	r.body, err = readBody(answer, c.settings.maxAnswer)
	return r, true, err
}

func header(m *message, signature string) http.Header {
	h := make(http.Header, 16)
	m.attributes(h.Set)
	h.Set("Content-Type", m.contentType)
	h.Set("User-Agent", userAgent)
	if signature != "" {
		h.Set(signatureHeader, signature)
	}
	for _, further := range m.further {
		h.Set(further[0], further[1])
	}
	return h
}

// close implements sender.
func (c *multiplexed) close() {
	c.end()
	c.transport.CloseIdleConnections()
}

// A requestBody knows whether it has been read, which it is when the request is written.
type requestBody struct {
	bytes.Reader
	read atomic.Bool
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	b.read.Store(true)
	return b.Reader.Read(p)
}

// WriteTo implements io.WriterTo.
func (b *requestBody) WriteTo(w io.Writer) (int64, error) {
	b.read.Store(true)
	return b.Reader.WriteTo(w)
}

// Close implements io.Closer.
func (*requestBody) Close() error { return nil }

// A requestContext ends with the service, and has the values of another context.
type requestContext struct {
	context.Context
	values context.Context
}

// Value is one of the service's context, where it has one: package context looks there for the end, too.
func (c requestContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.values.Value(key)
}
