package adapter

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestLaneOrder adds from one goroutine while the work goes on: all items come in order, from one goroutine at a time, in
// batches, and nobody is left when all is done.
func TestLaneOrder(t *testing.T) {
	before := runtime.NumGoroutine()
	var got []int
	var batches int
	var inside atomic.Int32
	l := lane[int]{limit: 1 << 30, work: func(batch []int) {
		if inside.Add(1) != 1 {
			t.Error("two batches at once")
		}
		batches++
		got = append(got, batch...)
		time.Sleep(100 * time.Microsecond)
		inside.Add(-1)
	}}
	const n = 10_000
	var want []int
	for i := range n {
		if !l.add(i, 1) {
			t.Fatalf("item %d was turned away", i)
		}
		want = append(want, i)
	}
	<-l.drained()
	if !slices.Equal(got, want) || batches == n {
		t.Errorf("%d items in %d batches, in order: %v", len(got), batches, slices.IsSorted(got))
	}
	if items, bytes := l.depth(); items != 0 || bytes != 0 || cap(l.queued) > keptItems {
		t.Errorf("at rest: %d items of %d bytes, room for %d", items, bytes, cap(l.queued))
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a goroutine stays")
		}
	}
	l.add(n, 1) // and it goes on
	<-l.drained()
	if got[n] != n {
		t.Errorf("after a rest: %d", got[n])
	}
}

// TestLaneLimit counts what is being worked on too.
func TestLaneLimit(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	var got []int
	l := lane[int]{limit: 10, work: func(batch []int) {
		got = append(got, batch...)
		begun <- struct{}{}
		<-goOn
	}}
	if l.add(0, 11) {
		t.Error("an item larger than the lane was taken")
	}
	l.add(1, 6)
	<-begun
	for i, c := range []struct {
		size int
		want bool
	}{{5, false}, {3, true}, {1, true}, {1, false}, {0, true}} {
		if ok := l.add(10+i, c.size); ok != c.want {
			t.Errorf("item %d of %d bytes: %v", i, c.size, ok)
		}
	}
	drained, again := l.drained(), l.drained()
	select {
	case <-drained:
		t.Error("drained while at work")
	default:
	}
	goOn <- struct{}{}
	<-begun
	if !l.add(20, 6) || l.add(21, 1) {
		t.Error("the first batch still counts")
	}
	close(goOn)
	<-begun
	<-drained
	<-again
	<-l.drained()
	if want := []int{1, 11, 12, 14, 20}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLaneManyAdders(t *testing.T) {
	var sum int
	l := lane[int]{limit: 1 << 30, work: func(batch []int) {
		for _, i := range batch {
			sum += i
		}
	}}
	var adders sync.WaitGroup
	for range 8 {
		adders.Go(func() {
			for i := range 1000 {
				l.add(i, 1)
				if i%100 == 0 {
					<-l.drained()
				}
			}
		})
	}
	adders.Wait()
	<-l.drained()
	if sum != 8*999*500 {
		t.Errorf("sum %d", sum)
	}
}

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
