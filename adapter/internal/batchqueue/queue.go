// Package batchqueue has ordered work that nobody waits for: what a server says to others, and what it hears of them.
package batchqueue

import (
	"context"
	"errors"
	"sync"
)

// ErrTooLarge is returned for an item that is larger than a whole Queue.
var ErrTooLarge = errors.New("batchqueue: item is larger than the queue")

// A Queue hands items to a function, in the order in which they were added. It hands them over in batches, of what has
// gathered while the last batch was being worked on, from one goroutine that exists while there is something to do.
type Queue[T any] struct {
	work  func(batch []T)
	limit int // of what is queued or being worked on, in bytes

	mu      sync.Mutex
	queued  []T
	bytes   int // of all that is queued or being worked on
	taken   int // of the batch that is being worked on
	working int // items of that batch
	running bool
	idle    chan struct{} // not nil while somebody waits for the queue to be at rest; closed when it is
	freed   chan struct{} // not nil while somebody waits for room; closed at a batch's end
}

// keptItems is for how many items an idle queue keeps room.
const keptItems = 256

// New returns a Queue of at most limit bytes. work must not keep the batch.
func New[T any](limit int, work func(batch []T)) *Queue[T] {
	return &Queue[T]{work: work, limit: limit}
}

// Add queues an item of so many bytes and does not wait. It reports false where the queue is full.
func (q *Queue[T]) Add(item T, size int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.add(item, size)
}

// AddWait is Add that waits for room. The error is ErrTooLarge or ctx's.
func (q *Queue[T]) AddWait(ctx context.Context, item T, size int) error {
	if size > q.limit {
		return ErrTooLarge
	}
	for {
		added, freed := q.addOrWatch(item, size)
		if added {
			return nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// addOrWatch queues an item, or returns a channel that is closed when there may be room for it.
func (q *Queue[T]) addOrWatch(item T, size int) (added bool, freed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.add(item, size) {
		return true, nil
	}
	if q.freed == nil {
		q.freed = make(chan struct{})
	}
	return false, q.freed
}

// add is called with mu held.
func (q *Queue[T]) add(item T, size int) bool {
	if q.bytes+size > q.limit {
		return false
	}
	q.queued = append(q.queued, item)
	q.bytes += size
	if !q.running {
		q.running = true
		go q.run()
	}
	return true
}

func (q *Queue[T]) run() {
	var batch []T
	for {
		if batch = q.next(batch); batch == nil {
			return
		}
		q.work(batch)
		clear(batch)
	}
}

// next ends the batch that was being worked on and returns the next one; nil where there is none.
func (q *Queue[T]) next(done []T) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= q.taken
	q.taken, q.working = 0, 0
	if q.freed != nil {
		close(q.freed)
		q.freed = nil
	}
	if len(q.queued) == 0 {
		q.running = false
		if cap(q.queued) > keptItems {
			q.queued = nil // a burst's memory
		}
		if q.idle != nil {
			close(q.idle)
			q.idle = nil
		}
		return nil
	}
	batch := q.queued
	q.queued = done[:0]
	q.taken, q.working = q.bytes, len(batch)
	return batch
}

// Drained returns a channel that is closed once the queue is empty and at rest.
func (q *Queue[T]) Drained() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.running {
		done := make(chan struct{})
		close(done)
		return done
	}
	if q.idle == nil {
		q.idle = make(chan struct{})
	}
	return q.idle
}

// Depth is what is queued or being worked on.
func (q *Queue[T]) Depth() (items, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queued) + q.working, q.bytes
}

// AtRest reports whether nothing is queued or being worked on.
func (q *Queue[T]) AtRest() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.running
}
