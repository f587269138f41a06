package engineio

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Everything is done, by few.
func TestBacklog(t *testing.T) {
	l := backlog{most: 2}
	var all sync.WaitGroup
	var at, most, done atomic.Int32
	enough := make(chan struct{})
	var once sync.Once
	for range 50 {
		all.Add(1)
		l.add(func() {
			defer all.Done()
			n := at.Add(1)
			if n == 2 {
				once.Do(func() { close(enough) })
			}
			for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
			}
			<-enough // both of them are at work
			done.Add(1)
			at.Add(-1)
		})
	}
	all.Wait()
	l.do(func() { done.Add(1) })
	if most.Load() != 2 || done.Load() != 51 {
		t.Errorf("%d at once, %d done", most.Load(), done.Load())
	}
	eventually(t, "its goroutines to end", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.running == 0
	})
}
