package socketio

// The adapter of a single server, and the local half of every other.

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// MemoryAdapter keeps the rooms of one namespace in memory and broadcasts to this server's sockets.
//
// A broadcast to several rooms reaches each socket once, even while sockets move between them: it sees all rooms as
// they were at one moment.
type MemoryAdapter struct {
	namespace *Namespace
	rooms     roomTable
	all       room // every socket that has joined anything, for broadcasts to no room in particular
	scratch   sync.Pool
	onRoom    atomic.Pointer[func(string)]
}

var _ Adapter = (*MemoryAdapter)(nil)

// NewMemoryAdapter returns the in-memory adapter of ns.
func NewMemoryAdapter(ns *Namespace) *MemoryAdapter {
	return &MemoryAdapter{namespace: ns}
}

// Namespace is the namespace that the adapter belongs to.
func (a *MemoryAdapter) Namespace() *Namespace { return a.namespace }

// OnRoomChange sets a function that is called, with no lock held, when a room may have got its first member on this
// server or lost its last. HasRoom says which: two changes at once may be reported in either order. Every socket's
// own id is a room. The function is to be set before the first socket connects.
func (a *MemoryAdapter) OnRoomChange(f func(room string)) { a.onRoom.Store(&f) }

func (a *MemoryAdapter) roomChanged(room string) {
	if f := a.onRoom.Load(); f != nil {
		(*f)(room)
	}
}

// HasRoom reports, without a lock, whether room has a member on this server.
func (a *MemoryAdapter) HasRoom(room string) bool {
	return a.rooms.get(room) != nil || a.owner(room) != nil
}

// RoomNames are the rooms that have a member on this server, without the sockets' own, in no order.
func (a *MemoryAdapter) RoomNames() []string {
	var names []string
	a.rooms.rooms.Range(func(name, _ any) bool {
		names = append(names, name.(string))
		return true
	})
	return names
}

// owner is the socket whose own id is room, if it is in that room. Such rooms have no room object: every idle socket
// would pay for one.
func (a *MemoryAdapter) owner(room string) *Socket {
	if s := a.namespace.sockets.get(room); s != nil && s.inOwnRoom.Load() {
		return s
	}
	return nil
}

// Close does nothing.
func (a *MemoryAdapter) Close(context.Context) error { return nil }

// ServerCount is 1.
func (a *MemoryAdapter) ServerCount(context.Context) (int, error) { return 1, nil }

// AddAll makes s a member of rooms.
func (a *MemoryAdapter) AddAll(s *Socket, rooms ...string) {
	noted := a.namespace.watched()
	for _, name := range rooms {
		if a.add(s, name, noted) {
			a.roomChanged(name)
		}
	}
	if noted != nil {
		a.namespace.tellRoomEvents()
	}
}

func (a *MemoryAdapter) add(s *Socket, name string, noted *roomEvents) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left || s.state.Load() > stateConnected {
		return false
	}
	if s.all == nil {
		s.all = a.all.add(s, nil)
	}
	if name == s.id {
		changed = !s.inOwnRoom.Swap(true)
		if changed {
			noted.note(roomCreated, name, nil)
			noted.note(roomJoined, name, s)
		}
		return changed
	}
	if s.rooms.find(name) >= 0 {
		return false
	}
	m, created := a.rooms.join(name, s, noted)
	s.rooms.add(m)
	return created
}

// Del takes s out of room.
func (a *MemoryAdapter) Del(s *Socket, room string) {
	noted := a.namespace.watched()
	if a.del(s, room, noted) {
		a.roomChanged(room)
	}
	if noted != nil {
		a.namespace.tellRoomEvents()
	}
}

func (a *MemoryAdapter) del(s *Socket, name string, noted *roomEvents) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == s.id {
		return s.leaveOwnRoom(noted)
	}
	i := s.rooms.find(name)
	if i < 0 {
		return false
	}
	return a.rooms.leave(s.rooms.removeAt(i), noted)
}

// leaveOwnRoom takes s out of the room that its id names, and reports whether it was there. mu is held.
func (s *Socket) leaveOwnRoom(noted *roomEvents) (left bool) {
	if left = s.inOwnRoom.Swap(false); left {
		noted.note(roomLeft, s.id, s)
		noted.note(roomDeleted, s.id, nil)
	}
	return left
}

// DelAll takes s out of all its rooms, for good.
func (a *MemoryAdapter) DelAll(s *Socket) {
	var deleted []string
	noted := a.namespace.watched()
	s.mu.Lock()
	s.left = true
	if s.all != nil {
		a.all.remove(s.all, nil)
		s.all = nil
	}
	if s.leaveOwnRoom(noted) {
		deleted = append(deleted, s.id)
	}
	for _, m := range s.rooms.list {
		if a.rooms.leave(m, noted) {
			deleted = append(deleted, m.room.name)
		}
	}
	s.rooms = memberships{}
	s.mu.Unlock()
	if a.onRoom.Load() != nil {
		for _, name := range deleted {
			a.roomChanged(name)
		}
	}
	if noted != nil {
		a.namespace.tellRoomEvents()
	}
}

// SocketRooms are the rooms of a socket of this server, its own id first.
func (a *MemoryAdapter) SocketRooms(id string) []string {
	s := a.namespace.sockets.get(id)
	if s == nil {
		return nil
	}
	return s.roomNames()
}

// Sockets are the ids of this server's sockets in any of rooms.
func (a *MemoryAdapter) Sockets(_ context.Context, rooms ...string) ([]string, error) {
	var ids []string
	a.apply(BroadcastOptions{Rooms: rooms}, func(s *Socket) { ids = append(ids, s.id) })
	return ids, nil
}

// Broadcast sends p to this server's sockets that opts select.
func (a *MemoryAdapter) Broadcast(p *Packet, opts BroadcastOptions) error {
	m, err := p.Message(opts.Flags)
	if err != nil {
		return err
	}
	a.send(m, opts)
	if a.namespace.overheard.Load() > 0 {
		a.tellOutgoing(p, opts)
	}
	return nil
}

func (a *MemoryAdapter) send(m *engineio.Message, opts BroadcastOptions) {
	sent := 0
	a.apply(opts, func(s *Socket) {
		if s.session.Send(m) {
			sent++
		}
	})
	a.tellBroadcast(sent)
}

func (a *MemoryAdapter) tellBroadcast(recipients int) {
	if f := a.namespace.server.opts.OnBroadcast; f != nil {
		f(a.namespace, recipients)
	}
}

// BroadcastWithAck sends p to this server's sockets that opts select, and collects their acknowledgements.
func (a *MemoryAdapter) BroadcastWithAck(ctx context.Context, p *Packet, opts BroadcastOptions, count func(int),
	reply func(Args, error)) error {
	if !p.hasAckID {
		p.ackID, p.hasAckID = a.namespace.nextAckID(), true
	}
	m, err := p.Message(opts.Flags)
	if err != nil {
		return err
	}
	// Choose first, then send: acks.wait takes the socket's lock, which must not be taken under a room's.
	sockets := a.LocalSockets(opts)
	asked := sockets[:0]
	for _, s := range sockets {
		if s.acks.wait(s, p.ackID, reply) {
			asked = append(asked, s)
			s.session.Send(m)
		}
	}
	context.AfterFunc(ctx, func() {
		for _, s := range asked {
			s.acks.forget(s, p.ackID)
		}
	})
	if a.namespace.overheard.Load() > 0 {
		a.tellOutgoing(p, opts)
	}
	count(len(asked))
	a.tellBroadcast(len(asked))
	return nil
}

// LocalSockets are this server's sockets that opts select.
func (a *MemoryAdapter) LocalSockets(opts BroadcastOptions) []*Socket {
	var sockets []*Socket
	a.apply(opts, func(s *Socket) { sockets = append(sockets, s) })
	return sockets
}

// FetchSockets returns this server's sockets that opts select.
func (a *MemoryAdapter) FetchSockets(_ context.Context, opts BroadcastOptions) ([]*RemoteSocket, error) {
	local := a.LocalSockets(opts)
	sockets := make([]*RemoteSocket, len(local))
	for i, s := range local {
		sockets[i] = a.namespace.newRemoteSocket(s.id, s.Handshake(), s.Rooms(), s.Data())
	}
	return sockets, nil
}

// AddSockets makes this server's sockets that opts select join rooms.
func (a *MemoryAdapter) AddSockets(opts BroadcastOptions, rooms ...string) error {
	for _, s := range a.LocalSockets(opts) {
		s.Join(rooms...)
	}
	return nil
}

// DelSockets makes them leave rooms.
func (a *MemoryAdapter) DelSockets(opts BroadcastOptions, rooms ...string) error {
	for _, s := range a.LocalSockets(opts) {
		for _, room := range rooms {
			s.Leave(room)
		}
	}
	return nil
}

// DisconnectSockets disconnects them.
func (a *MemoryAdapter) DisconnectSockets(opts BroadcastOptions, closeConnection bool) error {
	for _, s := range a.LocalSockets(opts) {
		s.Disconnect(closeConnection)
	}
	return nil
}

// ServerSideEmit does nothing: there is no other server.
func (a *MemoryAdapter) ServerSideEmit(string, ...any) error { return nil }

// ServerSideEmitWithAck returns no answer: there is no other server.
func (a *MemoryAdapter) ServerSideEmitWithAck(context.Context, string, ...any) ([]Raw, error) {
	return nil, nil
}

// PersistSession does nothing.
func (a *MemoryAdapter) PersistSession(SavedSession) {}

// RestoreSession returns nil.
func (a *MemoryAdapter) RestoreSession(context.Context, string, string) (*RestoredSession, error) {
	return nil, nil
}
