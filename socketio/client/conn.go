package client

// The connection that the sockets of one client share: opening it, and opening it again.

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	engine "github.com/brunossouza/websocket-escalonavel/engineio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A Conn is a client's connection to a server, with a Socket for each namespace (Node.js: Manager). It is open while
// one of its sockets is to be connected. All methods may be called from any goroutine.
type Conn struct {
	url  string // without the namespace
	opts Options

	// mu guards the rest, and all that belongs to the sockets. An Engine.IO session's lock may be taken while it is
	// held; no code of the program runs under it, but for the parser's.
	mu       sync.Mutex
	sockets  map[string]*Socket
	state    connState
	closed   bool        // for good
	link     *link       // while opening or open
	timer    *time.Timer // of the next attempt, or of the answers to CONNECT
	backoff  backoff
	again    bool              // it is a connection after the first that is being opened
	upgraded bool              // WebSocket works; see Options.RememberUpgrade
	waiting  int               // bytes of events that wait for handlers
	paused   bool              // the session, until fewer wait
	running  int               // goroutines
	idle     chan struct{}     // closed when there are none; made by Wait
	ended    []*engine.Session // that may still have something to do; see Wait

	lastListener uint64
	hooks        *hooks
	tasks        tasks
}

type connState uint8

const (
	stateIdle    connState = iota
	stateWaiting           // for the next attempt
	stateOpening
	stateOpen
)

// hooks are the handlers of a Conn.
type hooks struct {
	attempt   []func(int)
	reconnect []func(int)
	fail      []func(error)
	failed    []func()
	ping      []func()
}

// New returns a socket for the namespace that is the path of rawURL, on a connection of its own; it does not connect.
// The schemes are http, https, ws and wss. The URL's query goes with every request.
func New(rawURL string, opts Options) (*Socket, error) {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("socketio: %w", err)
	case u.Host == "" || !slices.Contains([]string{"http", "https", "ws", "wss"}, strings.ToLower(u.Scheme)):
		return nil, fmt.Errorf("socketio: %q is not the URL of a server", u.Redacted())
	}
	namespace := u.Path
	u.Path, u.RawPath, u.Fragment = "", "", ""
	c := &Conn{url: u.String(), opts: opts.withDefaults(), sockets: make(map[string]*Socket, 1)}
	c.backoff = backoff{
		low: c.opts.ReconnectionDelay, high: c.opts.ReconnectionDelayMax, factor: c.opts.RandomizationFactor,
	}
	return c.SocketWith(namespace, SocketOptions{Auth: opts.Auth, AuthFunc: opts.AuthFunc}), nil
}

// Socket returns the socket of a namespace, which is made where there is none.
func (c *Conn) Socket(namespace string) *Socket { return c.SocketWith(namespace, SocketOptions{}) }

// SocketWith is Socket; opts are those of a socket that has to be made.
func (c *Conn) SocketWith(namespace string, opts SocketOptions) *Socket {
	if namespace == "" || namespace[0] != '/' {
		namespace = "/" + namespace
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sockets[namespace]
	if s == nil {
		s = &Socket{conn: c, namespace: namespace, opts: opts}
		c.sockets[namespace] = s
	}
	return s
}

// OnReconnectAttempt adds a handler for each attempt to open the connection again; attempts are counted from 1.
func (c *Conn) OnReconnectAttempt(f func(attempt int)) {
	c.hook(func(h *hooks) { h.attempt = append(slices.Clip(h.attempt), f) })
}

// OnReconnect adds a handler for the success of one.
func (c *Conn) OnReconnect(f func(attempt int)) {
	c.hook(func(h *hooks) { h.reconnect = append(slices.Clip(h.reconnect), f) })
}

// OnReconnectError adds a handler for the failure of one.
func (c *Conn) OnReconnectError(f func(error)) {
	c.hook(func(h *hooks) { h.fail = append(slices.Clip(h.fail), f) })
}

// OnReconnectFailed adds a handler for the end of all attempts; see Options.ReconnectionAttempts.
func (c *Conn) OnReconnectFailed(f func()) {
	c.hook(func(h *hooks) { h.failed = append(slices.Clip(h.failed), f) })
}

// OnPing adds a handler for the server's pings.
func (c *Conn) OnPing(f func()) { c.hook(func(h *hooks) { h.ping = append(slices.Clip(h.ping), f) }) }

func (c *Conn) hook(change func(*hooks)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hooks == nil {
		c.hooks = new(hooks)
	}
	change(c.hooks)
}

// tell has the handlers that pick returns run. mu is held.
func tell[F any](c *Conn, pick func(*hooks) []F, call func(F)) {
	if c.hooks == nil {
		return
	}
	for _, f := range pick(c.hooks) {
		c.do(&c.tasks, taskFunc(func() {
			_ = c.anySocket().guard(func() error { call(f); return nil })
		}))
	}
}

// anySocket is one of the sockets, for reports.
func (c *Conn) anySocket() *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.sockets[parser.MainNamespace]; s != nil {
		return s
	}
	for _, s := range c.sockets {
		return s
	}
	return nil // there is one at least
}

// Transport is the name of the transport in use, or "".
func (c *Conn) Transport() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != stateOpen {
		return ""
	}
	return c.link.session.Transport()
}

// SessionID is the id of the Engine.IO session, or "". It is a secret between the client and the server.
func (c *Conn) SessionID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != stateOpen {
		return ""
	}
	return c.link.session.ID()
}

// Flush waits until all that has been sent is written to the connection, or ctx is done. What waits for a connection is
// not meant. The error is nil, too, where there is no connection.
func (c *Conn) Flush(ctx context.Context) error {
	c.mu.Lock()
	var session *engine.Session
	if c.state == stateOpen {
		session = c.link.session
	}
	c.mu.Unlock()
	if session == nil {
		return nil
	}
	if err := session.Flush(ctx); err != nil && !errors.Is(err, engine.ErrClosed) {
		return fmt.Errorf("socketio: %w", err)
	}
	return nil
}

// Close closes all sockets and the connection, for good. It returns at once: what has been sent is still written, and
// handlers still run; see Wait.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, s := range c.sockets {
		s.close()
	}
	c.release()
}

// Wait waits until nothing of the connection is left: no goroutine, no handler that runs, no socket of the system. It
// is for after Close, or the end of all sockets, and not for handlers.
func (c *Conn) Wait(ctx context.Context) error {
	for {
		c.mu.Lock()
		sessions := slices.Clone(c.ended)
		var idle chan struct{}
		if c.running > 0 {
			if c.idle == nil {
				c.idle = make(chan struct{})
			}
			idle = c.idle
		}
		c.mu.Unlock()
		for _, session := range sessions {
			if err := session.Wait(ctx); err != nil {
				return fmt.Errorf("socketio: %w", err)
			}
		}
		if idle == nil {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("socketio: wait: %w", ctx.Err())
		}
	}
}

// enter counts a goroutine; leave undoes it. mu is held.
func (c *Conn) enter() { c.running++ }

func (c *Conn) leave() {
	if c.running--; c.running == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// waits counts n more bytes of events that wait for their handlers, and pauses or resumes the reading by it. mu is
// held.
func (c *Conn) waits(n int) {
	c.waiting += n
	c.balance()
}

// awaitingFactor is by how much more may wait while an acknowledgement is awaited.
const awaitingFactor = 8

// balance is called with mu held.
func (c *Conn) balance() {
	limit := c.opts.MaxInboundBytes
	if c.paused || c.waiting > limit {
		for _, s := range c.sockets {
			if len(s.acks) > 0 {
				limit = awaitingFactor * c.opts.MaxInboundBytes
			}
		}
	}
	switch {
	case c.state != stateOpen:
	case !c.paused && c.waiting > limit:
		c.paused = true
		c.link.session.Pause()
	case c.paused && c.waiting <= limit/2:
		c.unpause(c.link)
	}
}

// unpause is called with mu held.
func (c *Conn) unpause(l *link) {
	if c.paused && l.session != nil {
		l.session.Resume()
	}
	c.paused = false
}
