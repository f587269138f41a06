package backend

// The ends: disconnects on their way to the backend. A network that breaks ends all sockets at one moment. So a
// disconnect waits as a few words in a queue and not as a goroutine, and for a backend that is away it waits on: what
// the backend does not hear of an end, it takes for a client that is still there.

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const (
	// reasonConnectFailed is the end of a socket that the backend may have let in, and that has nevertheless not been
	// connected, because of its answer.
	reasonConnectFailed socketio.Reason = "connect failed"
	// maxEnds may wait; further ones are lost, with a metric.
	maxEnds = 100_000
	// endPatience is how long one waits for a backend that is away.
	endPatience = 5 * time.Minute
)

// An endOf is the end of one socket.
type endOf struct {
	message *message
	ns      *socketio.Namespace
	since   time.Time
	done    chan struct{} // closed when nothing is to be done any more; nil where nobody waits
}

// ends send disconnects, on as many goroutines as there is work for.
type ends struct {
	s        *Service
	most     int // goroutines
	stopping chan struct{}
	wg       sync.WaitGroup
	waiters  atomic.Int64 // calls of pushAndWait

	mu      sync.Mutex
	queue   []endOf
	senders int
	none    chan struct{} // closed when nothing is left; made by wait
	stopped bool
}

func newEnds(s *Service) *ends {
	return &ends{s: s, most: max(s.settings.concurrency/2, 1), stopping: make(chan struct{})}
}

// push has the backend told of the end of a socket. It does not block.
func (e *ends) push(sock *socketio.Socket, reason socketio.Reason) { e.add(sock, reason, nil) }

// pushAndWait is push that returns once the backend has answered, or after the time that a request may take: for
// sockets whose namespace goes with its last one, as no answer could be emitted in it any more. Where too many wait it
// returns at once.
func (e *ends) pushAndWait(sock *socketio.Socket, reason socketio.Reason) {
	if e.waiters.Add(1) > int64(e.s.settings.waiting) {
		e.waiters.Add(-1)
		e.push(sock, reason)
		return
	}
	defer e.waiters.Add(-1)
	done := make(chan struct{})
	e.add(sock, reason, done)
	timer := time.NewTimer(e.s.settings.timeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-e.stopping:
	}
}

func (e *ends) add(sock *socketio.Socket, reason socketio.Reason, done chan struct{}) {
	rooms := sock.Rooms()
	if rooms == nil {
		rooms = []string{}
	}
	body, err := json.Marshal(disconnectData{string(reason), rooms, sock.Data().Inline()})
	if err != nil {
		e.s.log.Error("a disconnect cannot be told of", "error", err)
		return
	}
	m := e.s.caller.message(kindDisconnect, sock, gateway.UserOf(sock), body)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped || len(e.queue) >= maxEnds {
		e.lost()
		if done != nil {
			close(done)
		}
		return
	}
	e.queue = append(e.queue, endOf{m, sock.Namespace(), time.Now(), done})
	if e.senders < min(e.most, len(e.queue)) {
		e.senders++
		e.wg.Go(e.send)
	}
}

// lost counts a disconnect that the backend does not hear of.
func (e *ends) lost() {
	e.s.caller.metrics.count(kindDisconnect, outcomeLost)
	e.s.log.Warn("the backend has not heard of a disconnect")
}

// waiting is how many wait.
func (e *ends) waiting() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.queue)
}

// next takes the first out of the queue. It reports false where there is none: the sender has left then.
func (e *ends) next() (endOf, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) == 0 || e.stopped {
		if e.senders--; e.senders == 0 && e.none != nil {
			close(e.none)
			e.none = nil
		}
		return endOf{}, false
	}
	end := e.queue[0]
	e.queue[0] = endOf{}
	if e.queue = e.queue[1:]; len(e.queue) == 0 {
		e.queue = nil
	}
	return end, true
}

func (e *ends) send() {
	for {
		end, ok := e.next()
		if !ok {
			return
		}
		e.tell(end)
		if end.done != nil {
			close(end.done)
		}
	}
}

// tell tells the backend, and does what it answers.
func (e *ends) tell(end endOf) {
	c := e.s.caller
	for {
		r, f := c.admitted(context.Background(), end.message, (*slots).wait)
		switch {
		case f == nil:
			a, err := readDisconnect(r)
			if err != nil {
				c.fault(context.Background(), kindDisconnect, err)
				return
			}
			c.metrics.count(kindDisconnect, outcomeOK)
			e.s.emit(context.Background(), end.ns, nil, a)
			return
		case f.maybe || time.Since(end.since) > endPatience:
			c.failed(kindDisconnect, f)
			return
		}
		if !e.pause() {
			e.lost()
			return
		}
	}
}

// pause waits until the backend may be tried again. It reports false when it is time to stop.
func (e *ends) pause() bool {
	closed, in := e.s.caller.breaker.next()
	timer := time.NewTimer(max(in, firstBackoff))
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	case <-e.stopping:
		return false
	}
	return true
}

// wait waits until all have been sent, or ctx is done.
func (e *ends) wait(ctx context.Context) error {
	e.mu.Lock()
	if e.senders == 0 {
		e.mu.Unlock()
		return nil
	}
	if e.none == nil {
		e.none = make(chan struct{})
	}
	none := e.none
	e.mu.Unlock()
	select {
	case <-none:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop gives up what is left, and returns when nothing runs any more.
func (e *ends) stop() {
	e.mu.Lock()
	e.stopped = true
	left := len(e.queue)
	e.queue = nil
	e.mu.Unlock()
	for range left {
		e.lost()
	}
	close(e.stopping)
	e.wg.Wait()
}
