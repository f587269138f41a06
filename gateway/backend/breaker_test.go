package backend

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	now := time.Now()
	b := breaker{now: func() time.Time { return now }}
	fails := func(v verdict, times int) {
		for range times {
			b.end(v)
		}
	}
	fails(away, failuresToOpen-1)
	fails(silent, timeoutsToOpen-1)
	if !b.begin() {
		t.Error("it is open too early")
	}
	if _, closed := b.end(reached); closed {
		t.Error("it has not been open")
	}
	fails(away, failuresToOpen-1)
	if opened, _ := b.end(away); !opened {
		t.Error("it is not open")
	}
	fails(away, 100) // of requests from before
	for pause := firstPause; pause < 3*longestPause; pause *= 2 {
		now = now.Add(min(pause, longestPause) - 1)
		if b.begin() || !b.refuses() {
			t.Fatalf("after %v: it lets somebody through too early", pause)
		}
		now = now.Add(1)
		if b.refuses() || !b.begin() || b.begin() || !b.refuses() || b.current() != circuitProbing {
			t.Fatalf("after %v: it does not let exactly one through", pause)
		}
		if opened, closed := b.end(silent); opened || closed || b.current() != circuitOpen {
			t.Fatalf("after %v: a failed probe changes something", pause)
		}
	}
	now = now.Add(longestPause)
	if !b.begin() {
		t.Fatal("no probe")
	}
	if b.end(nothing); !b.begin() {
		t.Error("a probe that was given up keeps others from it")
	}
	waits, _ := b.next()
	if _, closed := b.end(reached); !closed || !b.begin() {
		t.Error("it is not closed")
	}
	<-waits
	fails(silent, timeoutsToOpen-1)
	if opened, _ := b.end(silent); !opened {
		t.Error("time-outs do not open it")
	}
	if _, in := b.next(); in != firstPause {
		t.Errorf("then it waits for %v", in)
	}
	if _, closed := b.end(reached); !closed { // one from before
		t.Error("an answer does not close it")
	}
}
