package adapter

import (
	"context"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	var b backoff
	ctx, cancel := context.WithCancel(context.Background())
	start := time.Now()
	b.wait(ctx)
	if d := time.Since(start); d < backoffFirst/2 {
		t.Errorf("the first wait took %v", d)
	}
	cancel()
	start = time.Now()
	for i := range 20 {
		if b.next > backoffLast || b.next < min(backoffFirst<<(i+1), backoffLast) {
			t.Errorf("wait %d is for %v", i+1, b.next)
		}
		b.wait(ctx)
	}
	if d := time.Since(start); d > 10*time.Second { // 20 full waits would take twice as long
		t.Errorf("waits after the end took %v", d)
	}
	b.reset()
	b.wait(ctx)
	if b.next != 2*backoffFirst {
		t.Errorf("after a reset the second wait is for %v", b.next)
	}
}
