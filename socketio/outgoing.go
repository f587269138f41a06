package socketio

// Catch-all handlers for what is sent. They run like a socket's other handlers, behind what its client has sent before:
// a broadcast finds sockets with their rooms locked, where no code of the program may run.

import (
	"log/slog"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// outgoing is what a socket has that hears what is sent to it. Guarded by Socket.mu.
type outgoing struct {
	list    []listener[func(*Event) error]
	waiting int // bytes of events that wait for them
}

// OnAnyOutgoing adds a handler for every event that is sent to the socket's client, alone or in a broadcast, from this
// server or another; acknowledgements are none. It runs as the socket's other handlers do, one at a time, when the
// event has been queued for the client, or dropped where that is volatile. Where handlers take so long that more than
// Options.MaxInboundBytes of such events wait, further ones are not told, and the log says so. Its error is logged and
// given to Options.OnError.
func (s *Socket) OnAnyOutgoing(f func(*Event) error) Listener {
	id := s.conn.server.newListenerID(false)
	s.hearOutgoing(func(o *outgoing) { o.list = with(o.list, id, f) })
	return Listener{s, id}
}

// PrependAnyOutgoing is OnAnyOutgoing, but the handler comes before the others.
func (s *Socket) PrependAnyOutgoing(f func(*Event) error) Listener {
	id := s.conn.server.newListenerID(false)
	s.hearOutgoing(func(o *outgoing) { o.list = append([]listener[func(*Event) error]{{id, f}}, o.list...) })
	return Listener{s, id}
}

// OffAnyOutgoing takes off the handlers of OnAnyOutgoing.
func (s *Socket) OffAnyOutgoing() { s.hearOutgoing(func(o *outgoing) { o.list = nil }) }

// ListenersAnyOutgoing are the handlers of OnAnyOutgoing, in the order in which they run.
func (s *Socket) ListenersAnyOutgoing() []Listener {
	return listenersOf(s, s.outgoingHandlers())
}

func (s *Socket) hearOutgoing(change func(*outgoing)) {
	s.listen(func(l *listeners) {
		if l.outgoing == nil {
			l.outgoing = new(outgoing)
		}
		change(l.outgoing)
		s.setOverheard()
	})
}

// setOverheard notes whether the socket has handlers of OnAnyOutgoing, so that nobody else need look. mu is held.
func (s *Socket) setOverheard() {
	hears := s.on != nil && s.on.outgoing != nil && len(s.on.outgoing.list) > 0 && s.state.Load() != stateClosed
	switch was := s.overheard.Swap(hears); {
	case hears && !was:
		s.namespace.overheard.Add(1)
	case was && !hears:
		s.namespace.overheard.Add(-1)
	}
}

func (s *Socket) outgoingHandlers() []listener[func(*Event) error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on == nil || s.on.outgoing == nil {
		return nil
	}
	return s.on.outgoing.list
}

// tellOutgoing has the sockets that opts select, and that hear what they are sent, told of p. It is for a namespace
// that has some: it looks at every socket that is selected.
func (a *MemoryAdapter) tellOutgoing(p *Packet, opts BroadcastOptions) {
	var hearing []*Socket
	a.apply(opts, func(s *Socket) {
		if s.overheard.Load() {
			hearing = append(hearing, s)
		}
	})
	tellOutgoing(p, hearing...)
}

// tellOutgoing tells sockets, by way of their workers, that p has been sent to them.
func tellOutgoing(p *Packet, sockets ...*Socket) {
	if len(sockets) == 0 {
		return
	}
	payload, attachments, err := p.Payload()
	if err != nil {
		return // nothing has been sent
	}
	sent := parser.Packet{Type: parser.Event}
	if sent.SetPayload(payload, attachments) != nil { // nested deeper than clients may
		sent = parser.Packet{Event: p.event}
	}
	for _, s := range sockets {
		s.pushOutgoing(&Event{
			Args: sent.Args(), socket: s, name: sent.Event, outgoing: true,
		})
	}
}

// pushOutgoing puts an event that was sent into the inbox, behind what the client has sent.
func (s *Socket) pushOutgoing(e *Event) {
	s.mu.Lock()
	if s.state.Load() > stateConnected || s.on == nil || s.on.outgoing == nil {
		s.mu.Unlock()
		return
	}
	o, limit := s.on.outgoing, s.conn.server.opts.MaxInboundBytes
	if o.waiting > 0 && o.waiting+e.size() > limit {
		s.mu.Unlock()
		s.conn.server.errors.Error("socketio: handlers of OnAnyOutgoing are too slow, and miss events",
			slog.String("socket", s.id), slog.Int("waiting_bytes", limit))
		return
	}
	o.waiting += e.size()
	start := s.append(e)
	s.mu.Unlock()
	if start {
		s.conn.server.workers.dispatch(s)
	}
}

// handleOutgoing runs the handlers of an event that was sent. It runs on a worker.
func (s *Socket) handleOutgoing(e *Event) {
	for _, l := range s.outgoingHandlers() {
		s.guard(func() error { return l.f(e) })
	}
}
