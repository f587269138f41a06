package adapter

// How long to wait before trying again.

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"
)

// A backoff waits longer after each failure, up to a second, with jitter. A second is short enough for delivery to be
// back soon after Redis is; the jitter keeps a fleet from coming back at one moment.
type backoff struct {
	next time.Duration
	last time.Duration // the longest; 0 means backoffLast
}

const (
	backoffFirst = 50 * time.Millisecond
	backoffLast  = time.Second
	// backoffCluster is for a Redis Cluster, where another master may have taken over at any moment.
	backoffCluster = 250 * time.Millisecond
)

// wait waits until it is time to try again, or ctx is done.
func (b *backoff) wait(ctx context.Context) {
	t := time.NewTimer(b.step())
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// step is how long to wait now.
func (b *backoff) step() time.Duration {
	if b.next == 0 {
		b.next = backoffFirst
	}
	d := b.next/2 + rand.N(b.next/2+1)
	b.next = min(2*b.next, cmp.Or(b.last, backoffLast))
	return d
}

func (b *backoff) reset() { b.next = 0 }
