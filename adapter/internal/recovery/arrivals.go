package recovery

// What a server knows of the entries of a log that have come.

import (
	"sync/atomic"
)

// Arrivals are the entries that have come. They belong to the inbox's goroutine. Each server numbers its entries: one
// that it does not know to have added it adds again, and the second one is passed over.
type Arrivals struct {
	// At is the offset of the last entry that was dealt with, at first the one to begin behind; "" before that.
	At string

	// Own is this server's id.
	Own string
	// Missed counts entries that were cut off the log before this server had read them, or that their server could not
	// add; Warn is told of them.
	Missed *atomic.Int64
	Warn   func(server string, missed, total int64)

	recovering *Adapter // nil where there is no recovery

	lastSeq map[string]uint64 // of each server's entries
	missing map[entry]bool    // those before that have not come
	repeats map[string]bool   // offsets of entries that repeat an earlier one
}

// An entry is one of a server.
type entry struct {
	server string
	seq    uint64
}

// rememberedSeqs bounds lastSeq, missing and repeats.
const rememberedSeqs = 10_000

// DealtWith notes the offset of the last entry.
func (in *Arrivals) DealtWith(offset string) {
	in.At = offset
	if in.recovering != nil {
		in.recovering.beginCaptures()
	}
}

// IsRepeated reports whether an entry repeats an earlier one of its server, and remembers it. An entry that comes late
// does not: the broker had refused it, and taken one behind it.
func (in *Arrivals) IsRepeated(offset, server string, seq uint64) bool {
	if in.lastSeq == nil {
		in.lastSeq, in.missing = make(map[string]uint64), make(map[entry]bool)
		in.repeats = make(map[string]bool)
	}
	last, known := in.lastSeq[server]
	if late := (entry{server, seq}); seq <= last && in.missing[late] {
		delete(in.missing, late)
		in.Missed.Add(-1)
		return false
	}
	if seq <= last {
		if len(in.repeats) >= rememberedSeqs {
			clear(in.repeats)
		}
		in.repeats[offset] = true
		return true
	}
	if known && seq > last+1 && server != in.Own {
		in.miss(server, last+1, seq)
	}
	if len(in.lastSeq) >= rememberedSeqs { // most of the servers are gone
		clear(in.lastSeq)
	}
	in.lastSeq[server] = seq
	return false
}

// miss notes that a server's entries from one number up to another have not come.
func (in *Arrivals) miss(server string, from, to uint64) {
	total := in.Missed.Add(int64(to - from))
	if len(in.missing) >= rememberedSeqs {
		clear(in.missing)
	}
	for seq := max(from, to-min(to, rememberedSeqs/10)); seq < to; seq++ {
		in.missing[entry{server, seq}] = true
	}
	in.Warn(server, int64(to-from), total)
}

// Remembered is the largest number of entries, or servers, that is remembered for one purpose.
func (in *Arrivals) Remembered() int { return max(len(in.lastSeq), len(in.missing), len(in.repeats)) }
