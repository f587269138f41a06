package socketio

// Sockets: connections of clients to a namespace.

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A Socket is the connection of one client to one namespace. All its methods may be called from any goroutine. Its
// handlers never run at once; see the documentation of the package.
type Socket struct {
	conn      *conn
	session   session // conn.session
	namespace *Namespace
	id        string
	auth      string    // JSON, or ""
	uncommon  *uncommon // nil where nothing of it applies; set before others know the socket

	state     atomic.Uint32
	inOwnRoom atomic.Bool // is a member of the room that its own id names
	overheard atomic.Bool // has handlers of OnAnyOutgoing

	mu           sync.Mutex
	wasConnected bool
	left         bool // is in no room any more, and joins none
	reason       Reason
	data         *socketData // see data.go
	life         *lifetime   // see context.go
	on           *listeners
	acks         ackWaiters
	all          *membership
	rooms        memberships
	inbox        inbox
}

// uncommon is what only some sockets have: it is not to cost the others memory (TestSizes).
type uncommon struct {
	dynamic string // the name of a namespace that had to be made for the socket, perhaps, or ""

	// With connection state recovery. connect sets them: before the socket is in its namespace, nobody else reads them.
	pid       string
	recovered bool
}

var nothingUncommon uncommon

// has is what the socket has of uncommon, to be read.
func (s *Socket) has() *uncommon { return cmp.Or(s.uncommon, &nothingUncommon) }

// The states of a socket, in their order.
const (
	stateConnecting uint32 = iota // middlewares run
	stateGoingLive                // its CONNECT packet is being sent; see goLive
	stateConnected
	stateClosing // nothing is sent or received any more, but its handlers have not heard of it
	stateClosed
)

// listeners are the handlers of one socket. The slices are only ever appended to or replaced, so that one can be gone
// through without the lock.
type listeners struct {
	events        []eventListener
	any           []listener[func(*Event) error]
	use           []func(*Event) error
	disconnecting []listener[func(Reason)]
	disconnect    []listener[func(Reason)]
	outgoing      *outgoing // nil until there is one of OnAnyOutgoing
}

type eventListener struct {
	name string
	id   listenerID
	f    func(*Event) error
}

// ID is the socket's id: 20 characters, known to the client and to whom it tells.
func (s *Socket) ID() string { return s.id }

// namespaceName is the name of the socket's namespace, also while that has yet to be made.
func (s *Socket) namespaceName() string {
	if name := s.has().dynamic; name != "" {
		return name
	}
	return s.namespace.name
}

// Namespace is the namespace that the client is connected to.
func (s *Socket) Namespace() *Namespace { return s.namespace }

// Handshake is what the client connected with. It is put together at every call.
func (s *Socket) Handshake() *Handshake { return newHandshake(s.session.Handshake(), s.auth) }

// SessionID is the id of the Engine.IO session. It is a secret between the client and the server.
func (s *Socket) SessionID() string { return s.session.ID() }

// Transport is the transport in use now: "polling" or "websocket".
func (s *Socket) Transport() string { return s.session.Transport() }

// Conn is the Engine.IO session that the socket shares with the client's sockets of other namespaces: what Node.js has
// as socket.conn. See engineio.SessionEvents for what it can tell. Leave its end to Disconnect.
func (s *Socket) Conn() *engineio.Session {
	session, _ := s.session.(*engineio.Session)
	return session
}

// Connected reports whether the socket can receive: it is past the middlewares and has not been disconnected.
func (s *Socket) Connected() bool {
	state := s.state.Load()
	return state == stateConnected || state == stateGoingLive && s.wentLive()
}

// Recovered reports whether the socket resumes an earlier session (Options.ConnectionStateRecovery).
func (s *Socket) Recovered() bool { return s.has().recovered }

// Rooms are the rooms that the socket is in, its own id first. It is in none once the handlers of OnDisconnecting have
// returned.
func (s *Socket) Rooms() []string {
	if s.namespace == nil {
		return nil
	}
	return s.roomNames()
}

func (s *Socket) roomNames() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.rooms.list)+1)
	if s.inOwnRoom.Load() {
		names = append(names, s.id)
	}
	for _, m := range s.rooms.list {
		names = append(names, m.room.name)
	}
	return names
}

// Join makes the socket a member of rooms. It may be called in a middleware; a disconnected socket joins nothing.
func (s *Socket) Join(rooms ...string) { s.namespace.adapter.AddAll(s, rooms...) }

// Leave takes the socket out of room.
func (s *Socket) Leave(room string) { s.namespace.adapter.Del(s, room) }

// On adds a handler for an event of this socket. Handlers for one event run in the order in which they were added, the
// namespace's (Namespace.On) before the socket's.
//
// What they return, or panic with, is logged and given to Options.OnError. Where the client asked for an
// acknowledgement and no handler has given one when they have all returned, an error is the acknowledgement:
// {"error": ...} with the Message and the Data of an *Error, "invalid arguments" for a *BindError, and "internal
// error" for all others, whose text is not the client's business. A handler that means to acknowledge later returns
// nil.
//
// The names that ErrReservedEvent lists never come from a client: a handler for one is not added, and the log says so
// at error level.
func (s *Socket) On(event string, f func(*Event) error) Listener {
	return s.addListener(event, f, false)
}

// Off removes the socket's handlers for an event.
func (s *Socket) Off(event string) {
	s.listen(func(l *listeners) {
		var kept []eventListener
		for _, e := range l.events {
			if e.name != event {
				kept = append(kept, e)
			}
		}
		l.events = kept
	})
}

// OnAny adds a handler for every event of this socket, before the others and before the middlewares of Use.
func (s *Socket) OnAny(f func(*Event) error) Listener {
	id := s.conn.server.newListenerID(false)
	s.listen(func(l *listeners) { l.any = append(l.any, listener[func(*Event) error]{id, f}) })
	return Listener{s, id}
}

// Use adds a middleware for the socket's events. One that returns an error keeps the event from the handlers, and the
// error is treated as theirs.
func (s *Socket) Use(f func(*Event) error) {
	s.listen(func(l *listeners) { l.use = append(l.use, f) })
}

// OnDisconnecting adds a handler for the socket's end, when it can no longer send but is still in its rooms.
func (s *Socket) OnDisconnecting(f func(Reason)) Listener {
	id := s.conn.server.newListenerID(false)
	s.listen(func(l *listeners) { l.disconnecting = append(l.disconnecting, listener[func(Reason)]{id, f}) })
	return Listener{s, id}
}

// OnDisconnect adds a handler for the socket's end, when it has left its rooms.
func (s *Socket) OnDisconnect(f func(Reason)) Listener {
	id := s.conn.server.newListenerID(false)
	s.listen(func(l *listeners) { l.disconnect = append(l.disconnect, listener[func(Reason)]{id, f}) })
	return Listener{s, id}
}

func (s *Socket) listen(change func(*listeners)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on == nil {
		s.on = new(listeners)
	}
	change(s.on)
}

// listening is a snapshot of the socket's handlers.
func (s *Socket) listening() listeners {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on == nil {
		return listeners{}
	}
	return *s.on
}

// Emit sends the client an event and returns at once. Arguments are encoded as encoding/json does, without its escapes
// for HTML; byte slices anywhere in them travel as binary attachments, and Raw values as they are. Errors:
// ErrReservedEvent, ErrDisconnected, and those of encoding.
func (s *Socket) Emit(event string, args ...any) error {
	return s.emit(BroadcastFlags{}, event, args)
}

// Send is Emit of the event "message".
func (s *Socket) Send(args ...any) error { return s.Emit(messageEvent, args...) }

// messageEvent is the event of Send.
const messageEvent = "message"

// EmitWithAck sends the client an event and waits for its acknowledgement until ctx is done or the socket disconnects.
// A handler may wait for its own client.
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (Args, error) {
	return s.emitter().EmitWithAck(ctx, event, args...)
}

func (s *Socket) emit(flags BroadcastFlags, event string, args []any) error {
	if parser.IsReservedEvent(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	p := s.namespace.NewPacket(event, args...)
	if s.has().pid != "" {
		// Through the adapter, which keeps it for the case that the client is away.
		return s.namespace.adapter.Broadcast(p, BroadcastOptions{Rooms: []string{s.id}, Flags: flags})
	}
	m, err := p.Message(flags)
	if err != nil {
		return err
	}
	err = s.send(m, flags.Volatile)
	if err == nil && s.overheard.Load() {
		tellOutgoing(p, s)
	}
	return err
}

func (s *Socket) send(m *engineio.Message, volatile bool) error {
	if s.state.Load() > stateConnected {
		return ErrDisconnected
	}
	if !s.session.Send(m) && !volatile {
		return ErrDisconnected
	}
	return nil
}

func (s *Socket) sendAck(id float64, args []any) error {
	payload, attachments, err := parser.MarshalArgs(args)
	if err != nil {
		return err
	}
	m, err := s.conn.server.encode(parser.Packet{
		Type: parser.Ack, Namespace: s.namespace.name, HasID: true, ID: id, Payload: payload, Attachments: attachments,
	}, engineio.MessageOptions{})
	if err != nil {
		return err
	}
	return s.send(m, false)
}

// Disconnect ends the socket, and with closeConnection those of the client's other namespaces and the connection too.
// It returns at once. Nothing is received from then on; the handlers of OnDisconnecting and OnDisconnect run once the
// handler that is running has returned.
func (s *Socket) Disconnect(closeConnection bool) {
	if !s.Connected() {
		return
	}
	if !closeConnection {
		s.leaveNamespace()
		return
	}
	for _, other := range s.conn.all() {
		if other.Connected() {
			other.leaveNamespace()
		}
	}
	s.conn.end(ReasonForcedClose, engineio.ReasonForcedClose)
}

func (s *Socket) leaveNamespace() {
	s.close(ReasonServerDisconnect, s.conn.server.controlMessage(parser.Disconnect, s.namespace.name, nil))
}

// To is a broadcast to the members of rooms, but for this socket.
func (s *Socket) To(rooms ...string) BroadcastOperator { return s.emitter().To(rooms...) }

// In is To.
func (s *Socket) In(rooms ...string) BroadcastOperator { return s.emitter().To(rooms...) }

// Except is a broadcast to everyone but this socket and the members of rooms.
func (s *Socket) Except(rooms ...string) BroadcastOperator { return s.emitter().Except(rooms...) }

// Broadcast is a broadcast to everyone but this socket.
func (s *Socket) Broadcast() BroadcastOperator { return s.emitter().Broadcast() }

// Local is a broadcast to everyone on this server but this socket.
func (s *Socket) Local() BroadcastOperator { return s.emitter().Local() }

// Volatile lets what is emitted with the result be dropped while the client is not keeping up.
func (s *Socket) Volatile() Emitter { return s.emitter().Volatile() }

// Compress says whether what is emitted with the result may be compressed. By default it may.
func (s *Socket) Compress(compress bool) Emitter { return s.emitter().Compress(compress) }

// Timeout bounds EmitWithAck and EmitAck of the result.
func (s *Socket) Timeout(d time.Duration) Emitter { return s.emitter().Timeout(d) }

func (s *Socket) emitter() Emitter { return Emitter{socket: s} }

// An Emitter is a socket with a way to send. It is a value, and may be kept.
type Emitter struct {
	socket  *Socket
	flags   BroadcastFlags
	timeout time.Duration
}

// Volatile is Socket.Volatile.
func (em Emitter) Volatile() Emitter {
	em.flags.Volatile = true
	return em
}

// Compress is Socket.Compress.
func (em Emitter) Compress(compress bool) Emitter {
	em.flags.NoCompress = !compress
	return em
}

// Timeout is Socket.Timeout.
func (em Emitter) Timeout(d time.Duration) Emitter {
	em.timeout = d
	return em
}

// Broadcast is Socket.Broadcast.
func (em Emitter) Broadcast() BroadcastOperator {
	return BroadcastOperator{
		namespace: em.socket.namespace,
		opts:      BroadcastOptions{Except: []string{em.socket.id}, Flags: em.flags},
		timeout:   em.timeout,
	}
}

// To is Socket.To.
func (em Emitter) To(rooms ...string) BroadcastOperator { return em.Broadcast().To(rooms...) }

// In is Socket.In.
func (em Emitter) In(rooms ...string) BroadcastOperator { return em.Broadcast().To(rooms...) }

// Except is Socket.Except.
func (em Emitter) Except(rooms ...string) BroadcastOperator { return em.Broadcast().Except(rooms...) }

// Local is Socket.Local.
func (em Emitter) Local() BroadcastOperator { return em.Broadcast().Local() }

// Emit is Socket.Emit.
func (em Emitter) Emit(event string, args ...any) error {
	return em.socket.emit(em.flags, event, args)
}

// EmitWithAck is Socket.EmitWithAck. Its error matches ErrAckTimeout once Timeout has passed.
func (em Emitter) EmitWithAck(ctx context.Context, event string, args ...any) (Args, error) {
	ctx, cancel := withAckTimeout(ctx, em.timeout)
	defer cancel()
	type answer struct {
		args Args
		err  error
	}
	s, answers := em.socket, make(chan answer, 1)
	id := s.namespace.nextAckID()
	err := em.ask(id, func(args Args, err error) { answers <- answer{args, err} }, event, args)
	if err != nil {
		return Args{}, err
	}
	select {
	case a := <-answers:
		return a.args, a.err
	case <-ctx.Done():
		s.acks.forget(s, id)
		return Args{}, ackError(ctx)
	}
}
