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
// and are incomplete all the same. Who answers late counts as silent no more. Who sends pages is waited for.
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
	respond func(*Message)               // called with no lock held, by one goroutine; it must not keep the message
	next    func(to, after string) error // asks a server for its next page; nil where answers come whole
	changed chan struct{}                // one element: something below has changed

	// Guarded by requests.mu:
	answered int             // servers that have answered to the end
	turning  map[string]turn // servers of which a page has come, and not the last
	turns    int             // pages that have come with others behind them
	err      error           // of the pages: no more come
	over     bool            // nobody waits any more: an answer is late
}

// A turn is how far a server's pages are.
type turn struct {
	pages int
	last  string // the id behind which it was asked to go on
}

func newRequest(respond func(*Message)) *request {
	return &request{respond: respond, changed: make(chan struct{}, 1), turning: make(map[string]turn)}
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

// respond hands an answer, or a page of one, to its request, if that is still there.
func (q *requests) respond(m *Message) {
	// One server acknowledges as often as it has sockets that do; it counts when it says how many those are.
	counts := m.Type != BroadcastAck
	req := q.take(m.RequestID, counts)
	if req == nil {
		return
	}
	req.respond(m)
	switch {
	case m.More != "" && req.next != nil:
		err := q.turn(req, m)
		if err == nil {
			err = req.next(m.Sender, m.More)
		}
		if err != nil {
			q.change(req, func() { req.err = err })
		}
	case counts:
		q.change(req, func() {
			req.answered++
			delete(req.turning, m.Sender)
		})
	}
}

// turn notes a page with others behind it. The error means that asking for those would lead nowhere.
func (q *requests) turn(req *request, m *Message) (err error) {
	q.change(req, func() {
		t := req.turning[m.Sender]
		if m.Sender == "" || m.More <= t.last || t.pages == mostPages {
			err = errPages
			return
		}
		req.turning[m.Sender] = turn{t.pages + 1, m.More}
		req.turns++
	})
	return err
}

// change changes a request, and tells whoever waits for it.
func (q *requests) change(req *request, change func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	change()
	select {
	case req.changed <- struct{}{}:
	default:
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
func (q *requests) ask(ctx context.Context, id string, req *request, n int, publish func() error) error {
	if n <= 0 {
		return nil
	}
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

// wait waits for n answers. It returns how many have not come, with an *IncompleteError where that is any. As long as
// pages come the time is not over: each gives all servers as much again.
func (q *requests) wait(ctx context.Context, req *request, n int) (missing int, err error) {
	start := time.Now()
	timeout := time.NewTimer(q.timeout)
	defer timeout.Stop()
	var late <-chan time.Time
	likely, turns, overdue := q.answering(n), 0, false
	for {
		now := q.look(req)
		incomplete := &IncompleteError{Answered: now.answered, Missing: n - now.answered, Err: now.err}
		switch {
		case now.answered >= n:
			q.learn(0, n)
			return 0, nil
		case now.err != nil:
			return incomplete.Missing, incomplete
		case overdue && now.turning == 0:
			q.learn(incomplete.Missing, n)
			return incomplete.Missing, incomplete
		case now.answered+now.turning >= likely && late == nil:
			late = time.After(max(grace, time.Since(start)))
		}
		if now.turns != turns {
			turns = now.turns
			timeout.Reset(q.timeout)
		}
		select {
		case <-req.changed:
		case <-late: // those that were silent have had their time; pages may still come
			overdue = true
		case <-timeout.C:
			q.learn(incomplete.Missing, n)
			return incomplete.Missing, incomplete
		case <-q.closed:
			incomplete.Err = errClosed
			return incomplete.Missing, incomplete
		case <-ctx.Done():
			incomplete.Err = ctx.Err()
			return incomplete.Missing, incomplete
		}
	}
}

// A state is how far a request is.
type state struct {
	answered, turning, turns int
	err                      error
}

func (q *requests) look(req *request) state {
	q.mu.Lock()
	defer q.mu.Unlock()
	return state{req.answered, len(req.turning), req.turns, req.err}
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
