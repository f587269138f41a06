package admission

// Whether there is memory for one more guest, before the garbage collector finds out. The nearer what is alive comes to
// the memory limit, the oftener it runs, until the program does little else.

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// memoryEvery is how often the runtime is asked at most.
const memoryEvery = 100 * time.Millisecond

// A memory estimates what is alive: what was at the end of the last collection, and what guests hold that have come
// since. What the heap has in all would not do: most of the time half of it is garbage that nobody has looked at.
type memory struct {
	read func() usage

	held int64 // by guests, now

	at        time.Time
	last      usage
	heldThere int64 // by guests, at the end of the last collection
}

// usage is what the runtime says.
type usage struct {
	limit  int64  // GOMEMLIMIT, math.MaxInt64 where there is none
	alive  int64  // bytes at the end of the last collection, and all that is not on the heap
	cycles uint64 // collections that have ended
}

// short reports whether more than a share of the limit is alive.
func (m *memory) short(share float64, now time.Time) bool {
	if m.at.IsZero() || now.Sub(m.at) >= memoryEvery {
		m.at = now
		u := m.read()
		if u.cycles != m.last.cycles {
			m.heldThere = m.held
		}
		m.last = u
	}
	if m.last.limit == math.MaxInt64 {
		return false
	}
	return float64(m.last.alive+max(m.held-m.heldThere, 0)) > share*float64(m.last.limit)
}

// readMemory asks the runtime, which takes some microseconds.
func readMemory() usage {
	u := usage{limit: debug.SetMemoryLimit(-1)}
	if u.limit == math.MaxInt64 {
		return u
	}
	samples := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/total:bytes"},
		// What of that is heap, in use or not.
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
	}
	metrics.Read(samples)
	value := func(i int) int64 {
		if samples[i].Value.Kind() != metrics.KindUint64 { // a runtime that does not know it
			return 0
		}
		return int64(samples[i].Value.Uint64())
	}
	u.cycles = uint64(value(0))
	u.alive = value(1) + max(value(2)-value(3)-value(4)-value(5)-value(6), 0)
	return u
}
