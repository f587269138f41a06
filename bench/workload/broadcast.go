//go:build linux

package workload

// Sends to groups, with a window in flight or at a fixed rate, and counts what arrives.

import (
	"errors"
	"fmt"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
)

const (
	// checkEvery: one client in so many checks the order of what it receives.
	checkEvery = 16
	// readAll is how many deliveries a second the load can read all stamps of, at little cost.
	readAll = 50_000
	// stallAfter is how long nothing may arrive until a window counts as lost and not as slow.
	stallAfter = time.Second
	// drainFor is how long after the last delivery what is owed may still come.
	drainFor = 2 * time.Second
)

// A broadcast sends messages to groups. In the closed loop, each group has window messages in flight; a message is in
// flight until its last recipient has it. In the open loop, messages go out at a rate, whatever has become of the ones
// before, to one group after the other.
type broadcast struct {
	groups   []*load.Group
	senders  []*load.Client  // one for each group
	messages []*load.Message // one for each group
	window   int64
	rate     float64 // messages per second

	latency *load.Recorder
	next    float64 // when the next message should go, in nanoseconds
	turn    int

	delivered, latest int64 // to notice stalls
	stalls            int
	lost              int
}

// newBroadcast decides which clients check what.
func (r *run) newBroadcast(b broadcast) *broadcast {
	b.latency = load.NewRecorder()
	every := checkEvery
	if b.rate > 0 {
		every = 1 + int(b.rate*float64(len(b.groups[0].Members)))/readAll
	}
	n := 0
	for _, g := range b.groups {
		for _, c := range g.Members {
			c.Check = n%checkEvery == 0
			if n%every == 0 {
				c.Latency = b.latency
			}
			n++
		}
	}
	b.lost = r.loop.Lost
	return &b
}

// oneRoom is a broadcast to a single group whose first member sends.
func (r *run) oneRoom(clients []*load.Client, m *load.Message, window int64, rate float64) *broadcast {
	return r.newBroadcast(broadcast{
		groups:  []*load.Group{load.NewGroup(clients)},
		senders: clients[:1], messages: []*load.Message{m}, window: window, rate: rate,
	})
}

// send sends for the duration d. also, if not nil, has more to do in between and returns when it must be called again.
func (r *run) send(b *broadcast, d time.Duration, also func(now int64) (wake int64)) error {
	began := r.loop.Now()
	b.delivered, b.latest = r.loop.Delivered, began
	b.next = float64(began)
	end := began + int64(d)
	var failed error
	err := r.loop.Run(r.ctx, func() (int64, bool) {
		now := r.loop.Now()
		if r.loop.Lost > b.lost {
			failed = b.firstLost()
		}
		if now >= end || failed != nil {
			return 0, false
		}
		wake := end
		if b.rate > 0 {
			failed = b.sendDue(now)
			wake = min(wake, int64(b.next))
		} else {
			b.fillWindows(r.loop, now)
			wake = min(wake, b.latest+int64(stallAfter))
		}
		if also != nil {
			wake = min(wake, also(now))
		}
		return wake, true
	})
	return errors.Join(err, failed)
}

func (b *broadcast) firstLost() error {
	for _, g := range b.groups {
		if err := load.FirstLost(g.Members); err != nil {
			return err
		}
	}
	return errors.New("a client was lost")
}

func (b *broadcast) sendDue(now int64) error {
	for int64(b.next) <= now {
		g := b.groups[b.turn%len(b.groups)]
		// A server that is a second behind will not catch up, and what it has queued takes this machine's memory.
		if behind := g.InFlight(); behind >= max(int64(b.rate), 64) || g.Full() {
			return fmt.Errorf("%w with %.0f messages per second: %d are in flight", errOverload, b.rate, behind)
		}
		g.Send(b.senders[b.turn%len(b.senders)], b.messages[b.turn%len(b.messages)], int64(b.next))
		b.turn++
		b.next += 1e9 / b.rate
	}
	return nil
}

func (b *broadcast) fillWindows(l *load.Loop, now int64) {
	if l.Delivered != b.delivered {
		b.delivered, b.latest = l.Delivered, now
	} else if now-b.latest >= int64(stallAfter) {
		b.stalls++
		b.latest = now
		for _, g := range b.groups {
			g.Forgive()
		}
	}
	for i, g := range b.groups {
		for g.InFlight() < b.window && !g.Full() {
			g.Send(b.senders[i], b.messages[i], now)
		}
	}
}

// drain waits for what is owed.
func (r *run) drain(b *broadcast) error {
	delivered, latest := r.loop.Delivered, r.loop.Now()
	return r.loop.Run(r.ctx, func() (int64, bool) {
		now := r.loop.Now()
		if r.loop.Delivered != delivered {
			delivered, latest = r.loop.Delivered, now
		}
		more := false
		for _, g := range b.groups {
			more = more || g.Done < g.Sent
		}
		return now + int64(20*time.Millisecond), more && now-latest < int64(drainFor)
	})
}

// account adds what was owed and what is missing to the result. Repeated and disordered messages are an error.
func (r *run) account(b *broadcast) error {
	var faults error
	for _, g := range b.groups {
		r.result.Owed += g.Owed()
		missing := g.Missing()
		r.result.Missing += missing
		// A client that misses messages also sees gaps. That is reported once, as a loss.
		if n, err := g.Faults(); n > 0 && missing == 0 && faults == nil {
			faults = err
		}
	}
	return faults
}

// measure warms up, measures, drains and accounts for a broadcast, and fills in the result.
func (r *run) measure(b *broadcast) error {
	err := r.send(b, r.Warm, nil)
	if err != nil {
		return err
	}
	s, err := r.begin()
	if err != nil {
		return err
	}
	b.latency.From, b.latency.Until = s.at, s.at+int64(r.Measure)
	sent := b.sent()
	sendErr := r.send(b, r.Measure, nil)
	if err := r.end(s); err != nil {
		return errors.Join(sendErr, err)
	}
	sent = b.sent() - sent
	r.spent(s, len(r.Server))
	r.delivered(s, sent)
	if b.stalls > 0 {
		r.result.Values["stalls"] = float64(b.stalls)
	}
	drainErr := r.drain(b)
	r.result.Latency = b.latency.Percentiles()
	return errors.Join(sendErr, drainErr, r.account(b))
}

func (b *broadcast) sent() (n int64) {
	for _, g := range b.groups {
		n += g.Sent
	}
	return n
}

// delivered writes the rates of a span into the result.
func (r *run) delivered(s *span, sent int64) {
	v := r.result.Values
	v["deliveries_per_second"] = s.delivered / s.seconds
	v["messages_per_second"] = float64(sent) / s.seconds
	r.each("cpu_per_delivery", s, s.delivered)
}
