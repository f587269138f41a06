package socketio

// One client: an Engine.IO session and the sockets that share it, one for each namespace.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/internal/timeouts"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// session is what this package needs of an *engineio.Session.
type session interface {
	ID() string
	Handshake() *engineio.Handshake
	Context() context.Context
	Transport() string
	Protocol() int
	Send(*engineio.Message) bool
	Close(engineio.Reason)
	Pause()
	Resume()
}

var _ session = (*engineio.Session)(nil)

// conn gets what a session receives. OnMessage runs on the goroutine that reads from the client, so it calls no code of
// the program but the parser: it completes acknowledgements, and leaves the rest to the sockets' workers. It leaves
// long messages, and what comes behind, to the lane for what is long.
type conn struct {
	server  *Server
	session session
	// unread are the messages to be taken by the lane; nil where the reading goroutine takes them, as mostly. That one
	// sets it, the lane clears it.
	unread atomic.Pointer[unread]
	// partial is the packet of which messages are still to come; nil where there has been none.
	partial atomic.Pointer[partial]
	// waiting is the size of the messages and events that wait for the lane and their handlers, in all namespaces.
	waiting atomic.Int64
	// finishing, once Finish has been called, is told when a socket has less to do.
	finishing atomic.Pointer[chan struct{}]

	// mu guards what follows but for broken. It is held, too, while a socket goes live.
	mu     sync.Mutex
	silent *silence            // nil once a socket has connected
	main   *Socket             // of the main namespace, the only one that most clients have
	others map[string]numbered // of other namespaces, by name
	// Small fields stand together (TestSizes).
	paused   atomic.Bool // the session, until fewer wait; changed with mu held
	closed   bool
	old      bool   // a client of Socket.IO 2; see old.go
	broken   bool   // a message has ended the session, and the rest is ignored; of who takes messages
	excused  bool   // it has a second time to connect a socket, as this process has slept
	sockets  int32  // that have not done all that they have to, open or not
	kept     uint32 // bytes of CONNECT packets that those keep
	joins    uint32 // how many sockets there have been
	mainJoin uint32 // which of them main was
}

// A silence is the time that a client has to connect a socket, Options.ConnectTimeout.
type silence = timeouts.Timeout[*conn]

// A numbered socket was the client's nth.
type numbered struct {
	*Socket
	nth uint32
}

var _ engineio.Handler = (*conn)(nil)

func (srv *Server) newConn(s session) *conn {
	c := &conn{server: srv, session: s, old: s.Protocol() == oldProtocol}
	c.mu.Lock()
	c.silent = &silence{Of: c}
	srv.silent.Start(c.silent, srv.opts.ConnectTimeout)
	c.mu.Unlock()
	if c.old {
		c.connect(parser.MainNamespace, nil)
	}
	return c
}

// OnMessage takes one message of the client.
func (c *conn) OnMessage(data []byte, binary bool) {
	if !c.takesLater(data, binary) {
		c.take(data, binary)
	}
}

// take takes one message.
func (c *conn) take(data []byte, binary bool) {
	if c.broken {
		return
	}
	pending := c.pending()
	p, err := c.server.opts.Parser.Decode(pending, data, binary)
	if err != nil {
		c.parseError(err)
		return
	}
	if p.Missing > 0 {
		c.begun(&p)
		return
	}
	if pending != nil {
		c.finished()
	}
	c.packet(&p)
}

// packet takes a whole packet.
func (c *conn) packet(p *parser.Packet) {
	if c.old {
		takeQuery(p)
	}
	s, closed := c.socket(p.Namespace)
	switch {
	case closed:
	case s == nil && p.Type == parser.Connect:
		c.connect(p.Namespace, p.Payload)
	case s == nil || p.Type == parser.Connect || p.Type == parser.ConnectError:
		c.invalidState(p.Type)
	case p.Type == parser.Disconnect:
		s.close(ReasonClientDisconnect, nil)
	case p.Type == parser.Ack:
		s.onAck(p)
	case p.Type == parser.Event && p.Payload != nil: // an event without even a name goes to no handler
		s.onEvent(p)
	}
}

// connect takes a CONNECT packet for a namespace that the client is not in.
func (c *conn) connect(name string, auth []byte) {
	srv := c.server
	if srv.closing.Load() {
		return // the session is about to end
	}
	ns := srv.acquire(name)
	if ns == nil && !srv.mayCreate(name) {
		c.sendControl(parser.ConnectError, name, []byte(`{"message":"Invalid namespace"}`))
		return
	}
	size := len(name) + len(auth)
	if limit := c.admit(len(auth), size); limit != "" {
		if ns != nil {
			srv.release(ns)
		}
		c.overLimit(limit, name)
		return
	}
	// Copies: the message that they stand in may be a part of something larger.
	s := &Socket{conn: c, session: c.session, namespace: ns, auth: string(auth)}
	switch {
	case ns == nil:
		s.uncommon = &uncommon{dynamic: strings.Clone(name)}
	case srv.opts.ConnectionStateRecovery != nil:
		s.uncommon = new(uncommon)
	}
	s.inbox.connectDue = true
	s.inbox.running = true
	if !c.add(s) {
		if ns != nil {
			srv.release(ns)
		}
		c.discharge(size)
		return
	}
	srv.workers.dispatch(s)
}

// socket is the socket of a namespace, or nil.
func (c *conn) socket(namespace string) (s *Socket, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if namespace == parser.MainNamespace {
		return c.main, c.closed
	}
	return c.others[namespace].Socket, c.closed
}

func (c *conn) add(s *Socket) bool {
	name := s.namespaceName()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.joins++
	if name == parser.MainNamespace {
		c.main, c.mainJoin = s, c.joins
		return true
	}
	if c.others == nil {
		c.others = make(map[string]numbered, 1)
	}
	c.others[name] = numbered{s, c.joins}
	return true
}

// remove takes s out. From then on, nothing but a new CONNECT packet is in turn for its namespace.
func (c *conn) remove(s *Socket) {
	name := s.namespaceName()
	c.mu.Lock()
	if c.main == s {
		c.main = nil
	} else if c.others[name].Socket == s {
		if delete(c.others, name); len(c.others) == 0 {
			c.others = nil
		}
	}
	c.mu.Unlock()
	c.calm()
}

// all are the sockets, in the order in which they have joined: they are disconnected in that order, as with Node.js.
func (c *conn) all() []*Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	joined := make([]numbered, 0, 1+len(c.others))
	if c.main != nil {
		joined = append(joined, numbered{c.main, c.mainJoin})
	}
	for _, s := range c.others {
		joined = append(joined, s)
	}
	slices.SortFunc(joined, func(a, b numbered) int { return cmp.Compare(a.nth, b.nth) })
	sockets := make([]*Socket, len(joined))
	for i, s := range joined {
		sockets[i] = s.Socket
	}
	return sockets
}

// joined ends the time that a client has for joining a namespace.
func (c *conn) joined() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopSilence()
}

// stopSilence is called with mu held.
func (c *conn) stopSilence() {
	if c.silent != nil {
		c.server.silent.Stop(c.silent)
		c.silent = nil
	}
}

func (c *conn) connectTimeout(late time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.silent == nil:
	case late >= timeouts.Nap && !c.excused:
		c.excused = true
		c.server.silent.Start(c.silent, c.server.opts.ConnectTimeout)
	default:
		go c.end(ReasonForcedClose, engineio.ReasonForcedClose) // others wait for theirs
	}
}

func (c *conn) parseError(err error) {
	c.server.log().Debug("socketio: parse error", slog.String("session", c.session.ID()), slog.Any("error", err))
	switch {
	case errors.Is(err, parser.ErrTooDeep):
		c.server.countLimit(LimitNesting)
	case errors.Is(err, parser.ErrTooManyAttachments):
		c.server.countLimit(LimitAttachments)
	}
	c.broken = true
	c.finished()
	c.end(ReasonForcedClose, engineio.ReasonForcedClose)
}

func (c *conn) invalidState(typ parser.Type) {
	c.server.log().Debug("socketio: packet out of turn", slog.String("session", c.session.ID()),
		slog.Int("type", int(typ)))
	c.broken = true
	c.end(ReasonForcedClose, engineio.ReasonForcedClose)
}

// end closes the session and its sockets.
func (c *conn) end(reason Reason, engine engineio.Reason) {
	c.closeSockets(reason)
	c.session.Close(engine)
}

var _ engineio.Finisher = (*conn)(nil)

// Finish waits until the sockets have handled what the client has sent, so that acknowledgements go out, and the client
// has acknowledged what it was sent.
func (c *conn) Finish(ctx context.Context) {
	calmer := make(chan struct{}, 1)
	c.finishing.Store(&calmer)
	for !c.quiet() {
		select {
		case <-calmer:
		case <-ctx.Done():
			return
		}
	}
}

// calm tells Finish that a socket has less to do, or has gone. It is called after the change, without Socket.mu.
func (c *conn) calm() {
	if calmer := c.finishing.Load(); calmer != nil {
		select {
		case *calmer <- struct{}{}:
		default:
		}
	}
}

// quiet reports whether no handler runs or is due, and no acknowledgement is awaited.
func (c *conn) quiet() bool {
	if c.unread.Load() != nil {
		return false
	}
	for _, s := range c.all() {
		s.mu.Lock()
		busy := s.inbox.running || len(s.acks.m) > 0
		s.mu.Unlock()
		if busy {
			return false
		}
	}
	return true
}

// OnClose ends the sockets that are left, behind what the client has sent.
func (c *conn) OnClose(reason engineio.Reason) {
	if !c.endsLater(Reason(reason)) {
		c.closeSockets(Reason(reason))
	}
}

func (c *conn) closeSockets(reason Reason) {
	sockets := c.all()
	c.mu.Lock()
	c.closed = true
	c.stopSilence()
	c.partial.Load().stopTimer()
	c.mu.Unlock()
	c.balance() // reads on, up to the session's end
	for _, s := range sockets {
		s.close(reason, nil)
	}
	for _, s := range c.all() { // added between the two locks
		s.close(reason, nil)
	}
}

// sendControl sends the client a packet that is neither an event nor an acknowledgement.
func (c *conn) sendControl(typ parser.Type, namespace string, payload []byte) {
	if m := c.server.controlMessage(typ, namespace, payload); m != nil {
		c.session.Send(m)
	}
}

// connectPayload is what the client learns of its socket.
func (s *Socket) connectPayload() []byte {
	if s.conn.old {
		return nil // it knows
	}
	payload, _ := json.Marshal(struct {
		SID string `json:"sid"`
		PID string `json:"pid,omitempty"`
	}{s.id, s.has().pid})
	return payload
}
