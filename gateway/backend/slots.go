package backend

// How many requests there are at once, and how many wait.

import (
	"sync/atomic"
	"time"
)

// Slots are places for requests. Who finds none waits, for a bounded time and with a bounded number of others.
type slots struct {
	taken    chan struct{} // one for each request under way
	most     int64         // that may wait
	patience time.Duration
	stopped  <-chan struct{}
	waiting  atomic.Int64
}

// take waits for a place. The failure says that too many wait, or that it has taken too long.
func (s *slots) take() *failure {
	select {
	case s.taken <- struct{}{}:
		return nil
	default:
	}
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > s.most {
		return failed(codeOverloaded)
	}
	return s.wait()
}

// wait is take for one that is waited for in any case.
func (s *slots) wait() *failure {
	timer := time.NewTimer(s.patience)
	defer timer.Stop()
	select {
	case s.taken <- struct{}{}:
		return nil
	case <-timer.C:
	case <-s.stopped:
	}
	return failed(codeOverloaded)
}

func (s *slots) give() { <-s.taken }
