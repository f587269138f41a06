package client

// Handlers: adding them, taking them off, running them.

import (
	"errors"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A Listener is a handler that On, or another method of its kind, has added. It is a value, and may be dropped.
type Listener struct {
	socket *Socket
	id     uint64
}

// Off takes the handler off, unless that has been done. An event whose handlers are being run may still reach it.
func (l Listener) Off() {
	if l.socket != nil {
		l.socket.takeOff(l.id)
	}
}

// listeners are the handlers of one socket. The slices are only ever appended to or replaced, so that one can be gone
// through without the lock. Guarded by the connection's mu.
type listeners struct {
	events       []listener[func(*Event) error]
	any          []listener[func(*Event) error]
	outgoing     []listener[func(*Event) error]
	connect      []listener[func()]
	connectError []listener[func(error)]
	disconnect   []listener[func(Reason, error)]
}

type listener[F any] struct {
	id    uint64
	event string // of those in events
	once  bool
	f     F
}

// add appends to, or with front puts before, the list that of picks.
func add[F any](s *Socket, of func(*listeners) *[]listener[F], l listener[F], front bool) Listener {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastListener++
	l.id = c.lastListener
	if s.on == nil {
		s.on = new(listeners)
	}
	list := of(s.on)
	if front {
		*list = append([]listener[F]{l}, *list...)
	} else {
		*list = append(slices.Clip(*list), l)
	}
	return Listener{s, l.id}
}

// without returns list without those that gone reports.
func without[F any](list []listener[F], gone func(*listener[F]) bool) []listener[F] {
	var kept []listener[F]
	for i := range list {
		if !gone(&list[i]) {
			kept = append(kept, list[i])
		}
	}
	return kept
}

func drop[F any](list *[]listener[F], id uint64) (found bool) {
	is := func(l *listener[F]) bool { return l.id == id }
	for i := range *list {
		if is(&(*list)[i]) {
			*list = without(*list, is)
			return true
		}
	}
	return false
}

// takeOff reports whether the listener was there.
func (s *Socket) takeOff(id uint64) bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	l := s.on
	return l != nil && (drop(&l.events, id) || drop(&l.any, id) || drop(&l.outgoing, id) || drop(&l.connect, id) ||
		drop(&l.connectError, id) || drop(&l.disconnect, id))
}

// listening is a snapshot of the socket's handlers.
func (s *Socket) listening() listeners {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.on == nil {
		return listeners{}
	}
	return *s.on
}

func onEvents(l *listeners) *[]listener[func(*Event) error] { return &l.events }

// On adds a handler for an event. Handlers for one event run in the order in which they were added.
//
// What they return, or panic with, is logged and given to Options.OnError. Where the server asked for an
// acknowledgement and no handler has given one when they have all returned, an error is the acknowledgement:
// {"error": ...} with the Message and the Data of an *Error, the text of a *ValidationError, "invalid arguments" for
// a *parser.BindError, and "internal error" for all others. A handler that means to acknowledge later returns nil.
//
// The names that ErrReservedEvent lists never come from a server: a handler for one is not added, and the log says so.
func (s *Socket) On(event string, f func(*Event) error) Listener { return s.onEvent(event, f, false) }

// Once is On for one event.
func (s *Socket) Once(event string, f func(*Event) error) Listener { return s.onEvent(event, f, true) }

func (s *Socket) onEvent(event string, f func(*Event) error, once bool) Listener {
	if parser.IsReservedEvent(event) {
		s.conn.opts.Logger.Error("socketio: a handler for an event that never comes", slog.String("event", event))
		return Listener{}
	}
	return add(s, onEvents, listener[func(*Event) error]{event: event, once: once, f: f}, false)
}

// Off takes off the handlers for an event.
func (s *Socket) Off(event string) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.on != nil {
		s.on.events = without(s.on.events, func(l *listener[func(*Event) error]) bool { return l.event == event })
	}
}

// OffAll takes off all handlers but those of OnAny and OnAnyOutgoing (Node.js: removeAllListeners).
func (s *Socket) OffAll() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.on != nil {
		s.on = &listeners{any: s.on.any, outgoing: s.on.outgoing}
	}
}

// EventNames are the events that the socket has handlers for, in alphabetical order.
func (s *Socket) EventNames() []string {
	names := make(map[string]bool)
	for _, l := range s.listening().events {
		names[l.event] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func onAny(l *listeners) *[]listener[func(*Event) error]      { return &l.any }
func onOutgoing(l *listeners) *[]listener[func(*Event) error] { return &l.outgoing }

// OnAny adds a handler for every event, before those of On.
func (s *Socket) OnAny(f func(*Event) error) Listener {
	return add(s, onAny, listener[func(*Event) error]{f: f}, false)
}

// PrependAny is OnAny, but the handler comes before the others.
func (s *Socket) PrependAny(f func(*Event) error) Listener {
	return add(s, onAny, listener[func(*Event) error]{f: f}, true)
}

// OffAny takes off the handlers of OnAny.
func (s *Socket) OffAny() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.on != nil {
		s.on.any = nil
	}
}

// OnAnyOutgoing adds a handler for every event that is sent, also one that has waited for the connection;
// acknowledgements are none. It runs as the other handlers do, behind what has come before. Where more than
// Options.MaxInboundBytes of such events wait for handlers, further ones are passed over.
func (s *Socket) OnAnyOutgoing(f func(*Event) error) Listener {
	return add(s, onOutgoing, listener[func(*Event) error]{f: f}, false)
}

// PrependAnyOutgoing is OnAnyOutgoing, but the handler comes before the others.
func (s *Socket) PrependAnyOutgoing(f func(*Event) error) Listener {
	return add(s, onOutgoing, listener[func(*Event) error]{f: f}, true)
}

// OffAnyOutgoing takes off the handlers of OnAnyOutgoing.
func (s *Socket) OffAnyOutgoing() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.on != nil {
		s.on.outgoing = nil
	}
}

// OnConnect adds a handler for each connection of the socket. It runs before those of the events that come over it.
func (s *Socket) OnConnect(f func()) Listener {
	return add(s, func(l *listeners) *[]listener[func()] { return &l.connect }, listener[func()]{f: f}, false)
}

// OnConnectError adds a handler for connections that come to nothing: those that cannot be opened, which are tried
// again (Socket.Active), and the server's refusals, which are a *ConnectError and final.
func (s *Socket) OnConnectError(f func(error)) Listener {
	return add(s, func(l *listeners) *[]listener[func(error)] { return &l.connectError },
		listener[func(error)]{f: f}, false)
}

// OnDisconnect adds a handler for each end of the socket's connection, behind those of all events that have come over
// it. The error is nil, or says more than the reason.
func (s *Socket) OnDisconnect(f func(Reason, error)) Listener {
	return add(s, func(l *listeners) *[]listener[func(Reason, error)] { return &l.disconnect },
		listener[func(Reason, error)]{f: f}, false)
}

// handle runs the handlers of an event.
func (s *Socket) handle(e *Event) {
	l := s.listening()
	var firstErr error
	run := func(f func(*Event) error) {
		if err := s.guard(func() error { return f(e) }); err != nil && firstErr == nil {
			firstErr = err
		}
	}
	for _, h := range l.any {
		run(h.f)
	}
	for _, h := range l.events {
		if h.event == e.name && (!h.once || s.takeOff(h.id)) {
			run(h.f)
		}
	}
	if e.ack.Load() == ackWanted { // nobody is left to tell of an error
		switch {
		case firstErr != nil:
			_ = e.Ack(answer(firstErr))
		case e.done:
			_ = e.Ack()
		}
	}
}

// guard runs f and reports what it returns or panics with.
func (s *Socket) guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v, debug.Stack()}
		}
		if err != nil {
			s.report(err)
		}
	}()
	return f()
}

func (s *Socket) report(err error) {
	o := &s.conn.opts
	level := slog.LevelError
	var bind *parser.BindError
	var said *Error
	var refused *ValidationError
	if errors.As(err, &bind) || errors.As(err, &said) || errors.As(err, &refused) {
		level = slog.LevelDebug
	}
	o.Logger.Log(s.Context(), level, "socketio: error in a handler of the client", slog.String("namespace",
		s.namespace),
		slog.Any("error", err))
	if o.OnError != nil {
		o.OnError(s, err)
	}
}

// answer is the acknowledgement that an error is.
func answer(err error) any {
	var said *Error
	var bind *parser.BindError
	var refused *ValidationError
	text := map[string]any{"error": "internal error"}
	switch {
	case errors.As(err, &said):
		text["error"] = said.Message
		if said.Data != nil {
			text["data"] = said.Data
		}
	case errors.As(err, &refused):
		text["error"] = refused.Err.Error()
	case errors.As(err, &bind):
		text["error"] = "invalid arguments"
	}
	return text
}
