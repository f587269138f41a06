package socketio

// Whom a broadcast reaches: the sockets that are in some rooms and not in others, each once.

import "slices"

// apply calls f once for each connected socket of this server that opts select. f runs with rooms locked: it must not
// block, call into the program, or take a lock that joining needs.
func (a *MemoryAdapter) apply(opts BroadcastOptions, f func(*Socket)) {
	if len(opts.Rooms) == 1 && len(opts.Except) == 0 {
		a.applyToRoom(opts.Rooms[0], f)
		return
	}
	sel, _ := a.scratch.Get().(*selection)
	if sel == nil {
		sel = new(selection)
	}
	for !sel.lock(a, opts) {
	}
	sel.apply(opts, f)
	sel.unlock()
	sel.reset()
	a.scratch.Put(sel)
}

// applyToRoom is apply for the commonest selection: one room.
func (a *MemoryAdapter) applyToRoom(name string, f func(*Socket)) {
	own := a.owner(name)
	if own != nil && own.Connected() {
		f(own)
	}
	r := a.rooms.get(name)
	if r == nil {
		return
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, m := range r.members {
		if m.socket.Connected() {
			f(m.socket)
		}
	}
}

// selection is the state of one apply; it is pooled.
type selection struct {
	locked []*room   // read-locked, lowest seq first
	owners []*Socket // of those of the rooms that are sockets' own
	except socketSet
	seen   socketSet
}

// lock locks every room that opts name, so that no socket can move between them, and gathers the owners. Where a room
// came or went meanwhile it reports false, with nothing locked.
func (sel *selection) lock(a *MemoryAdapter, opts BroadcastOptions) bool {
	for _, names := range [2][]string{opts.Rooms, opts.Except} {
		for _, name := range names {
			if r := a.rooms.get(name); r != nil && !slices.Contains(sel.locked, r) {
				sel.locked = append(sel.locked, r)
			}
		}
	}
	if len(opts.Rooms) == 0 {
		sel.locked = append(sel.locked, &a.all)
	}
	slices.SortFunc(sel.locked, compareSeq)
	dead := false
	for _, r := range sel.locked {
		r.mu.RLock()
		dead = dead || r.dead
	}
	if dead {
		sel.unlock()
		return false
	}
	for _, names := range [2][]string{opts.Rooms, opts.Except} {
		for _, name := range names {
			if r := a.rooms.get(name); r != nil && !slices.Contains(sel.locked, r) {
				sel.unlock()
				return false
			}
		}
	}
	for _, name := range opts.Rooms {
		if s := a.owner(name); s != nil {
			sel.owners = append(sel.owners, s)
		}
	}
	for _, name := range opts.Except {
		if s := a.owner(name); s != nil {
			sel.except.add(s)
		}
		if r := sel.find(name); r != nil {
			for _, m := range r.members {
				sel.except.add(m.socket)
			}
		}
	}
	return true
}

func compareSeq(a, b *room) int {
	switch {
	case a.seq < b.seq:
		return -1
	case a.seq > b.seq:
		return 1
	}
	return 0
}

func (sel *selection) find(name string) *room {
	for _, r := range sel.locked {
		if r.name == name && r.seq != 0 {
			return r
		}
	}
	return nil
}

func (sel *selection) unlock() {
	for _, r := range sel.locked {
		r.mu.RUnlock()
	}
	clear(sel.locked)
	sel.locked = sel.locked[:0]
}

// apply goes through the selected rooms. It remembers the sockets of all but the largest, which comes last.
func (sel *selection) apply(opts BroadcastOptions, f func(*Socket)) {
	if len(opts.Rooms) == 0 {
		sel.walk(sel.locked[0], f, false) // seq 0: MemoryAdapter.all
		return
	}
	for _, s := range sel.owners {
		sel.visit(s, f, true)
	}
	var largest *room
	for _, name := range opts.Rooms {
		if r := sel.find(name); r != nil && (largest == nil || len(r.members) > len(largest.members)) {
			largest = r
		}
	}
	if largest == nil {
		return
	}
	for _, name := range opts.Rooms {
		if r := sel.find(name); r != nil && r != largest {
			sel.walk(r, f, true)
		}
	}
	sel.walk(largest, f, false)
}

func (sel *selection) walk(r *room, f func(*Socket), remember bool) {
	for _, m := range r.members {
		sel.visit(m.socket, f, remember)
	}
}

func (sel *selection) visit(s *Socket, f func(*Socket), remember bool) {
	if !s.Connected() || sel.except.has(s) {
		return
	}
	if remember {
		if sel.seen.add(s) {
			f(s)
		}
	} else if !sel.seen.has(s) {
		f(s)
	}
}

func (sel *selection) reset() {
	clear(sel.owners)
	sel.owners = sel.owners[:0]
	sel.except.reset()
	sel.seen.reset()
}

// socketSet is a set of sockets. While it is small, as it mostly is, it is a list.
type socketSet struct {
	list []*Socket
	m    map[*Socket]struct{}
}

const (
	listedSockets = 8    // beyond, a map is faster
	pooledSockets = 4096 // beyond, the map is left to the garbage collector
)

func (set *socketSet) add(s *Socket) bool {
	if set.has(s) {
		return false
	}
	if len(set.m) == 0 && len(set.list) < listedSockets {
		set.list = append(set.list, s)
		return true
	}
	if set.m == nil {
		set.m = make(map[*Socket]struct{}, 4*listedSockets)
	}
	if len(set.m) == 0 {
		for _, l := range set.list {
			set.m[l] = struct{}{}
		}
	}
	set.m[s] = struct{}{}
	return true
}

func (set *socketSet) has(s *Socket) bool {
	if len(set.m) > 0 {
		_, ok := set.m[s]
		return ok
	}
	return slices.Contains(set.list, s)
}

func (set *socketSet) reset() {
	clear(set.list)
	set.list = set.list[:0]
	if len(set.m) > pooledSockets {
		set.m = nil
	}
	clear(set.m)
}
