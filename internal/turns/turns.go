// Package turns lets long work share the cores with the reading of connections.
//
// Go's scheduler looks at the network only where no goroutine is left to run. One that computes for long and calls
// runtime.Gosched now and then is always left, so what comes from clients would wait until Go's own watch looks: for
// ten milliseconds.
package turns

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// A Reader waits for what comes from clients.
type Reader interface {
	// Look has it look whether something has come. It does not block, and may be called by any goroutine.
	Look()
}

var (
	mu      sync.Mutex // of changing readers
	readers atomic.Pointer[[]Reader]
)

// Add has Yield tell r too.
func Add(r Reader) { change(func(all []Reader) []Reader { return append(all, r) }) }

// Remove undoes Add.
func Remove(r Reader) {
	change(func(all []Reader) []Reader {
		if i := slices.Index(all, r); i >= 0 {
			all = slices.Delete(all, i, i+1)
		}
		return all
	})
}

func change(to func([]Reader) []Reader) {
	mu.Lock()
	defer mu.Unlock()
	var all []Reader
	if now := readers.Load(); now != nil {
		all = slices.Clone(*now)
	}
	all = to(all)
	readers.Store(&all)
}

// piece is how much Append copies until others have their turn, in bytes. In memory that is new it takes a tenth of a
// millisecond or more: the kernel makes each page when it is first written to.
const piece = 32 << 10

// Append appends src to dst, and gives others their turn where that is long work.
func Append(dst, src []byte) []byte {
	if need := len(dst) + len(src); need > cap(dst) {
		// slices.Grow writes to all of it, at once.
		dst = append(make([]byte, 0, max(need, 2*cap(dst))), dst...)
	}
	for len(src) > piece {
		dst = append(dst, src[:piece]...)
		src = src[piece:]
		Yield()
	}
	return append(dst, src...)
}

// Yield gives the core to whoever has something to do, what has just come from clients included. Long work calls it
// about every quarter of a millisecond.
func Yield() {
	if all := readers.Load(); all != nil {
		for _, r := range *all {
			r.Look()
		}
	}
	runtime.Gosched()
}
