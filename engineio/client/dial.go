package client

// Opening sessions.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

// A Dialer opens sessions that share the goroutines which read, where the system allows it; see the documentation of
// the package. The zero value is ready for use. It must not be copied.
type Dialer struct {
	once  sync.Once
	loops []netloop.Loop
	next  atomic.Uint32
}

// loop is the one that reads the next connection.
func (d *Dialer) loop(writeTimeout time.Duration) *netloop.Loop {
	d.once.Do(func() {
		d.loops = make([]netloop.Loop, runtime.GOMAXPROCS(0))
		for i := range d.loops {
			d.loops[i].WriteTimeout = max(writeTimeout, 0)
		}
	})
	return &d.loops[int(d.next.Add(1))%len(d.loops)]
}

// Dial opens a session with the server at rawURL, of the scheme http, https, ws or wss. connect is called once, when
// the server has answered, and returns the session's handler, before which no message goes; it must not block. Where
// Dial returns an error the handler's methods are not called. ctx bounds the opening, and its values are those of
// later requests. The error wraps a *ServerError where the server has refused.
//
// WriteTimeout of the Options is that of the Dialer's first session.
func (d *Dialer) Dial(ctx context.Context, rawURL string, opts Options,
	connect func(*Session) Handler) (*Session, error) {
	return dial(ctx, d, rawURL, opts, connect)
}

// Dial is Dialer.Dial for a session with a goroutine of its own.
func Dial(ctx context.Context, rawURL string, opts Options, connect func(*Session) Handler) (*Session, error) {
	return dial(ctx, nil, rawURL, opts, connect)
}

func dial(ctx context.Context, d *Dialer, rawURL string, opts Options, connect func(*Session) Handler) (
	*Session, error,
) {
	e, err := newEndpoint(rawURL, opts, d)
	if err != nil {
		return nil, err
	}
	var s *Session
	for _, name := range e.opts.Transports {
		s, err = e.open(ctx, name, connect)
		if err == nil || !e.opts.TryAllTransports || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("engineio: dial %s: %w", e.url.Host, err)
	}
	return s, nil
}

// open opens a session on one transport.
func (e *endpoint) open(ctx context.Context, name string, connect func(*Session) Handler) (*Session, error) {
	s := &Session{endpoint: e, connect: connect, opened: make(chan error, 1)}
	switch name {
	case WebSocket:
		c, err := e.dialWebSocket(ctx, "")
		if err != nil {
			return nil, err
		}
		t := newWebSocket(s)
		s.mu.Lock()
		s.transport = t
		s.enter()
		s.mu.Unlock()
		t.start(c)
	case Polling:
		s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
		t := newPolling(s)
		s.mu.Lock()
		s.transport = t
		s.enter()
		s.mu.Unlock()
		go t.run()
	default:
		return nil, fmt.Errorf("unknown transport %q", name)
	}
	select {
	case err := <-s.opened:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		s.lockAndEnd(ReasonForcedClose, ctx.Err())
		if err := <-s.opened; err != nil {
			return nil, err
		}
	}
	return s, nil
}

// An endpoint is a server with what is needed to reach it. It is not changed.
type endpoint struct {
	url      url.URL // of the scheme http or https, without a query
	query    url.Values
	opts     Options
	dialer   *Dialer           // may be nil
	deflater *wsframe.Deflater // nil where nothing is compressed
}

func newEndpoint(rawURL string, opts Options, d *Dialer) (*endpoint, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("engineio: %w", err)
	}
	e := &endpoint{url: *u, opts: opts.withDefaults(), dialer: d}
	switch strings.ToLower(u.Scheme) {
	case "http", "ws":
		e.url.Scheme = "http"
	case "https", "wss":
		e.url.Scheme = "https"
	default:
		return nil, fmt.Errorf("engineio: the URL %q has none of the schemes http, https, ws and wss", u.Redacted())
	}
	if u.Host == "" {
		return nil, fmt.Errorf("engineio: the URL %q has no host", u.Redacted())
	}
	if u.Path == "" || u.Path == "/" {
		e.url.Path, e.url.RawPath = e.opts.Path, ""
	}
	e.query = u.Query()
	for k, v := range e.opts.Query {
		e.query[k] = v
	}
	e.url.RawQuery, e.url.Fragment = "", ""
	if p := e.opts.PerMessageDeflate; p != nil {
		e.deflater = wsframe.NewDeflater(p.Threshold, p.Level)
	}
	return e, nil
}

// request is the URL of a request, of the scheme http or https.
func (e *endpoint) request(transport, sid string) *url.URL {
	u := e.url
	q := make(url.Values, len(e.query)+4)
	for k, v := range e.query {
		q[k] = v
	}
	q.Set("EIO", "4")
	q.Set("transport", transport)
	if sid != "" {
		q.Set("sid", sid)
	}
	if transport == Polling && !e.opts.NoTimestamp {
		q.Set("t", strconv.FormatUint(uint64(rand.Uint32()), 36))
	}
	if e.opts.ForceBase64 && (sid == "" || transport == WebSocket) {
		q.Set("b64", "1")
	}
	u.RawQuery = q.Encode()
	return &u
}

// header is what is sent with every request, and the Host where there is one.
func (e *endpoint) header() (h http.Header, host string) {
	h = e.opts.Header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	host = h.Get("Host")
	h.Del("Host")
	return h, host
}
