package adapter

// Questions to the other servers, and how long to wait for the answers.

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
// silent and give them only a moment longer than the others need, and no less than as long again. Who answers late is no
// longer taken for silent.
type requests struct {
	timeout time.Duration
	closed  chan struct{}

	mu      sync.Mutex
	pending map[string]*request
	of      int // subscribers that the last request counted on
	silent  int // of those, how many did not answer
}

// A request gets the responses that carry its id.
type request struct {
	respond func(message) // called with no lock held, by one goroutine
	got     chan struct{} // one for each response that counts; nil where nobody counts them
	over    bool          // nobody waits any more: a response is late
}

// A message is a request or a response, as JSON. Its placeholders refer to attachments.
type message struct {
	text        json.RawMessage
	attachments [][]byte
	typ         messageType // of a cluster message
}

func (q *requests) init(timeout time.Duration) {
	q.timeout, q.pending, q.closed = timeout, make(map[string]*request), make(chan struct{})
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
	if req == nil || req.over {
		if req != nil && counts {
			q.silent = max(q.silent-1, 0)
		}
		q.mu.Unlock()
		return
	}
	q.mu.Unlock()
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
	if n < q.of { // those that are gone will have been silent ones
		q.silent, q.of = max(q.silent-(q.of-n), 0), n
	}
	return max(n-q.silent, 0)
}

// ask calls publish and waits until n responses have come, or until there is no point in waiting longer.
func (q *requests) ask(ctx context.Context, id string, n int, publish func(), respond func(message)) error {
	if n <= 0 {
		return nil
	}
	req := &request{respond: respond, got: make(chan struct{}, n)}
	q.add(id, req)
	publish()
	missing, err := q.wait(ctx, req, n)
	if missing == 0 || ctx.Err() != nil {
		q.remove(id)
		return err
	}
	q.mu.Lock()
	req.over = true
	q.mu.Unlock()
	time.AfterFunc(q.timeout, func() { q.remove(id) })
	return err
}

// wait waits for n responses. It returns how many have not come, and no error where those are the ones that were silent
// before.
func (q *requests) wait(ctx context.Context, req *request, n int) (missing int, err error) {
	start := time.Now()
	timeout := time.NewTimer(q.timeout)
	defer timeout.Stop()
	var late <-chan time.Time
	likely := q.answering(n)
	for got := 0; ; got++ {
		switch {
		case got >= n:
			q.learn(0, n)
			return 0, nil
		case got >= likely && late == nil:
			late = time.After(max(grace, time.Since(start)))
		}
		select {
		case <-req.got:
			continue
		case <-late:
		case <-timeout.C:
		case <-q.closed:
			return n - got, fmt.Errorf("%w: %d of %d: the adapter is closed", ErrIncomplete, got, n)
		case <-ctx.Done():
			return n - got, fmt.Errorf("%w: %d of %d: %w", ErrIncomplete, got, n, ctx.Err())
		}
		q.learn(n-got, n)
		if got < likely {
			err = fmt.Errorf("%w: %d of %d", ErrIncomplete, got, n)
		}
		return n - got, err
	}
}

func (q *requests) learn(silent, of int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.silent, q.of = silent, of
}

// close ends all requests.
func (q *requests) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-q.closed:
	default:
		close(q.closed)
	}
	clear(q.pending)
}
