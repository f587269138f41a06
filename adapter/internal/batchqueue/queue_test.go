package batchqueue

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestOrder adds from one goroutine while the work goes on: all items come in order, from one goroutine at a time, in
// batches, and nobody is left when all is done.
func TestOrder(t *testing.T) {
	before := runtime.NumGoroutine()
	var got []int
	var batches int
	var inside atomic.Int32
	q := New(1<<30, func(batch []int) {
		if inside.Add(1) != 1 {
			t.Error("two batches at once")
		}
		batches++
		got = append(got, batch...)
		time.Sleep(100 * time.Microsecond)
		inside.Add(-1)
	})
	const n = 10_000
	var want []int
	for i := range n {
		if !q.Add(i, 1) {
			t.Fatalf("item %d was turned away", i)
		}
		want = append(want, i)
	}
	<-q.Drained()
	if !slices.Equal(got, want) || batches == n {
		t.Errorf("%d items in %d batches, in order: %v", len(got), batches, slices.IsSorted(got))
	}
	if items, bytes := q.Depth(); items != 0 || bytes != 0 || cap(q.queued) > keptItems {
		t.Errorf("at rest: %d items of %d bytes, room for %d", items, bytes, cap(q.queued))
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a goroutine stays")
		}
	}
	q.Add(n, 1) // and it goes on
	<-q.Drained()
	if got[n] != n {
		t.Errorf("after a rest: %d", got[n])
	}
}

// TestLimit counts what is being worked on too.
func TestLimit(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	var got []int
	q := New(10, func(batch []int) {
		got = append(got, batch...)
		begun <- struct{}{}
		<-goOn
	})
	if q.Add(0, 11) {
		t.Error("an item larger than the queue was taken")
	}
	q.Add(1, 6)
	<-begun
	for i, c := range []struct {
		size int
		want bool
	}{{5, false}, {3, true}, {1, true}, {1, false}, {0, true}} {
		if ok := q.Add(10+i, c.size); ok != c.want {
			t.Errorf("item %d of %d bytes: %v", i, c.size, ok)
		}
	}
	drained, again := q.Drained(), q.Drained()
	select {
	case <-drained:
		t.Error("drained while at work")
	default:
	}
	goOn <- struct{}{}
	<-begun
	if !q.Add(20, 6) || q.Add(21, 1) {
		t.Error("the first batch still counts")
	}
	close(goOn)
	<-begun
	<-drained
	<-again
	<-q.Drained()
	if want := []int{1, 11, 12, 14, 20}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestManyAdders(t *testing.T) {
	var sum int
	q := New(1<<30, func(batch []int) {
		for _, i := range batch {
			sum += i
		}
	})
	var adders sync.WaitGroup
	for range 8 {
		adders.Go(func() {
			for i := range 1000 {
				q.Add(i, 1)
				if i%100 == 0 {
					<-q.Drained()
				}
			}
		})
	}
	adders.Wait()
	<-q.Drained()
	if sum != 8*999*500 {
		t.Errorf("sum %d", sum)
	}
}

// TestAddWait waits for room, and for no longer than its context.
func TestAddWait(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	var got []int
	q := New(10, func(batch []int) {
		got = append(got, batch...)
		begun <- struct{}{}
		<-goOn
	})
	q.Add(1, 10)
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.AddWait(ctx, 2, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("full, with a context that is done: %v", err)
	}
	if err := q.AddWait(ctx, 3, 11); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an item larger than the queue: %v", err)
	}
	added := make(chan error, 2)
	for range 2 {
		go func() { added <- q.AddWait(t.Context(), 4, 10) }()
	}
	select {
	case err := <-added:
		t.Errorf("added to a full queue: %v", err)
	default:
	}
	for range 2 { // the queue has room for one item at a time
		goOn <- struct{}{}
		<-begun
	}
	goOn <- struct{}{}
	for range 2 {
		if err := <-added; err != nil {
			t.Error(err)
		}
	}
	<-q.Drained()
	if want := []int{1, 4, 4}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
