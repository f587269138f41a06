package client

// The time between two attempts to connect.

import (
	"math/rand/v2"
	"time"
)

// A backoff doubles from low to high, and varies by a factor in both directions, so that the clients of a server that
// has gone do not come back at one moment.
type backoff struct {
	low, high time.Duration
	factor    float64
	attempts  int // since the last success
}

func (b *backoff) next() time.Duration {
	d := b.high
	if shift := min(b.attempts, 32); b.low <= b.high>>shift {
		d = b.low << shift
	}
	b.attempts++
	d += time.Duration((rand.Float64()*2 - 1) * b.factor * float64(d))
	return min(max(d, 0), b.high)
}

func (b *backoff) reset() { b.attempts = 0 }
