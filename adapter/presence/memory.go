package presence

// The Store in memory: for one server, for several of one process in a test, and the model that the others are compared
// with.

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// memoryStore implements Store.
type memoryStore struct {
	clock func() time.Time

	mu      sync.Mutex
	last    ID
	settled time.Time // when it will be; zero: it is
	beat    time.Time
	nodes   map[string]*generation
	rooms   map[string]map[string]*holding // by room, by user
	log     []Entry                        // the newest, without gaps
	grown   chan struct{}                  // closed, and replaced, when log grows
}

type generation struct {
	ends    time.Time
	dead    bool
	written uint64
	items   map[Item]bool
}

type holding struct {
	count int
	since ID
}

// NewMemory returns a Store in memory. It keeps nothing beyond the process.
func NewMemory() Store { return newMemory(time.Now) }

func newMemory(clock func() time.Time) *memoryStore {
	s := &memoryStore{clock: clock}
	s.forget()
	// It has lost nothing, so it need not wait for anybody to put anything back.
	s.last = ID{Epoch: uint64(clock().UnixMilli())}
	return s
}

// forget loses everything.
func (s *memoryStore) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.settled, s.beat, s.log = ID{}, time.Time{}, time.Time{}, nil
	s.nodes, s.rooms = make(map[string]*generation), map[string]map[string]*holding{"": {}}
	s.wake()
}

// wake wakes who waits in Read. mu is held, here and in what follows.
func (s *memoryStore) wake() {
	if s.grown != nil {
		close(s.grown)
	}
	s.grown = make(chan struct{})
}

func (s *memoryStore) say(e Entry) ID {
	s.last.Number++
	e.ID = s.last
	if len(s.log) >= defaultHistory {
		s.log = slices.Clone(s.log[defaultHistory/2:])
	}
	s.log = append(s.log, e)
	s.wake()
	return e.ID
}

func (s *memoryStore) add(who string, item Item, since ID) {
	room := s.rooms[item.Room]
	if room == nil {
		room = make(map[string]*holding)
		s.rooms[item.Room] = room
	}
	h := room[item.User]
	switch {
	case h == nil:
		if since == (ID{}) {
			since = s.say(Entry{Kind: entryOnline, Item: item, Generation: who})
		}
		h = &holding{since: since}
		room[item.User] = h
	case h.since.Less(since):
		h.since = since
	}
	h.count++
}

func (s *memoryStore) remove(who string, item Item) {
	room := s.rooms[item.Room]
	h := room[item.User]
	if h.count--; h.count > 0 {
		return
	}
	delete(room, item.User)
	if len(room) == 0 && item.Room != "" {
		delete(s.rooms, item.Room)
	}
	if s.settled.IsZero() {
		s.say(Entry{Kind: entryOffline, Item: item, Since: h.since, Generation: who})
	}
}

// Beat implements Store.
func (s *memoryStore) Beat(_ context.Context, b Beat) (Standing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	gap := now.Before(s.beat) || now.Sub(s.beat) > b.Lease/2
	if gap {
		for _, g := range s.nodes {
			g.ends = now.Add(b.Lease)
		}
	}
	lost := s.last.Epoch == 0 || s.last.Less(b.Seen) || b.Doubt && b.Seen.Epoch == s.last.Epoch
	if lost {
		s.last = ID{Epoch: max(uint64(now.UnixMilli()), s.last.Epoch+1, b.Seen.Epoch+1)}
		s.log = nil
		s.say(Entry{Kind: entryEpoch, Generation: b.Generation})
		for _, g := range s.nodes {
			g.dead = true
		}
	}
	if lost || gap && !s.settled.IsZero() {
		s.settled = now.Add(b.Lease)
	}
	own := s.nodes[b.Generation]
	if own == nil && b.Begin {
		own = &generation{items: make(map[Item]bool)}
		s.nodes[b.Generation] = own
	}
	known := own != nil && !own.dead
	if known {
		own.ends = now.Add(b.Lease)
	}
	s.beat = now
	standing := Standing{Known: known, Cleared: s.clear(now, b.Generation)}
	if !s.settled.IsZero() && !now.Before(s.settled) {
		s.settled = time.Time{}
		s.say(Entry{Kind: entrySettled, Generation: b.Generation})
	}
	if !s.settled.IsZero() {
		standing.Settling = s.settled.Sub(now)
	}
	standing.Last, standing.Users, standing.Nodes = s.last, len(s.rooms[""]), len(s.nodes)
	return standing, nil
}

// clear lets go of all that generations hold whose leases are over.
func (s *memoryStore) clear(now time.Time, who string) (cleared int) {
	// In one order, so that all who do the same have the same log.
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		g := s.nodes[name]
		if !g.dead && (!s.settled.IsZero() || !g.ends.Before(now)) {
			continue
		}
		for _, item := range slices.SortedFunc(maps.Keys(g.items), Item.compare) {
			s.remove(who, item)
		}
		delete(s.nodes, name)
		cleared++
	}
	return cleared
}

// Write implements Store.
func (s *memoryStore) Write(_ context.Context, b Batch) (Written, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.nodes[b.Generation]
	switch {
	case g == nil || g.dead || b.Epoch != s.last.Epoch:
		return Written{Outcome: outcomeGone, Last: s.last}, nil
	case g.written != b.Number && g.written != b.Number-1:
		return Written{Outcome: outcomeLost, Last: s.last}, nil
	}
	if g.written == b.Number-1 {
		settling := !s.settled.IsZero()
		if settling && slices.ContainsFunc(b.Ops, func(op Op) bool { return op.Kind != opPutBack }) {
			return Written{Outcome: outcomeSettling, Last: s.last}, nil
		}
		for _, op := range b.Ops {
			held := g.items[op.Item]
			switch {
			case op.Kind == opRemove && held:
				delete(g.items, op.Item)
				s.remove(b.Generation, op.Item)
			case op.Kind != opRemove && !held:
				g.items[op.Item] = true
				since := op.Since
				if !settling {
					since = ID{}
				}
				s.add(b.Generation, op.Item, since)
			}
		}
		g.written = b.Number
	}
	w := Written{Outcome: outcomeDone, Last: s.last}
	for _, op := range b.Ops {
		var since ID
		if h := s.rooms[op.Item.Room][op.Item.User]; h != nil && op.Kind != opRemove {
			since = h.since
		}
		w.Since = append(w.Since, since)
	}
	return w, nil
}

// Leave implements Store.
func (s *memoryStore) Leave(_ context.Context, generation string, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.nodes[generation]; g != nil {
		if till := s.clock().Add(d); till.Before(g.ends) {
			g.ends = till
		}
	}
	return nil
}

// Read implements Store.
func (s *memoryStore) Read(ctx context.Context, after ID) ([]Entry, error) {
	for {
		s.mu.Lock()
		i, _ := slices.BinarySearchFunc(s.log, after, func(e Entry, id ID) int {
			if id.Less(e.ID) {
				return 1
			}
			return -1
		})
		entries, grown := slices.Clone(s.log[i:]), s.grown
		s.mu.Unlock()
		if len(entries) > 0 {
			return entries, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// answer is errSettling where something may be missing. mu is held.
func (s *memoryStore) answer() error {
	if s.last.Epoch == 0 || !s.settled.IsZero() {
		return errSettling
	}
	return nil
}

// Scan implements Store.
func (s *memoryStore) Scan(_ context.Context, f func(Item, ID)) (begin, end ID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.answer(); err != nil {
		return ID{}, ID{}, err
	}
	for room, users := range s.rooms {
		for user, h := range users {
			f(Item{room, user}, h.since)
		}
	}
	return s.last, s.last, nil
}

// Holds implements Store.
func (s *memoryStore) Holds(_ context.Context, room string, users []string) ([]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	holds := make([]bool, len(users))
	for i, user := range users {
		holds[i] = s.rooms[room][user] != nil
	}
	return holds, s.answer()
}

// Count implements Store.
func (s *memoryStore) Count(_ context.Context, room string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rooms[room]), s.answer()
}

// Page implements Store. The pages are of the sorted names; a cursor is how many stood before.
func (s *memoryStore) Page(_ context.Context, room, cursor string, limit int) ([]string, string, error) {
	from, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.Sorted(maps.Keys(s.rooms[room]))
	names = names[min(from, uint64(len(names))):]
	if len(names) <= limit {
		return names, "", s.answer()
	}
	return names[:limit], strconv.FormatUint(from+uint64(limit), 10), s.answer()
}
