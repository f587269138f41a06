//go:build linux

package workload

// One client that does not read, among many that do.

import (
	"errors"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

const (
	slowSize  = 4 << 10   // bytes of a message's text
	slowRate  = 20.0      // messages per second
	slowQueue = 128 << 10 // bytes that may wait for one client, for peers with such a limit
)

// slowReader broadcasts while everybody reads, then with one more client that does not. In the end that client reads
// again. If it does not get all that was sent, it was closed at its limit.
func slowReader(r *run) error {
	addr, err := r.start(peer.Options{MaxQueue: slowQueue})
	if err != nil {
		return err
	}
	clients, err := r.connect(0, r.Clients, r.chat(addr))
	if err != nil {
		return err
	}
	b := r.oneRoom(clients, r.chatMessage(slowSize), 0, slowRate)
	if err := r.send(b, r.Warm, nil); err != nil {
		return err
	}
	without := load.NewRecorder()
	if err := r.recorded(b, without); err != nil {
		return err
	}
	if err := r.drain(b); err != nil {
		return err
	}
	spec := r.chat(addr)
	spec.Narrow = true
	slow, err := r.connect(len(clients), 1, spec)
	if err != nil {
		return err
	}
	if err := slow[0].Pause(); err != nil {
		return err
	}
	before := b.sent()
	s, err := r.begin()
	if err != nil {
		return err
	}
	with := load.NewRecorder()
	// Long enough to fill the slow client's queue and the system's buffers.
	for range 3 {
		if err := r.recorded(b, with); err != nil {
			return err
		}
	}
	if err := r.end(s); err != nil {
		return err
	}
	r.spent(s, len(r.Server))
	r.delivered(s, b.sent()-before)
	v := r.result.Values
	v["p99_without"], v["p99_with"] = without.Quantile(99), with.Quantile(99)
	r.result.Latency = with.Percentiles()
	if err := r.drain(b); err != nil {
		return err
	}
	b.lost++ // the slow client may be
	owed := b.sent() - before
	if err := slow[0].Resume(); err != nil {
		return err
	}
	end := r.loop.Now() + int64(drainFor)
	err = r.loop.Run(r.ctx, func() (int64, bool) {
		return end, slow[0].Err == nil && slow[0].Received < owed && r.loop.Now() < end
	})
	if slow[0].Err != nil {
		v["slow_closed"] = 1
	} else {
		v["slow_closed"] = 0
		// It was not closed, so it is owed like everybody else.
		r.result.Owed += owed
		r.result.Missing += owed - slow[0].Received
	}
	return errors.Join(err, r.account(b))
}

// recorded sends for the time measured and records the latencies.
func (r *run) recorded(b *broadcast, to *load.Recorder) error {
	now := r.loop.Now()
	if to.Until == 0 {
		to.From = now
	}
	to.Until = now + int64(r.Measure)
	for _, c := range b.groups[0].Members {
		if c.Latency != nil {
			c.Latency = to
		}
	}
	return r.send(b, r.Measure, nil)
}
