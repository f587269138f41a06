package socketio

// Acknowledgements that clients owe.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ackWaiters are the waits for one socket's answers, by acknowledgement id. Guarded by Socket.mu.
type ackWaiters struct {
	m map[uint64]func(Args, error)
}

// wait registers reply for the answer with that id. It reports false, and never calls reply, where the socket is gone.
func (w *ackWaiters) wait(s *Socket, id uint64, reply func(Args, error)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() > stateConnected {
		return false
	}
	if w.m == nil {
		w.m = make(map[uint64]func(Args, error), 1)
	}
	w.m[id] = reply
	return true
}

// take removes and returns the function that waits for that id, or nil.
func (w *ackWaiters) take(s *Socket, id uint64) func(Args, error) {
	s.mu.Lock()
	reply := w.m[id]
	delete(w.m, id)
	none := len(w.m) == 0
	if none {
		w.m = nil
	}
	s.mu.Unlock()
	if none {
		s.conn.calm()
	}
	return reply
}

func (w *ackWaiters) forget(s *Socket, id uint64) { w.take(s, id) }

// takeAll removes and returns all of them. It is called with Socket.mu held.
func (w *ackWaiters) takeAll() map[uint64]func(Args, error) {
	m := w.m
	w.m = nil
	return m
}

// withAckTimeout bounds ctx by an operator's time-out, if it has one. ErrAckTimeout is then the cause of ctx's end.
func withAckTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, timeout, ErrAckTimeout)
}

// ackError is the error of a wait that ended because ctx was done.
func ackError(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), ErrAckTimeout) {
		return ErrAckTimeout
	}
	return fmt.Errorf("socketio: waiting for an acknowledgement: %w", ctx.Err())
}

// ackCollector gathers the answers to one broadcast.
type ackCollector struct {
	servers int // that are to say how many sockets they have asked; -1 while their number is unknown

	mu       sync.Mutex
	counted  int
	expected int
	missing  int
	replies  []Args
	partial  error // matches ErrIncomplete: not every server has asked its sockets
	closed   bool
	done     chan struct{}
}

// count takes the number of sockets that one server has asked. A negative one, which only a faulty server sends, is no
// answer.
func (c *ackCollector) count(n int) {
	if n < 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counted++
	c.expected += n
	c.check()
}

func (c *ackCollector) reply(a Args, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return
	case errors.Is(err, ErrIncomplete):
		c.partial = err
		return
	case err != nil:
		c.missing++
	default:
		c.replies = append(c.replies, a)
	}
	c.check()
}

func (c *ackCollector) setServers(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.servers = n
	c.check()
}

// check closes done when every server has counted and every socket has answered or is gone.
func (c *ackCollector) check() {
	if !c.closed && c.servers >= 0 && c.counted >= c.servers && len(c.replies)+c.missing >= c.expected {
		c.closed = true
		close(c.done)
	}
}

// result returns what has come, and what is wrong with it: why the wait has ended, if not because all have answered,
// and who is missing. Later replies are dropped.
func (c *ackCollector) result(ended error) ([]Args, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	partial := c.partial
	if silent := c.servers - c.counted; partial == nil && silent > 0 {
		partial = &IncompleteError{Answered: max(c.counted-1, 0), Missing: silent}
	}
	if ended == nil && c.missing > 0 {
		ended = fmt.Errorf("%w: %d of %d left without answering", ErrDisconnected, c.missing,
			c.missing+len(c.replies))
	}
	switch {
	case partial == nil:
		return c.replies, ended
	case ended == nil:
		return c.replies, partial
	}
	return c.replies, fmt.Errorf("%w; %w", ended, partial)
}
