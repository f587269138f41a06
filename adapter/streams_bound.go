package adapter

// How long a stream may become, in entries and in bytes.

import (
	"context"
	"sync"
	"time"
)

// entryOverhead is about what Redis keeps of an entry beside its data.
const entryOverhead = 128

// A streamBound says how many entries a stream may have so that it keeps to its bytes. It measures the entries that
// come in. Where Redis's memory is full all the same, the bound is lowered, and rises again in time.
type streamBound struct {
	mostEntries int64
	mostBytes   int64

	mu      sync.Mutex
	budget  int64 // of bytes, at most mostBytes
	lowered time.Time
	sizes   []int64 // of the newest entries that fit into the budget, oldest first
	bytes   int64   // of these
}

const (
	// leastBudget is what a bound is lowered to at least.
	leastBudget = 1 << 20
	// riseAfter is how long after it was lowered a bound is doubled again.
	riseAfter = 30 * time.Second
)

func newStreamBound(entries, bytes int64) *streamBound {
	return &streamBound{mostEntries: entries, mostBytes: bytes, budget: bytes}
}

// saw takes note of an entry of so many bytes.
func (b *streamBound) saw(size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sizes = append(b.sizes, int64(size)+entryOverhead)
	b.bytes += int64(size) + entryOverhead
	b.fit()
}

// fit forgets the oldest entries that do not fit. It is called with mu held.
func (b *streamBound) fit() {
	n := 0
	for n < len(b.sizes)-1 && (b.bytes > b.budget || int64(len(b.sizes)-n) > b.mostEntries) {
		b.bytes -= b.sizes[n]
		n++
	}
	b.sizes = b.sizes[n:]
}

// entries is how many entries the stream may have.
func (b *streamBound) entries() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.budget < b.mostBytes && time.Since(b.lowered) > riseAfter {
		b.budget, b.lowered = min(2*b.budget, b.mostBytes), time.Now()
	}
	if b.bytes == 0 {
		return b.mostEntries
	}
	return max(min(b.fitting(), b.mostEntries), 1)
}

// fitting is how many entries fit into the budget, of the size that they have; 0 where that is not known. There may be
// more in the stream than this server has seen. It is called with mu held.
func (b *streamBound) fitting() int64 {
	if b.bytes == 0 {
		return 0
	}
	return int64(float64(len(b.sizes)) * float64(b.budget) / float64(b.bytes))
}

// bytesOnly is how many entries the stream may have where only their bytes count, so many times the budget.
func (b *streamBound) bytesOnly(times int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes == 0 {
		return times * b.mostEntries
	}
	return max(times*b.fitting(), 1)
}

// lower halves the bound, and returns how many entries the stream may have then.
func (b *streamBound) lower() int64 {
	b.mu.Lock()
	b.budget, b.lowered = max(b.budget/2, min(leastBudget, b.mostBytes)), time.Now()
	b.fit()
	b.mu.Unlock()
	return b.entries()
}

// unread is how many bytes of one server's entries may be in the stream and not be read yet.
func (b *streamBound) unread() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.budget / 4
}

// makeRoom cuts a stream, as Redis has no memory for another entry. Servers that are behind miss what they have not
// read, which they count; otherwise nobody could say anything any more.
func (s *streams) makeRoom(ctx context.Context, stream string, bound *streamBound) {
	ctx, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	entries := bound.lower()
	cut, err := s.redis.sender.XTrimMaxLen(ctx, stream, entries).Result()
	if err != nil {
		s.redis.throttled.Warn("stream cannot be cut", "redis", s.redis.name, "stream", stream, "error", err)
		return
	}
	if cut == 0 {
		// Other keys fill the memory, or other streams: the next time half of it goes.
		return
	}
	s.redis.throttled.Warn("Redis's memory is full: the stream is cut", "redis", s.redis.name, "stream", stream,
		"entries", cut, "left", entries, "trims_total", s.redis.stats.trims.Add(1))
}
