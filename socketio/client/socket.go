package client

// Sockets: the client's side of a namespace, and how it connects and ends.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A Socket is a client's connection to one namespace. All its methods may be called from any goroutine. Its handlers
// never run at once; see the documentation of the package.
type Socket struct {
	conn      *Conn
	namespace string
	opts      SocketOptions

	// Guarded by conn.mu.
	on        *listeners
	tasks     tasks
	active    bool  // it is connected, or to be
	asked     *link // over which a CONNECT packet is on its way, or has been sent
	connected bool
	id        string
	pid       string // with connection state recovery: the secret with which the session is resumed
	offset    string // of the last event
	recovered bool
	attempts  int      // of AuthFunc that have failed
	lastErr   error    // of connecting
	early     []*Event // that came before the answer to CONNECT
	waiters   []chan error
	lifetime  *lifetime

	acks     map[uint64]*ackWait
	lastAck  uint64
	buffer   []buffered // to be sent once connected
	buffered int        // bytes of buffer and retries
	telling  int        // bytes of events that wait for handlers of OnAnyOutgoing
	retries  []*retried
}

// A lifetime is the context of one connection of a socket.
type lifetime struct {
	context.Context
	end context.CancelCauseFunc
}

// Conn is the connection that the socket shares with those of other namespaces.
func (s *Socket) Conn() *Conn { return s.conn }

// Namespace is the name of the socket's namespace.
func (s *Socket) Namespace() string { return s.namespace }

// ID is the socket's id, by which the server knows it too, or "" while it is not connected. It is another one after
// each connection, unless the session has been recovered.
func (s *Socket) ID() string {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if !s.connected {
		return ""
	}
	return s.id
}

// Connected reports whether the socket is connected.
func (s *Socket) Connected() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.connected
}

// Active reports whether the socket is connected, or will try to be.
func (s *Socket) Active() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.active
}

// Recovered reports whether the present connection resumes the session of the one before: the id is the same, and what
// the server sent meanwhile comes.
func (s *Socket) Recovered() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.recovered
}

var errNotConnected = fmt.Errorf("%w: or is not connected yet", ErrDisconnected)

// Context is done as soon as the present connection of the socket ends, also while a handler runs; its cause is a
// *DisconnectError. While the socket is not connected it is done already.
func (s *Socket) Context() context.Context {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.lifetime == nil {
		s.lifetime = new(lifetime)
		s.lifetime.Context, s.lifetime.end = context.WithCancelCause(context.Background())
		if !s.connected {
			s.lifetime.end(errNotConnected)
		}
	}
	return s.lifetime.Context
}

// Open has the socket connect, and returns at once (Node.js: socket.connect). It opens the connection, and opens it
// again whenever it is lost. On a Conn that is closed it does nothing.
func (s *Socket) Open() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.open()
}

func (s *Socket) open() {
	c := s.conn
	if s.active || c.closed {
		return
	}
	s.active, s.attempts, s.lastErr = true, 0, nil
	switch c.state {
	case stateOpen:
		c.awaitAnswers(c.link)
		s.sendConnect(c.link)
	case stateIdle:
		c.open()
	}
}

// Connect is Open, and waits until the socket is connected. It returns an error where the server refuses it (a
// *ConnectError), the attempts have come to an end, the socket is closed, or ctx is done; the error then wraps that of
// the last attempt, too. After an error the socket is closed.
func (s *Socket) Connect(ctx context.Context) error {
	c := s.conn
	c.mu.Lock()
	s.open()
	switch {
	case c.closed:
		c.mu.Unlock()
		return ErrClosed
	case s.connected:
		c.mu.Unlock()
		return nil
	}
	waiter := make(chan error, 1)
	s.waiters = append(s.waiters, waiter)
	c.mu.Unlock()
	select {
	case err := <-waiter:
		return err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case err := <-waiter:
		return err
	default:
	}
	err := fmt.Errorf("socketio: connect: %w", ctx.Err())
	if s.lastErr != nil {
		err = fmt.Errorf("%w; the last attempt: %w", err, s.lastErr)
	}
	s.close()
	c.release()
	return err
}

// settle ends the wait of Connect. mu is held.
func (s *Socket) settle(err error) {
	for _, waiter := range s.waiters {
		waiter <- err
	}
	s.waiters = nil
}

// Close leaves the namespace (Node.js: socket.disconnect), and closes the connection where no other socket uses it. It
// returns at once: what has been sent is still written, and handlers still run; see Conn.Wait. What waits for a
// connection is kept; Open connects again.
func (s *Socket) Close() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.close()
	s.conn.release()
}

// close is called with mu held.
func (s *Socket) close() {
	if s.connected { // else a server may take it for a packet out of turn, and end the connection of all sockets
		s.sendControl(parser.Disconnect, nil)
	}
	s.active = false
	s.disconnected(ReasonClientDisconnect, nil)
	s.settle(ErrClosed)
}

// disconnected ends the connection of the socket, if it has one. mu is held.
func (s *Socket) disconnected(reason Reason, err error) {
	s.asked = nil
	for _, e := range s.early {
		s.conn.waits(-e.size)
	}
	s.early = nil
	if !s.connected {
		return
	}
	s.connected, s.recovered = false, false
	if s.lifetime != nil {
		s.lifetime.end(&DisconnectError{reason})
	}
	for _, h := range s.handlers().disconnect {
		s.conn.do(&s.tasks, taskFunc(func() { _ = s.guard(func() error { h.f(reason, err); return nil }) }))
	}
	s.failAcks()
}

// handlers are the socket's. mu is held.
func (s *Socket) handlers() *listeners {
	if s.on == nil {
		return &listeners{}
	}
	return s.on
}

// sendConnect asks the server to let the socket in. mu is held.
func (s *Socket) sendConnect(l *link) {
	s.asked = l
	if s.opts.AuthFunc == nil {
		s.sendAuth(s.opts.Auth)
		return
	}
	s.conn.enter()
	go s.askAuth(l)
}

// askAuth calls AuthFunc.
func (s *Socket) askAuth(l *link) {
	c := s.conn
	ctx, cancel := context.WithTimeout(l.ctx, c.opts.ConnectTimeout)
	defer cancel()
	var auth any
	var err error
	if panicked := s.guard(func() error {
		auth, err = s.opts.AuthFunc(ctx)
		return nil
	}); panicked != nil {
		err = panicked
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.leave()
	if s.asked != l || c.link != l {
		return
	}
	if err == nil {
		s.attempts = 0
		s.sendAuth(auth)
		return
	}
	s.authFailed(l, fmt.Errorf("socketio: auth: %w", err))
}

// authFailed tries again later. mu is held.
func (s *Socket) authFailed(l *link, err error) {
	c := s.conn
	s.connectFailed(err)
	if c.opts.NoReconnection || s.attempts >= c.opts.ReconnectionAttempts {
		s.active = false
		s.settle(err)
		c.answered()
		c.release()
		return
	}
	b := c.backoff
	b.attempts = s.attempts
	s.attempts++
	time.AfterFunc(b.next(), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if s.active && s.asked == l && c.link == l && !s.connected {
			c.awaitAnswers(l)
			s.sendConnect(l)
		}
	})
}

// sendAuth sends the CONNECT packet. mu is held.
func (s *Socket) sendAuth(auth any) {
	payload, err := s.connectPayload(auth)
	if err != nil {
		err = fmt.Errorf("socketio: auth: %w", err)
		s.refused(err)
		return
	}
	s.sendControl(parser.Connect, payload)
}

var errAuth = errors.New("it is no JSON object")

// connectPayload is the payload of the CONNECT packet: auth, with what resumes a session.
func (s *Socket) connectPayload(auth any) (json.RawMessage, error) {
	var payload json.RawMessage
	if auth != nil {
		b, err := json.Marshal(auth)
		if err != nil {
			return nil, err
		}
		if len(b) == 0 || b[0] != '{' && string(b) != "null" {
			return nil, errAuth
		}
		payload = b
	}
	if s.pid == "" {
		return payload, nil
	}
	members := make(map[string]json.RawMessage)
	members["pid"], _ = json.Marshal(s.pid)
	members["offset"], _ = json.Marshal(s.offset)
	if s.offset == "" {
		delete(members, "offset")
	}
	if payload != nil {
		if err := json.Unmarshal(payload, &members); err != nil {
			return nil, err
		}
	}
	return json.Marshal(members)
}

var errOldServer = errors.New("socketio: the server does not speak revision 5 of the protocol; it may be of version 2")

// accepted takes the server's answer to the CONNECT packet. mu is held.
func (s *Socket) accepted(p *parser.Packet) {
	var said struct{ SID, PID string }
	if json.Unmarshal(p.Payload, &said) != nil || said.SID == "" {
		if !s.connected {
			s.refused(errOldServer)
		}
		return
	}
	if s.connected { // it has been told already
		return
	}
	s.recovered = said.PID != "" && said.PID == s.pid
	if !s.recovered {
		s.offset = ""
	}
	s.id, s.pid, s.connected, s.lastErr = said.SID, said.PID, true, nil
	s.lifetime = nil
	s.conn.answered()
	for _, h := range s.handlers().connect {
		s.conn.do(&s.tasks, taskFunc(func() { _ = s.guard(func() error { h.f(); return nil }) }))
	}
	for _, e := range s.early {
		s.deliver(e)
	}
	s.early = nil
	s.sendBuffer()
	s.drainRetries(true)
	s.settle(nil)
}

// refused ends the attempt to connect. mu is held.
func (s *Socket) refused(err error) {
	s.active = false
	s.connectFailed(err)
	s.disconnected(ReasonServerDisconnect, err)
	s.settle(err)
	s.conn.answered()
	s.conn.release()
}

// connectFailed tells the handlers of OnConnectError. mu is held.
func (s *Socket) connectFailed(err error) {
	s.lastErr = err
	for _, h := range s.handlers().connectError {
		s.conn.do(&s.tasks, taskFunc(func() { _ = s.guard(func() error { h.f(err); return nil }) }))
	}
}

// received takes an event. mu is held.
func (s *Socket) received(p *parser.Packet) {
	e := &Event{Args: p.Args(), socket: s, name: p.Event, size: p.Size() + eventOverhead}
	if p.HasID {
		e.ack.Store(ackWanted)
		e.ackID = p.ID
	}
	s.conn.waits(e.size)
	if !s.connected {
		s.early = append(s.early, e)
		return
	}
	s.deliver(e)
}

// eventOverhead is about what an event costs beside its packet, in bytes.
const eventOverhead = 160

// deliver is called with mu held.
func (s *Socket) deliver(e *Event) {
	if n := e.Len(); s.pid != "" && n > 0 {
		if text := e.Raw(n - 1).JSON(); len(text) > 1 && text[0] == '"' {
			var offset string
			if json.Unmarshal(text, &offset) == nil {
				s.offset = offset
			}
		}
	}
	s.conn.do(&s.tasks, e)
}
