// Package timeouts has many things wait for their timeouts with few timers. Where timeouts have few different lengths,
// those of one length are due in the order in which they began: they stand in a line, and only the first needs a timer.
// One of package time has 130 bytes in two objects for each thing, which the garbage collector has to look at.
package timeouts

import (
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

// atOnce is how many may be due at the same time until others have their turn.
const atOnce = 64

// Nap is how late timeouts have to be for the process itself to have slept: it was stopped, or had no processor. What
// it waited for may have come, and not have been read.
const Nap = 500 * time.Millisecond

// A Timeout is that of one thing. It must not be copied once it has been started.
type Timeout[T any] struct {
	Of T // what Set's function gets

	// Guarded by Set.mu.
	line       *line[T] // nil while it is not running
	prev, next *Timeout[T]
	at         time.Duration // when it is due
}

// A Set is of timeouts that call the same function.
type Set[T any] struct {
	due   func(of T, late time.Duration)
	epoch time.Time

	mu    sync.Mutex
	lines []*line[T]
}

// A line has the timeouts of one length that are running, the next one to be due first.
type line[T any] struct {
	set         *Set[T]
	length      time.Duration
	first, last *Timeout[T]
	timer       *time.Timer
	ticking     bool // the timer is running, or what it calls is
}

// New returns a set that calls due for each timeout, with how late that is. It has stopped by then; whoever starts and
// stops it with a lock of his own held may find, in due, that it has been started again meanwhile: see Running. due
// should not take long, as others wait for it.
func New[T any](due func(of T, late time.Duration)) *Set[T] {
	return &Set[T]{due: due, epoch: time.Now()}
}

func (s *Set[T]) now() time.Duration { return time.Since(s.epoch) }

// Start starts t, or starts it anew. It takes memory for every length that there has been.
func (s *Set[T]) Start(t *Timeout[T], length time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(t)
	l := s.line(length)
	t.line, t.at, t.prev = l, s.now()+length, l.last
	if l.last == nil {
		l.first = t
	} else {
		l.last.next = t
	}
	l.last = t
	if !l.ticking {
		l.tick(length)
	}
}

// Stop stops t, if it is running.
func (s *Set[T]) Stop(t *Timeout[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := t.line
	s.remove(t)
	if l != nil && l.first == nil { // nothing is to be left behind
		l.timer.Stop()
		l.ticking = false
	}
}

// Running reports whether t has been started, is not stopped, and not due yet.
func (s *Set[T]) Running(t *Timeout[T]) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.line != nil
}

// Left is the time until t is due, 0 where it is not running.
func (s *Set[T]) Left(t *Timeout[T]) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.line == nil {
		return 0
	}
	return max(t.at-s.now(), 0)
}

// line returns the line of a length. mu is held.
func (s *Set[T]) line(length time.Duration) *line[T] {
	for _, l := range s.lines {
		if l.length == length {
			return l
		}
	}
	l := &line[T]{set: s, length: length}
	s.lines = append(s.lines, l)
	return l
}

// remove takes t out of its line. mu is held.
func (s *Set[T]) remove(t *Timeout[T]) {
	l := t.line
	if l == nil {
		return
	}
	if t.prev == nil {
		l.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		l.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.line, t.prev, t.next = nil, nil, nil
}

// tick has the timer fire in a while. mu is held.
func (l *line[T]) tick(in time.Duration) {
	l.ticking = true
	if l.timer == nil {
		l.timer = time.AfterFunc(in, l.run)
	} else {
		l.timer.Reset(in)
	}
}

// run is what the timer does.
func (l *line[T]) run() {
	for n := 1; ; n++ {
		of, late, ok := l.take()
		if !ok {
			return
		}
		l.set.due(of, late)
		if n%atOnce == 0 {
			turns.Yield()
		}
	}
}

// take takes the first out of the line if it is due; else it has the timer wait for it.
func (l *line[T]) take() (of T, late time.Duration, ok bool) {
	s := l.set
	s.mu.Lock()
	defer s.mu.Unlock()
	t := l.first
	if t == nil {
		l.ticking = false
		return of, 0, false
	}
	late = s.now() - t.at
	if late < 0 {
		l.tick(-late)
		return of, 0, false
	}
	s.remove(t)
	return t.Of, late, true
}
