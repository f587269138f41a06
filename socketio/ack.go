package socketio

// Acknowledgements that clients owe.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ackWaiters are those who wait for answers of one socket. Guarded by Socket.mu.
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

// take returns who waits for that id, who then waits no longer, or nil.
func (w *ackWaiters) take(s *Socket, id uint64) func(Args, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply := w.m[id]
	delete(w.m, id)
	if len(w.m) == 0 {
		w.m = nil
	}
	return reply
}

func (w *ackWaiters) forget(s *Socket, id uint64) { w.take(s, id) }

// takeAll returns all who wait; it is called with Socket.mu held.
func (w *ackWaiters) takeAll() map[uint64]func(Args, error) {
	m := w.m
	w.m = nil
	return m
}

// withAckTimeout returns ctx with the time-out of an operator, if it has one, whose cause is then ErrAckTimeout.
func withAckTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, timeout, ErrAckTimeout)
}

// ackError says why ctx, whose end ended the waiting, is done.
func ackError(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), ErrAckTimeout) {
		return ErrAckTimeout
	}
	return fmt.Errorf("socketio: waiting for an acknowledgement: %w", ctx.Err())
}

// ackCollector gathers the answers to one broadcast.
type ackCollector struct {
	servers int // that have not said yet how many sockets they have asked; -1 while their number is unknown

	mu       sync.Mutex
	counted  int
	expected int
	missing  int
	replies  []Args
	closed   bool
	done     chan struct{}
}

// count takes how many sockets a server has asked. A negative number, which only a faulty server sends, is no answer.
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
	if c.closed {
		return
	}
	if err != nil {
		c.missing++
	} else {
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

// result returns what there is; no reply is taken any more.
func (c *ackCollector) result() (replies []Args, missing int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return c.replies, c.missing
}
