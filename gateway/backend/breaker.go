package backend

// The circuit breaker: a backend that is away is not asked by everybody, each of whom would wait for it.

import (
	"sync"
	"time"
)

const (
	// failuresToOpen in a row open the circuit, where the backend could not be reached, or a proxy has said so.
	failuresToOpen = 5
	// timeoutsToOpen are more: a client may find an event that the backend takes too long over, and the others are not
	// to suffer for it. Any success begins the count anew.
	timeoutsToOpen = 20
	firstPause     = time.Second
	longestPause   = 30 * time.Second
)

// A verdict is what a request has shown of the backend.
type verdict uint8

const (
	reached verdict = iota // it has answered, whatever that was
	away                   // it could not be reached
	silent                 // it has not answered in time
	nothing                // the request was given up for a reason of this side
)

// The states of a breaker, as the metric has them.
const (
	circuitClosed = iota
	circuitProbing
	circuitOpen
)

// A breaker is closed while all is well. It opens when the backend is away; when its pause is over one request may try,
// the probe, and shows whether it closes or stays open for twice as long.
type breaker struct {
	now func() time.Time // time.Now, but in tests

	mu       sync.Mutex
	state    int
	failures int // in a row
	timeouts int // in a row
	pause    time.Duration
	until    time.Time     // of circuitOpen
	changed  chan struct{} // closed when the circuit closes; made by closed
}

// begin reports whether a request may be made. Each one that may is to be followed by end.
func (b *breaker) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.state == circuitClosed:
		return true
	case b.state == circuitOpen && !b.now().Before(b.until):
		b.state = circuitProbing
		return true
	}
	return false
}

// refuses reports whether begin would say no.
func (b *breaker) refuses() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == circuitProbing || b.state == circuitOpen && b.now().Before(b.until)
}

// end says what a request has shown, and reports whether that has opened or closed the circuit.
func (b *breaker) end(v verdict) (opened, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch v {
	case reached:
		b.failures, b.timeouts = 0, 0
		if b.state == circuitClosed {
			return false, false
		}
		// A request from before the circuit opened shows it too.
		b.state, b.pause = circuitClosed, 0
		if b.changed != nil {
			close(b.changed)
			b.changed = nil
		}
		return false, true
	case away:
		b.failures++
	case silent:
		b.timeouts++
	case nothing:
		if b.state == circuitProbing { // the next may try
			b.state = circuitOpen
		}
		return false, false
	}
	switch {
	case b.state == circuitProbing:
		b.pause = min(2*b.pause, longestPause)
	case b.state == circuitClosed && (b.failures >= failuresToOpen || b.timeouts >= timeoutsToOpen):
		b.pause, opened = firstPause, true
	default:
		return false, false
	}
	b.state, b.until = circuitOpen, b.now().Add(b.pause)
	return opened, false
}

// current is the state for the metric: an open circuit whose pause is over waits for somebody to try.
func (b *breaker) current() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// next is a channel that is closed when the circuit closes, and the time after which somebody may try, 0 where
// somebody may now.
func (b *breaker) next() (closed <-chan struct{}, in time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	if b.state == circuitProbing {
		return b.changed, firstPause
	}
	return b.changed, max(b.until.Sub(b.now()), 0)
}
