package adapter

// Lanes: ordered work that nobody waits for.

import "sync"

// A lane hands items to a function in the order in which they came, in batches of what has gathered while the last batch
// was under way, from one goroutine that exists while there is something to do. Adding never waits: a lane that is full
// turns an item away.
type lane[T any] struct {
	work  func([]T)
	limit int // of what is queued or being worked on, in bytes

	mu      sync.Mutex
	queued  []T
	bytes   int // of all that is queued or being worked on
	taken   int // of the batch that is being worked on
	working int // items of that batch
	running bool
	idle    chan struct{} // not nil while somebody waits for the lane to be empty; closed when it is
}

// keptItems is for how many items an idle lane keeps room.
const keptItems = 256

// add queues an item of so many bytes; it reports false where the lane is full.
func (l *lane[T]) add(item T, size int) bool {
	l.mu.Lock()
	if l.bytes+size > l.limit {
		l.mu.Unlock()
		return false
	}
	l.queued = append(l.queued, item)
	l.bytes += size
	start := !l.running
	l.running = true
	l.mu.Unlock()
	if start {
		go l.run()
	}
	return true
}

func (l *lane[T]) run() {
	var batch []T
	for {
		l.mu.Lock()
		l.bytes -= l.taken
		l.taken, l.working = 0, 0
		if len(l.queued) == 0 {
			l.running = false
			if cap(l.queued) > keptItems {
				l.queued = nil // a burst's memory
			}
			if l.idle != nil {
				close(l.idle)
				l.idle = nil
			}
			l.mu.Unlock()
			return
		}
		batch, l.queued = l.queued, batch[:0]
		l.taken, l.working = l.bytes, len(batch)
		l.mu.Unlock()
		l.work(batch)
		clear(batch)
	}
}

// drained returns a channel that is closed once the lane is empty and at rest.
func (l *lane[T]) drained() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.running {
		done := make(chan struct{})
		close(done)
		return done
	}
	if l.idle == nil {
		l.idle = make(chan struct{})
	}
	return l.idle
}

// depth is what is queued or being worked on.
func (l *lane[T]) depth() (items, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queued) + l.working, l.bytes
}

// atRest reports whether nothing is queued or under way.
func (l *lane[T]) atRest() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.running
}
