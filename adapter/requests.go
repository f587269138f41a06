package adapter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrIncomplete is matched by the error of a request that not all servers have answered in time. What has arrived comes
// with it.
var ErrIncomplete = errors.New("adapter: not all servers have answered")

// grace is how long a request still waits for servers that have been silent before.
const grace = 100 * time.Millisecond

// requests are the questions to the other servers that are under way.
//
// How many servers there are is a count of subscribers, and some of those may never answer: foreign ones, and dead ones
// whose connection Redis has not given up yet. The first request waits for them in vain; later ones know how many were
// silent and give them only a moment longer than the others need.
type requests struct {
	timeout time.Duration

	mu      sync.Mutex
	pending map[string]*request
	silent  int // subscribers that did not answer the last time
}

// A request gets the responses that carry its id.
type request struct {
	respond func(message) // called with no lock held, by one goroutine
	got     chan struct{} // one for each response that counts; nil where nobody counts them
}

// A message is a request or a response, as JSON. Its placeholders refer to attachments.
type message struct {
	text        json.RawMessage
	attachments [][]byte
	typ         messageType // of a cluster message
}

func (q *requests) init(timeout time.Duration) {
	q.timeout, q.pending = timeout, make(map[string]*request)
}

// add starts a request; the caller removes it.
func (q *requests) add(id string, req *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending[id] = req
}

func (q *requests) remove(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.pending, id)
}

func (q *requests) has(id string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pending[id] != nil
}

// respond hands a response to its request, if that is still there.
func (q *requests) respond(id string, m message, counts bool) {
	q.mu.Lock()
	req := q.pending[id]
	q.mu.Unlock()
	if req == nil {
		return
	}
	req.respond(m)
	if counts && req.got != nil {
		select {
		case req.got <- struct{}{}:
		default: // more responses than servers
		}
	}
}

// answering is how many of n subscribers are expected to answer.
func (q *requests) answering(n int) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return max(n-q.silent, 0)
}

// ask calls publish and waits until n responses have come, or until there is no point in waiting longer.
func (q *requests) ask(ctx context.Context, id string, n int, publish func(), respond func(message)) error {
	if n <= 0 {
		return nil
	}
	req := &request{respond: respond, got: make(chan struct{}, n)}
	q.add(id, req)
	defer q.remove(id)
	publish()
	timeout := time.NewTimer(q.timeout)
	defer timeout.Stop()
	var late <-chan time.Time
	likely := q.answering(n)
	for got := 0; ; got++ {
		switch {
		case got == n:
			q.learn(0)
			return nil
		case got >= likely && late == nil:
			late = time.After(grace)
		}
		select {
		case <-req.got:
			continue
		case <-late:
		case <-timeout.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %d of %d: %w", ErrIncomplete, got, n, ctx.Err())
		}
		q.learn(n - got)
		if got >= likely {
			return nil // all those that ever answer
		}
		return fmt.Errorf("%w: %d of %d", ErrIncomplete, got, n)
	}
}

func (q *requests) learn(silent int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.silent = silent
}

// close forgets all requests; those who wait do so until their time is up.
func (q *requests) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.pending)
}
