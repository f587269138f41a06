package socketio

// Presence: who comes into the rooms of this server and goes out of them, told to programs.
//
// What happens to a room is noted while the room is locked, so that it is told in the order in which it happened, and
// told with no lock held by whoever is there first. While nobody listens it costs a look at Namespace.handlers.

import "sync"

// A roomEventKind is what may happen to a room; Node.js's adapters have events of these names.
type roomEventKind uint8

const (
	roomCreated roomEventKind = iota // create-room
	roomJoined                       // join-room
	roomLeft                         // leave-room
	roomDeleted                      // delete-room
)

type roomEvent struct {
	kind   roomEventKind
	room   string
	socket *Socket
}

// roomEvents are those that have still to be told.
type roomEvents struct {
	mu      sync.Mutex // a leaf: taken with a room's and a socket's lock held
	queue   []roomEvent
	telling bool // somebody is
}

// roomListeners are the handlers for room events.
type roomListeners struct {
	created, deleted []listener[func(room string)]
	joined, left     []listener[func(room string, s *Socket)]
}

func (l *roomListeners) any() bool {
	return len(l.created)+len(l.deleted)+len(l.joined)+len(l.left) > 0
}

func (l *roomListeners) takeOff(id listenerID) bool {
	return without(&l.created, id) || without(&l.deleted, id) || without(&l.joined, id) || without(&l.left, id)
}

// watched is where to note what happens to the namespace's rooms, or nil where nobody wants to know.
func (ns *Namespace) watched() *roomEvents {
	if !ns.handlers.Load().rooms.any() {
		return nil
	}
	return &ns.roomEvents
}

// note takes note of an event; on nil it does nothing.
func (q *roomEvents) note(kind roomEventKind, room string, s *Socket) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = append(q.queue, roomEvent{kind, room, s})
}

// tellRoomEvents tells the namespace's listeners what has been noted, unless somebody is about to. It is called with no
// lock held.
func (ns *Namespace) tellRoomEvents() {
	q := &ns.roomEvents
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.telling {
		return // or a listener of this goroutine has joined a room itself
	}
	q.telling = true
	for len(q.queue) > 0 {
		batch := q.queue
		q.queue = nil
		q.mu.Unlock()
		for _, e := range batch {
			ns.tellRoomEvent(e)
		}
		q.mu.Lock()
	}
	q.telling = false
}

func (ns *Namespace) tellRoomEvent(e roomEvent) {
	l := &ns.handlers.Load().rooms
	call := func(f func()) {
		if err := ns.server.call(func() error { f(); return nil }); err != nil {
			ns.server.report(e.socket, err)
		}
	}
	switch e.kind {
	case roomCreated, roomDeleted:
		list := l.created
		if e.kind == roomDeleted {
			list = l.deleted
		}
		for f := range functions(list) {
			call(func() { f(e.room) })
		}
	default:
		list := l.joined
		if e.kind == roomLeft {
			list = l.left
		}
		for f := range functions(list) {
			call(func() { f(e.room, e.socket) })
		}
	}
}

// OnCreateRoom adds a handler for rooms that get their first member on this server (Node.js: the adapter's event
// create-room), OnJoinRoom one for sockets of this server that come into a room, OnLeaveRoom for those that go, and
// OnDeleteRoom for rooms whose last member on this server has gone. Every socket's own id is a room too.
//
// What happens to a room is told in the order in which it happened: created, joined, left, deleted. A handler is called
// with no lock held, on the goroutine of some join or leave, mostly its own, and never at once with another of these.
// It may use the room; it must not block, as what others do to rooms meanwhile is kept and told behind it. Rooms of an
// Adapter that does not embed a MemoryAdapter are not told of.
func (ns *Namespace) OnCreateRoom(f func(room string)) Listener {
	return ns.onRoom(func(l *roomListeners, id listenerID) { l.created = with(l.created, id, f) })
}

// OnDeleteRoom adds a handler for rooms that have lost their last member on this server. See OnCreateRoom.
func (ns *Namespace) OnDeleteRoom(f func(room string)) Listener {
	return ns.onRoom(func(l *roomListeners, id listenerID) { l.deleted = with(l.deleted, id, f) })
}

// OnJoinRoom adds a handler for sockets of this server that come into a room. See OnCreateRoom.
func (ns *Namespace) OnJoinRoom(f func(room string, s *Socket)) Listener {
	return ns.onRoom(func(l *roomListeners, id listenerID) { l.joined = with(l.joined, id, f) })
}

// OnLeaveRoom adds a handler for sockets of this server that go out of a room, also by their end. See OnCreateRoom.
func (ns *Namespace) OnLeaveRoom(f func(room string, s *Socket)) Listener {
	return ns.onRoom(func(l *roomListeners, id listenerID) { l.left = with(l.left, id, f) })
}

func (ns *Namespace) onRoom(add func(*roomListeners, listenerID)) Listener {
	id := ns.server.newListenerID(false)
	ns.change(func(h *handlers) { add(&h.rooms, id) })
	return Listener{ns, id}
}

// OnCreateRoom adds a handler for rooms of the main namespace. See Namespace.OnCreateRoom.
func (srv *Server) OnCreateRoom(f func(room string)) Listener { return srv.main.OnCreateRoom(f) }

// OnDeleteRoom adds a handler for rooms of the main namespace. See Namespace.OnCreateRoom.
func (srv *Server) OnDeleteRoom(f func(room string)) Listener { return srv.main.OnDeleteRoom(f) }

// OnJoinRoom adds a handler for rooms of the main namespace. See Namespace.OnCreateRoom.
func (srv *Server) OnJoinRoom(f func(room string, s *Socket)) Listener { return srv.main.OnJoinRoom(f) }

// OnLeaveRoom adds a handler for rooms of the main namespace. See Namespace.OnCreateRoom.
func (srv *Server) OnLeaveRoom(f func(room string, s *Socket)) Listener {
	return srv.main.OnLeaveRoom(f)
}
