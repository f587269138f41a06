package adapter

import (
	"context"
	"math/rand/v2"
	"time"
)

// A backoff waits longer from one failure to the next, up to a second, with jitter: a second so that delivery is back
// soon after Redis is, jitter so that a fleet does not come back at one moment.
type backoff struct{ next time.Duration }

const (
	backoffFirst = 50 * time.Millisecond
	backoffLast  = time.Second
)

// wait waits; it returns early when ctx is done.
func (b *backoff) wait(ctx context.Context) {
	if b.next == 0 {
		b.next = backoffFirst
	}
	t := time.NewTimer(b.next/2 + rand.N(b.next/2+1))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	b.next = min(2*b.next, backoffLast)
}

func (b *backoff) reset() { b.next = 0 }
