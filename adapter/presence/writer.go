package presence

// The one goroutine that writes to the store: what has changed here, gathered, and a sign of life now and then.

import (
	"strconv"
	"time"
)

const (
	// batchMost is how many operations are written at once: some 2 ms of Redis's time.
	batchMost = 500
	// beatsPerLease is how often a lease is renewed while it lasts.
	beatsPerLease = 4
	// clearPause is between two beats that clear something.
	clearPause = time.Millisecond
)

// A writer writes. All but its counts belongs to its goroutine.
type writer struct {
	p     *Presence
	retry backoff

	generation string // "" before the first
	serial     int    // of the generations
	number     uint64 // of the generation's last batch
	seen       ID     // the newest change that this server knows of
	doubt      bool   // the store has lost something
	sure       bool   // nothing has failed since the last beat
	beatDue    time.Time
	flying     *Batch // is written again as it is, until it is known what has become of it
	since      time.Time
}

// run writes until presence is closed.
func (w *writer) run() {
	w.begin(false)
	for {
		d, wake := w.step()
		if !w.p.sleep(d, wake) {
			return
		}
		// Others that change with the first are written with it.
		if wake != nil && w.p.local.waiting() > 0 && !w.p.sleep(w.p.opts.Linger, nil) {
			return
		}
	}
}

// step does one thing. It returns how long there is nothing to do then, and what may end that.
func (w *writer) step() (time.Duration, <-chan struct{}) {
	p := w.p
	if !w.sure || !time.Now().Before(w.beatDue) {
		return w.beat(), nil
	}
	standing := p.standing.Load()
	if w.flying == nil {
		ops, since := p.local.take(batchMost, standing.Settling > 0)
		if len(ops) == 0 {
			return time.Until(w.beatDue), p.local.wake
		}
		w.number++
		w.flying, w.since = &Batch{w.generation, w.number, w.seen.Epoch, ops}, since
	}
	return w.write(), nil
}

// begin begins a new generation.
func (w *writer) begin(lost bool) {
	w.serial++
	w.generation = w.p.id + "." + strconv.Itoa(w.serial)
	w.number, w.flying, w.doubt = 0, nil, false
	w.p.local.begin(lost)
}

// failed notes that the store cannot be reached, and returns when to try again.
func (w *writer) failed(err error) time.Duration {
	if w.p.ctx.Err() == nil {
		w.p.log.Warn("presence: the store cannot be reached; nobody goes offline because of that", "error", err)
	}
	w.sure = false
	w.p.standing.Store(nil)
	w.p.counts.failures.Add(1)
	return w.retry.next()
}

// beat gives a sign of life, and begins a new generation where the store does not know this one.
func (w *writer) beat() time.Duration {
	p := w.p
	was := w.seen
	standing, err := p.store.Beat(p.ctx, Beat{
		Generation: w.generation, Begin: w.number == 0 && w.flying == nil, Lease: p.opts.Lease,
		Seen: w.seen, Doubt: w.doubt,
	})
	if err != nil {
		return w.failed(err)
	}
	w.seen, w.doubt = standing.Last, false
	p.counts.cleared.Add(int64(standing.Cleared))
	switch {
	case was.Epoch != 0 && was.Epoch != standing.Last.Epoch:
		p.log.Warn("presence: Redis has lost records, which are put back", "wait", standing.Settling)
		p.counts.restored.Add(1)
		w.begin(true)
		return 0 // and beat again
	case !standing.Known:
		p.log.Warn("presence: this server was silent for too long, and its users have counted as gone")
		p.counts.outlawed.Add(1)
		w.begin(false)
		return 0
	}
	if !w.sure {
		w.retry.reset()
	}
	w.sure = true
	p.standing.Store(&standing)
	w.beatDue = time.Now().Add(p.opts.Lease / beatsPerLease)
	if standing.More {
		w.beatDue = time.Now().Add(clearPause) // what has changed here goes in between
	} else if standing.Settling > 0 {
		w.beatDue = time.Now().Add(min(standing.Settling+time.Millisecond, p.opts.Lease/beatsPerLease))
	}
	return 0
}

// write writes the batch.
func (w *writer) write() time.Duration {
	p := w.p
	written, err := p.store.Write(p.ctx, *w.flying)
	if err != nil {
		return w.failed(err)
	}
	switch written.Outcome {
	case outcomeDone:
		w.seen = written.Last
		p.local.wrote(w.flying.Ops, written.Since)
		p.counts.written.Add(int64(len(w.flying.Ops)))
		if !w.since.IsZero() {
			p.counts.lag.Store(int64(time.Since(w.since)))
		}
		w.flying = nil
		return 0
	case outcomeLost:
		w.doubt = true
	}
	w.sure = false // a beat will tell
	if written.Outcome == outcomeSettling {
		return w.retry.next()
	}
	return 0
}
