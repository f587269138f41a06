package socketio

// Rooms: slices that a broadcast ranges over, with joining and leaving in constant time.

import (
	"sync"
	"sync/atomic"
)

// room is a set of sockets. It is made with its first member and dead once its last has left. Whoever finds a dead room
// looks its name up again.
type room struct {
	name string
	seq  uint64 // by which several rooms are locked, in the order in which they were made; 0: never dies

	mu      sync.RWMutex
	members []member
	dead    bool
}

// member is an element of a room. The socket stands here too, so that a broadcast need not go through m.
type member struct {
	socket *Socket
	m      *membership
}

// membership ties a socket to a room.
type membership struct {
	room *room
	at   int // in room.members; guarded by room.mu
}

// add makes s a member, which it must not be yet, and notes that. It returns nil where the room is dead.
func (r *room) add(s *Socket, noted *roomEvents) *membership {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead {
		return nil
	}
	m := &membership{room: r, at: len(r.members)}
	r.members = append(r.members, member{s, m})
	noted.note(roomJoined, r.name, s)
	return m
}

// remove ends m, notes that, and reports whether the room is dead now.
func (r *room) remove(m *membership, noted *roomEvents) (dead bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	noted.note(roomLeft, r.name, r.members[m.at].socket)
	last := len(r.members) - 1
	r.members[m.at] = r.members[last]
	r.members[m.at].m.at = m.at
	r.members[last] = member{}
	r.members = r.members[:last]
	if n := cap(r.members); n > 64 && last < n/4 {
		r.members = append(make([]member, 0, n/2), r.members...) // a room that was large once gives its memory back
	}
	if r.dead = last == 0 && r.seq != 0; r.dead {
		noted.note(roomDeleted, r.name, nil)
	}
	return r.dead
}

// roomTable finds rooms by name without a lock.
type roomTable struct {
	rooms sync.Map // name -> *room
	seq   atomic.Uint64
}

func (t *roomTable) get(name string) *room {
	r, ok := t.rooms.Load(name)
	if !ok {
		return nil
	}
	return r.(*room)
}

// join makes s a member of the room of that name. created says that there was no such room.
func (t *roomTable) join(name string, s *Socket, noted *roomEvents) (m *membership, created bool) {
	for {
		r := t.get(name)
		if r == nil {
			n := &room{name: name, seq: t.seq.Add(1)}
			n.members = append(make([]member, 0, 1), member{s, nil})
			m := &membership{room: n}
			n.members[0].m = m
			// It has its first member before anybody can find it, so that it is never found empty.
			if t.add(n, noted) {
				return m, true
			}
			continue
		}
		if m := r.add(s, noted); m != nil {
			return m, false
		}
		t.rooms.CompareAndDelete(name, r) // whoever emptied it is about to; do not wait
	}
}

// add makes a room with one member known, unless there is one of its name.
func (t *roomTable) add(r *room, noted *roomEvents) bool {
	if noted == nil {
		_, found := t.rooms.LoadOrStore(r.name, r)
		return !found
	}
	r.mu.Lock() // so that nobody joins it before it is noted that it has been made
	defer r.mu.Unlock()
	if _, found := t.rooms.LoadOrStore(r.name, r); found {
		return false
	}
	noted.note(roomCreated, r.name, nil)
	noted.note(roomJoined, r.name, r.members[0].socket)
	return true
}

// leave ends m. deleted says that the room is gone.
func (t *roomTable) leave(m *membership, noted *roomEvents) (deleted bool) {
	if !m.room.remove(m, noted) {
		return false
	}
	t.rooms.CompareAndDelete(m.room.name, m.room)
	return true
}

// memberships are the rooms of one socket, in the order of joining while they are few. Guarded by Socket.mu.
type memberships struct {
	list  []*membership
	index map[string]int // by name, once the list is too long to search
}

const indexedMemberships = 16

func (ms *memberships) find(name string) int {
	if ms.index != nil {
		if i, ok := ms.index[name]; ok {
			return i
		}
		return -1
	}
	for i, m := range ms.list {
		if m.room.name == name {
			return i
		}
	}
	return -1
}

func (ms *memberships) add(m *membership) {
	ms.list = append(ms.list, m)
	switch {
	case ms.index != nil:
		ms.index[m.room.name] = len(ms.list) - 1
	case len(ms.list) > indexedMemberships:
		ms.index = make(map[string]int, 2*indexedMemberships)
		for i, m := range ms.list {
			ms.index[m.room.name] = i
		}
	}
}

func (ms *memberships) removeAt(i int) *membership {
	m := ms.list[i]
	last := len(ms.list) - 1
	if ms.index == nil {
		copy(ms.list[i:], ms.list[i+1:])
	} else {
		delete(ms.index, m.room.name)
		if i != last {
			ms.list[i] = ms.list[last]
			ms.index[ms.list[i].room.name] = i
		}
	}
	ms.list[last] = nil
	ms.list = ms.list[:last]
	if last == 0 {
		*ms = memberships{}
	}
	return m
}
