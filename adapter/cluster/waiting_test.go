package cluster

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// A group answers requests as so many servers would.
type group struct {
	requests
	n int
	// answer says when server i answers; negative: never.
	answer func(i int) time.Duration
	late   sync.WaitGroup
}

func newGroup(timeout time.Duration, n int, answer func(i int) time.Duration) *group {
	g := &group{n: n, answer: answer}
	g.init(timeout)
	return g
}

// ask returns who has answered in time, and how long that took.
func (g *group) ask(ctx context.Context) (got int, took time.Duration, err error) {
	var mu sync.Mutex
	id := newID()
	start := time.Now()
	req := newRequest(func(*Message) {
		mu.Lock()
		got++
		mu.Unlock()
	})
	err = g.requests.ask(ctx, id, req, g.n, func() error {
		for i := range g.n {
			if d := g.answer(i); d >= 0 {
				g.late.Go(func() {
					time.Sleep(d)
					g.respond(&Message{Type: FetchSocketsResponse, RequestID: id})
				})
			}
		}
		return nil
	})
	mu.Lock()
	defer mu.Unlock()
	return got, time.Since(start), err
}

// TestSilentServers: the first request waits for a server that never answers; later ones do not, until it does answer.
// All of them say that they are incomplete.
func TestSilentServers(t *testing.T) {
	t.Parallel()
	const timeout = 1500 * time.Millisecond
	dead := true
	g := newGroup(timeout, 3, func(i int) time.Duration {
		if i == 2 && dead {
			return -1
		}
		return 0
	})
	got, took, err := g.ask(t.Context())
	if got != 2 || took < timeout || !errors.Is(err, ErrIncomplete) {
		t.Errorf("first: %d answers in %v, %v", got, took, err)
	}
	for range 3 {
		got, took, err = g.ask(t.Context())
		var incomplete *IncompleteError
		if got != 2 || took < grace || took >= timeout || !errors.As(err, &incomplete) ||
			incomplete.Answered != 2 || incomplete.Missing != 1 {
			t.Errorf("later: %d answers in %v, %v", got, took, err)
		}
	}
	dead = false
	if got, _, err = g.ask(t.Context()); got != 3 || err != nil {
		t.Errorf("alive again: %d answers, %v", got, err)
	}
	if n := g.answering(3); n != 3 {
		t.Errorf("%d of 3 are expected to answer", n)
	}
}

// TestSilentGone: the dead server's connection is given up, so there is one subscriber less, and all that are left
// answer.
func TestSilentGone(t *testing.T) {
	g := newGroup(100*time.Millisecond, 3,
		func(i int) time.Duration { return time.Duration(-(i / 2)) }) // the third is dead
	g.ask(t.Context())
	if n := g.answering(3); n != 2 {
		t.Fatalf("%d of 3 are expected to answer", n)
	}
	if n := g.answering(2); n != 2 {
		t.Errorf("%d of 2 are expected to answer", n)
	}
	if n := g.answering(5); n != 5 {
		t.Errorf("%d of 5 are expected to answer", n)
	}
}

// TestLateAnswers: a server that answers, but late, is waited for again.
func TestLateAnswers(t *testing.T) {
	t.Parallel()
	slow := 700 * time.Millisecond
	g := newGroup(300*time.Millisecond, 2, func(i int) time.Duration { return time.Duration(i) * slow })
	got, _, err := g.ask(t.Context())
	if got != 1 || !errors.Is(err, ErrIncomplete) {
		t.Errorf("%d answers, %v", got, err)
	}
	if n := g.answering(2); n != 1 {
		t.Errorf("%d of 2 are expected to answer", n)
	}
	// Within the time for which late answers are known.
	g.timeout = time.Minute
	if got, _, err = g.ask(t.Context()); got != 1 || !errors.Is(err, ErrIncomplete) {
		t.Errorf("%d answers, %v", got, err)
	}
	g.late.Wait()
	if n := g.answering(2); n != 2 {
		t.Errorf("after a late answer %d of 2 are expected to answer", n)
	}
	if got, _, err = g.ask(t.Context()); got != 2 || err != nil {
		t.Errorf("%d answers, %v", got, err)
	}
}

// TestSlowAnswers: where all answers take their time, those of servers that were silent once get as much again.
func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	g := newGroup(20*time.Second, 2, func(i int) time.Duration {
		return time.Second + time.Duration(i)*600*time.Millisecond
	})
	g.learn(1, 2)
	if got, took, err := g.ask(t.Context()); got != 2 || err != nil {
		t.Errorf("%d answers in %v, %v", got, took, err)
	}
}

func TestRequestEnds(t *testing.T) {
	t.Parallel()
	never := func(int) time.Duration { return -1 }
	g := newGroup(time.Minute, 2, never)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, _, err := g.ask(ctx); !errors.Is(err, ErrIncomplete) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if n := g.answering(2); n != 2 {
		t.Error("who had no time to answer is taken for silent")
	}
	time.AfterFunc(50*time.Millisecond, g.close)
	if _, _, err := g.ask(t.Context()); !errors.Is(err, ErrIncomplete) {
		t.Errorf("closed: %v", err)
	}
	g.close()
	if g = newGroup(time.Minute, 0, never); len(g.pending) > 0 {
		t.Error("requests are left")
	}
	if _, took, err := g.ask(t.Context()); err != nil || took > 10*time.Second {
		t.Errorf("nobody there: %v after %v", err, took)
	}
	// Answers to nobody, twice, and more of them than there are servers.
	answer := &Message{Type: BroadcastClientCount, RequestID: "x"}
	g.respond(answer)
	calls := 0
	req := newRequest(func(*Message) { calls++ })
	g.add("x", req)
	for range 3 {
		g.respond(answer)
	}
	g.respond(&Message{Type: BroadcastAck, RequestID: "x"})
	if calls != 4 || req.answered != 3 {
		t.Errorf("%d calls, %d count", calls, req.answered)
	}
}

func TestNewID(t *testing.T) {
	seen := make(map[string]bool)
	for range 10_000 {
		id := newID()
		if len(id) != 16 || seen[id] {
			t.Fatalf("%q", id)
		}
		seen[id] = true
	}
}
