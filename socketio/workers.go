package socketio

// The goroutines that run the program's handlers.
//
// Sockets with something to do wait in a queue. A handler may block, so a worker that takes a socket makes sure that
// one more worker is about to look at the queue, unless it is empty. While handlers return quickly, the first worker
// is back before that one gets its turn, and two goroutines, whose stacks have grown already, do all the work. Where
// handlers block, there are as many workers as it takes. Long events are in workers_long.go.

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// idleWorkers is how many may wait for work rather than end.
	idleWorkers = 256
	// idleWorkerLife is how long one waits.
	idleWorkerLife = time.Second
)

// workers are the goroutines and their queue. The zero value is ready for use.
type workers struct {
	mu        sync.Mutex
	queue     []*Socket // from next on
	next      int
	searching bool            // a worker is about to look at the queue
	idle      []chan struct{} // wakes a waiting worker, one each; the one that has waited least is the last
	count     int             // of all workers
	stopped   bool            // no worker waits for work any more
	none      chan struct{}   // closed when count is 0; made by wait
	long      longLane
}

// dispatch has a worker take care of s.
func (w *workers) dispatch(s *Socket) {
	w.mu.Lock()
	if len(w.queue) == cap(w.queue) && w.next > len(w.queue)/2 { // half of it is room
		n := copy(w.queue, w.queue[w.next:])
		clear(w.queue[n:])
		w.queue, w.next = w.queue[:n], 0
	}
	w.queue = append(w.queue, s)
	w.search()
	w.mu.Unlock()
}

// search has a worker look at the queue, if none is about to. It is called with mu held.
func (w *workers) search() {
	if w.searching {
		return
	}
	w.searching = true
	if n := len(w.idle); n > 0 {
		w.idle[n-1] <- struct{}{}
		w.idle = w.idle[:n-1]
		return
	}
	w.count++
	go w.run()
}

func (w *workers) run() {
	wake := make(chan struct{}, 1)
	var timer *time.Timer
	searches := true // it has been started, or woken, to look at the queue
	for {
		w.mu.Lock()
		if searches {
			w.searching, searches = false, false
		}
		if s := w.pop(); s != nil {
			w.mu.Unlock()
			s.work()
			continue
		}
		if w.stopped || len(w.idle) >= idleWorkers {
			w.leave()
			w.mu.Unlock()
			return
		}
		w.idle = append(w.idle, wake)
		w.mu.Unlock()
		if timer == nil {
			timer = time.NewTimer(idleWorkerLife)
			defer timer.Stop()
		} else {
			timer.Reset(idleWorkerLife)
		}
		select {
		case <-wake:
			searches = true
			continue
		case <-timer.C:
		}
		w.mu.Lock()
		if i := slices.Index(w.idle, wake); i >= 0 {
			w.idle = slices.Delete(w.idle, i, i+1)
			w.leave()
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		<-wake // it has been woken meanwhile
		searches = true
	}
}

// pop takes the first socket out of the queue, or returns nil. If there are more, another worker looks at the queue. It
// is called with mu held.
func (w *workers) pop() *Socket {
	if w.next == len(w.queue) {
		return nil
	}
	s := w.queue[w.next]
	w.queue[w.next] = nil
	if w.next++; w.next == len(w.queue) {
		w.queue, w.next = w.queue[:0], 0
	} else {
		w.search()
	}
	return s
}

// spawn runs f on a goroutine that counts as a worker.
func (w *workers) spawn(f func()) {
	w.mu.Lock()
	w.count++
	w.mu.Unlock()
	go func() {
		defer func() {
			w.mu.Lock()
			w.leave()
			w.mu.Unlock()
		}()
		f()
	}()
}

// leave counts a worker that ends. It is called with mu held.
func (w *workers) leave() {
	if w.count--; w.count == 0 && w.none != nil {
		close(w.none)
		w.none = nil
	}
}

// stop ends the workers that have nothing to do. From now on none waits for work.
func (w *workers) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	for _, wake := range w.idle {
		wake <- struct{}{}
	}
	w.idle = nil
}

// wait waits until there is no worker left.
func (w *workers) wait(ctx context.Context) error {
	w.mu.Lock()
	if w.count == 0 {
		w.mu.Unlock()
		return nil
	}
	if w.none == nil {
		w.none = make(chan struct{})
	}
	none := w.none
	w.mu.Unlock()
	select {
	case <-none:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
