package cluster

// Requests to the other servers, and how long to wait for the answers.

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// ErrIncomplete is matched by the error of a request that not all servers have answered in time. What has arrived is
// returned with it. It is socketio.ErrIncomplete.
var ErrIncomplete = socketio.ErrIncomplete

// An IncompleteError says who is missing in an answer. It matches ErrIncomplete, and is socketio.IncompleteError.
type IncompleteError = socketio.IncompleteError

var errClosed = errors.New("the adapter is closed")

// grace is how long a request at least waits for servers that were silent before.
const grace = 100 * time.Millisecond

// requests are the requests to the other servers that are under way.
//
// The number of servers is a count of subscribers, and some of those may never answer: foreign ones, and dead ones
// whose connection the broker has not given up yet. The first request waits for them in vain. Later ones know how
// many were silent, and wait for those only as long again as the others took, but at least for grace: they end sooner,
// and are incomplete all the same. Who answers late counts as silent no more.
type requests struct {
	timeout time.Duration
	closed  chan struct{}

	mu      sync.Mutex
	pending map[string]*request
	of      int // subscribers that the last request counted on
	silent  int // of those, how many did not answer
}

// A request gets the answers that carry its id.
type request struct {
	respond func(*Message) // called with no lock held, by one goroutine; it must not keep the message
	got     chan struct{}  // one for each answer that counts as a server's
	over    bool           // nobody waits any more: an answer is late; guarded by requests.mu
}

// mostAnswers bounds how many answers to one request are counted: more servers than there will ever be.
const mostAnswers = 1 << 16

func newRequest(respond func(*Message)) *request {
	return &request{respond: respond, got: make(chan struct{}, mostAnswers)} // its elements take no memory
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

// respond hands an answer to its request, if that is still there.
func (q *requests) respond(m *Message) {
	// One server acknowledges as often as it has sockets that do; it counts when it says how many those are.
	counts := m.Type != BroadcastAck
	req := q.take(m.RequestID, counts)
	if req == nil {
		return
	}
	req.respond(m)
	if counts {
		select {
		case req.got <- struct{}{}:
		default: // more answers than servers
		}
	}
}

// take returns the request with that id; nil where nobody waits for it any more. Who answers late is not silent.
func (q *requests) take(id string, counts bool) *request {
	q.mu.Lock()
	defer q.mu.Unlock()
	req := q.pending[id]
	if req == nil || !req.over {
		return req
	}
	if counts {
		q.silent = max(q.silent-1, 0)
	}
	return nil
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

// ask calls publish and waits until n answers have come, or until there is no point in waiting longer. The error is
// publish's, or matches ErrIncomplete.
func (q *requests) ask(ctx context.Context, id string, n int, publish func() error, respond func(*Message)) error {
	if n <= 0 {
		return nil
	}
	req := newRequest(respond)
	q.add(id, req)
	if err := publish(); err != nil {
		q.remove(id)
		return err
	}
	missing, err := q.wait(ctx, req, n)
	if missing == 0 || ctx.Err() != nil {
		q.remove(id)
		return err
	}
	q.expire(id, req)
	return err
}

// expire ends a request, whose late answers are still recognised for a while.
func (q *requests) expire(id string, req *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	req.over = true
	time.AfterFunc(q.timeout, func() { q.remove(id) })
}

// wait waits for n answers. It returns how many have not come, with an *IncompleteError where that is any.
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
			return n - got, &IncompleteError{Answered: got, Missing: n - got, Err: errClosed}
		case <-ctx.Done():
			return n - got, &IncompleteError{Answered: got, Missing: n - got, Err: ctx.Err()}
		}
		q.learn(n-got, n)
		return n - got, &IncompleteError{Answered: got, Missing: n - got}
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
