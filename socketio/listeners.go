package socketio

// Taking handlers off again, having them run once, and asking which there are: what Node has from its EventEmitter.

import (
	"iter"
	"maps"
	"slices"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// listened is a *Namespace or a *Socket.
type listened interface {
	// takeOff removes a listener and reports whether it was there.
	takeOff(listenerID) bool
}

// A Listener is a handler that On, or another method of its kind, has added. It is a value, and may be dropped.
type Listener struct {
	of listened
	id listenerID
}

// Off takes the handler off, unless that has been done. An event whose handlers are being run may still reach it.
func (l Listener) Off() {
	if l.of != nil {
		l.of.takeOff(l.id)
	}
}

// A listenerID is a listener's number within its server; the lowest bit says that it runs once.
type listenerID uint64

func (id listenerID) once() bool { return id&1 != 0 }

// newListenerID returns an ID that no other listener of the server has.
func (srv *Server) newListenerID(once bool) listenerID {
	id := listenerID(srv.listeners.Add(1)) << 1
	if once {
		id |= 1
	}
	return id
}

// A listener is a handler in a list.
type listener[F any] struct {
	id listenerID
	f  F
}

// functions are the handlers of a list.
func functions[F any](list []listener[F]) iter.Seq[F] {
	return func(yield func(F) bool) {
		for _, l := range list {
			if !yield(l.f) {
				return
			}
		}
	}
}

// with is list with one more at the end; others may be going through list.
func with[F any](list []listener[F], id listenerID, f F) []listener[F] {
	return append(slices.Clip(list), listener[F]{id, f})
}

// without takes a listener off *list, which others may be going through; it reports false where it is not there.
func without[F any](list *[]listener[F], id listenerID) bool {
	at := slices.IndexFunc(*list, func(l listener[F]) bool { return l.id == id })
	if at < 0 {
		return false
	}
	*list = slices.Concat((*list)[:at], (*list)[at+1:])
	return true
}

// withNamed and withoutNamed are the same for lists by name. They return a copy, without empty lists.
func withNamed[F any](lists map[string][]listener[F], name string, id listenerID, f F) map[string][]listener[F] {
	lists = maps.Clone(lists)
	if lists == nil {
		lists = make(map[string][]listener[F], 1)
	}
	lists[name] = with(lists[name], id, f)
	return lists
}

func withoutNamed[F any](lists *map[string][]listener[F], id listenerID) bool {
	for name, list := range *lists {
		if without(&list, id) {
			*lists = maps.Clone(*lists)
			if (*lists)[name] = list; len(list) == 0 {
				delete(*lists, name)
			}
			return true
		}
	}
	return false
}

func (ns *Namespace) takeOff(id listenerID) (found bool) {
	ns.change(func(h *handlers) {
		found = withoutNamed(&h.events, id) || without(&h.any, id) || without(&h.connect, id) ||
			without(&h.disconnecting, id) || without(&h.disconnect, id) || without(&h.aborted, id) ||
			withoutNamed(&h.serverSide, id) || h.rooms.takeOff(id)
	})
	return found
}

func (s *Socket) takeOff(id listenerID) (found bool) {
	s.listen(func(l *listeners) {
		at := slices.IndexFunc(l.events, func(e eventListener) bool { return e.id == id })
		if found = at >= 0; found {
			l.events = slices.Concat(l.events[:at], l.events[at+1:])
			return
		}
		found = without(&l.any, id) || without(&l.disconnecting, id) || without(&l.disconnect, id) ||
			l.outgoing != nil && without(&l.outgoing.list, id)
		s.setOverheard()
	})
	return found
}

// due reports whether a listener is to run now: one that runs once is taken off, and whoever does that runs it.
func due(of listened, id listenerID) bool { return !id.once() || of.takeOff(id) }

// PrependConnect is OnConnect, but the handler comes before the others (Node.js: prependListener("connection", ...)).
func (ns *Namespace) PrependConnect(f func(*Socket) error) Listener {
	return ns.listen(func(h *handlers, id listenerID) {
		h.connect = append([]listener[func(*Socket) error]{{id, f}}, h.connect...)
	}, false)
}

// Once is On for one event: the first one of any of the namespace's sockets.
func (ns *Namespace) Once(event string, f func(*Event) error) Listener { return ns.on(event, f, true) }

// Off takes off the namespace's handlers for an event.
func (ns *Namespace) Off(event string) {
	ns.change(func(h *handlers) {
		h.events = maps.Clone(h.events)
		delete(h.events, event)
	})
}

// OffAny takes off the handlers of OnAny.
func (ns *Namespace) OffAny() { ns.change(func(h *handlers) { h.any = nil }) }

// OffAll takes off all handlers but those of OnAny and Use: for events, for new sockets and their ends, and for what
// other servers send (Node.js: removeAllListeners).
func (ns *Namespace) OffAll() {
	ns.change(func(h *handlers) {
		h.events, h.serverSide, h.connect, h.disconnecting, h.disconnect, h.aborted = nil, nil, nil, nil, nil, nil
	})
}

// Listeners are the namespace's handlers for an event, in the order in which they run.
func (ns *Namespace) Listeners(event string) []Listener {
	return listenersOf(ns, ns.handlers.Load().events[event])
}

// ListenersAny are the handlers of OnAny, in the order in which they run.
func (ns *Namespace) ListenersAny() []Listener { return listenersOf(ns, ns.handlers.Load().any) }

func listenersOf[F any](of listened, list []listener[F]) []Listener {
	result := make([]Listener, len(list))
	for i := range list {
		result[i] = Listener{of, list[i].id}
	}
	return result
}

// Once is On for one event.
func (s *Socket) Once(event string, f func(*Event) error) Listener {
	return s.addListener(event, f, true)
}

func (s *Socket) addListener(event string, f func(*Event) error, once bool) Listener {
	if parser.IsReservedEvent(event) {
		s.conn.server.neverComes(event)
		return Listener{}
	}
	id := s.conn.server.newListenerID(once)
	s.listen(func(l *listeners) { l.events = append(l.events, eventListener{event, id, f}) })
	return Listener{s, id}
}

// PrependAny is OnAny, but the handler comes before the others.
func (s *Socket) PrependAny(f func(*Event) error) Listener {
	id := s.conn.server.newListenerID(false)
	s.listen(func(l *listeners) { l.any = append([]listener[func(*Event) error]{{id, f}}, l.any...) })
	return Listener{s, id}
}

// OffAny takes off the handlers of OnAny.
func (s *Socket) OffAny() { s.listen(func(l *listeners) { l.any = nil }) }

// OffAll takes off the socket's handlers for events and for its end: all but those of OnAny, OnAnyOutgoing and Use
// (Node.js: removeAllListeners).
func (s *Socket) OffAll() {
	s.listen(func(l *listeners) { l.events, l.disconnecting, l.disconnect = nil, nil, nil })
}

// EventNames are the events that the socket has handlers for, set with On or Once, in alphabetical order. Those of its
// namespace are not among them: see Namespace.EventNames.
func (s *Socket) EventNames() []string {
	names := make(map[string]bool)
	for _, e := range s.listening().events {
		names[e.name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// Listeners are the socket's handlers for an event, in the order in which they run; those of its namespace, which run
// before them, are not among them.
func (s *Socket) Listeners(event string) []Listener {
	var list []Listener
	for _, e := range s.listening().events {
		if e.name == event {
			list = append(list, Listener{s, e.id})
		}
	}
	return list
}

// ListenersAny are the handlers of OnAny, in the order in which they run.
func (s *Socket) ListenersAny() []Listener { return listenersOf(s, s.listening().any) }
