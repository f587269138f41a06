package presence

import (
	"strconv"
	"time"
)

// Tests have users without sockets, and stores whose clock they set.

// Hold counts one more socket of a user, or of a user in a room.
func (p *Presence) Hold(item Item) bool {
	p.local.mu.Lock()
	defer p.local.mu.Unlock()
	return p.local.hold(item)
}

// Release counts one less.
func (p *Presence) Release(item Item, grace bool) {
	p.local.mu.Lock()
	defer p.local.mu.Unlock()
	p.local.release(item, grace)
}

// NewMemoryAt is NewMemory with a clock. It begins like an empty Redis.
func NewMemoryAt(clock func() time.Time) Store {
	s := newMemory(clock)
	s.forget()
	return s
}

// SetClock sets the clock of a Store in Redis.
func SetClock(s Store, clock func() time.Time) {
	s.(*redisStore).clock = func() string { return strconv.FormatInt(clock().UnixMilli(), 10) }
}

// Forget has a Store in memory lose everything.
func Forget(s Store) { s.(*memoryStore).forget() }

// What tests write.
const (
	OpAdd     = opAdd
	OpRemove  = opRemove
	OpPutBack = opPutBack
)

// ErrSettling says that a store does not have everything.
var ErrSettling = errSettling

// StateOf is what a copy knows, less how far it has read.
func StateOf(r *Replicated) any {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.snapshot()
	s.Applied, s.Log = 0, nil
	nodes := make(map[string]any)
	for name, n := range s.Nodes {
		items := make(map[Item]bool)
		for _, item := range n.Items {
			items[item] = true
		}
		nodes[name] = []any{n.Ends.UnixMilli(), n.Dead, n.Written, items}
	}
	return []any{s.Last, s.Settled.UnixMilli(), s.Beat.UnixMilli(), nodes, s.Since}
}

// StopFollowing has a copy believe that nothing comes any more.
func StopFollowing(r *Replicated) { r.setFollowing(false) }
