package presence

// What this server itself holds: how many of its sockets stand behind each item, and what of that the store has to be
// told. It is no queue of changes but a list of the items that have changed, in order: who comes and goes while the
// store is away costs no more than one entry, so the list is bounded by what there is.

import (
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A record is one item of this server.
type record struct {
	sockets   int       // that stand behind it
	lingers   time.Time // until when it counts although there are none; zero: it does not
	held      bool      // the store has it, as far as is known
	listed    bool      // it is in changed
	flying    bool      // the store is being told of it
	since     ID        // with which it came, where the store has it
	changedAt time.Time // when it was listed
}

// wanted reports whether the store should have the item.
func (r *record) wanted() bool { return r.sockets > 0 || !r.lingers.IsZero() }

// A lingering item counts until a time.
type lingering struct {
	item  Item
	until time.Time
}

// local is what a server holds.
type local struct {
	grace time.Duration
	most  int
	wake  chan struct{} // gets a value when there is something to write

	mu      sync.Mutex // a leaf, but for the lock of a socket whose rooms are looked at
	closed  bool
	sockets map[*socketio.Socket]*tracked
	records map[Item]*record
	users   int         // records without a room
	changed []Item      // in order
	putBack []Item      // what the store has lost
	linger  []lingering // in order of their times; some have been taken up again
	timer   *time.Timer // for the first of them; nil where there is none
}

func (l *local) init(grace time.Duration, most int) {
	l.grace, l.most, l.wake = grace, most, make(chan struct{}, 1)
	l.sockets, l.records = make(map[*socketio.Socket]*tracked), make(map[Item]*record)
}

// close ends the timer, and reports whether it was open.
func (l *local) close() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
	open := !l.closed
	l.closed = true
	return open
}

// What follows up to awake is called with mu held.

// hold notes one more socket behind an item. It reports false where there are too many items.
func (l *local) hold(item Item) bool {
	r := l.records[item]
	if r == nil {
		if len(l.records) >= l.most {
			return false
		}
		r = new(record)
		l.records[item] = r
		if item.Room == "" {
			l.users++
		}
	}
	r.sockets++
	r.lingers = time.Time{}
	l.settle(item, r)
	return true
}

// release notes one socket fewer.
func (l *local) release(item Item, grace bool) {
	r := l.records[item]
	if r.sockets--; r.sockets > 0 {
		return
	}
	if grace && l.grace > 0 && !l.closed {
		r.lingers = time.Now().Add(l.grace)
		l.linger = append(l.linger, lingering{item, r.lingers})
		if l.timer == nil {
			l.timer = time.AfterFunc(l.grace, l.lingerOut)
		}
		return
	}
	l.settle(item, r)
}

// settle has the store told of an item where it has to be, and forgets one that nobody wants and the store has not.
func (l *local) settle(item Item, r *record) {
	switch {
	case r.listed || r.flying:
	case r.wanted() != r.held:
		r.listed, r.changedAt = true, time.Now()
		l.changed = append(l.changed, item)
		l.awake()
	case !r.held:
		delete(l.records, item)
		if item.Room == "" {
			l.users--
		}
	}
}

func (l *local) awake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// lingerOut ends the time of items that nobody has come back to.
func (l *local) lingerOut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return // the next server has them
	}
	now, n := time.Now(), 0
	for n < len(l.linger) && !l.linger[n].until.After(now) {
		over := l.linger[n]
		n++
		if r := l.records[over.item]; r != nil && r.lingers.Equal(over.until) {
			r.lingers = time.Time{}
			l.settle(over.item, r)
		}
	}
	if l.linger = l.linger[n:]; len(l.linger) == 0 {
		l.linger, l.timer = nil, nil
		return
	}
	l.timer = time.AfterFunc(l.linger[0].until.Sub(now), l.lingerOut)
}

// isOnline reports whether an item counts here.
func (l *local) isOnline(item Item) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.records[item]
	return r != nil && r.wanted()
}

// take returns what is to be written next, at most so many operations, and since when the first of them waits. What is
// to be put back goes first and alone; where the store is settling there is nothing else.
func (l *local) take(most int, settling bool) (ops []Op, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.putBack) > 0 && len(ops) < most {
		item := l.putBack[0]
		l.putBack = l.putBack[1:]
		if r := l.records[item]; r != nil && r.held {
			r.flying = true
			ops = append(ops, Op{Kind: opPutBack, Item: item, Since: r.since})
		}
	}
	if len(ops) > 0 {
		return ops, time.Time{}
	}
	l.putBack = nil
	if settling {
		return nil, time.Time{}
	}
	for len(l.changed) > 0 && len(ops) < most {
		item := l.changed[0]
		l.changed = l.changed[1:]
		r := l.records[item]
		r.listed = false
		if r.wanted() == r.held {
			l.settle(item, r)
			continue
		}
		r.flying = true
		kind := byte(opAdd)
		if r.held {
			kind = opRemove
		}
		if len(ops) == 0 {
			since = r.changedAt
		}
		ops = append(ops, Op{Kind: kind, Item: item})
	}
	if len(l.changed) == 0 {
		l.changed = nil // and the memory of a burst
	}
	return ops, since
}

// wrote notes what the store has answered to operations.
func (l *local) wrote(ops []Op, since []ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, op := range ops {
		r := l.records[op.Item]
		r.flying, r.held, r.since = false, op.Kind != opRemove, since[i]
		l.settle(op.Item, r)
	}
}

// begin has everything written anew, as the generation is a new one, also what is being written. lost says that the
// store has lost what it had, which is put back; else it has let go of it.
func (l *local) begin(lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.putBack = nil
	for item, r := range l.records {
		r.flying = false
		if r.held && lost {
			l.putBack = append(l.putBack, item)
		}
		r.held = r.held && lost
		l.settle(item, r)
	}
}

// waiting is how many operations are to be written.
func (l *local) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.changed) + len(l.putBack)
}
