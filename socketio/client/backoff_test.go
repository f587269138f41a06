package client

import (
	"testing"
	"time"
)

func TestTheDelayGrowsToItsBound(t *testing.T) {
	b := backoff{low: 100 * time.Millisecond, high: time.Second}
	for i, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		if got := b.next(); got != want*time.Millisecond || b.attempts != i+1 {
			t.Errorf("attempt %d after %v, want %v ms", b.attempts, got, int(want))
		}
	}
	b.attempts = 1 << 40
	if got := b.next(); got != time.Second {
		t.Errorf("after many attempts: %v", got)
	}
	b.reset()
	b.factor = 0.5
	for range 1000 {
		b.attempts = 1
		if got := b.next(); got < 100*time.Millisecond || got > 300*time.Millisecond {
			t.Fatalf("with jitter: %v", got)
		}
	}
}
