package nats

// Chunks: what one message of the stream holds. All that one server has to say of a namespace while NATS confirms the
// chunk before goes into the next, so that there is one on its way at a time, and the order stays whatever is refused.

import (
	"encoding/binary"
	"errors"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
)

// A chunk is a byte that says what follows; the length of the sender's id in one byte, and the id; then
//
//	whole   entries: number, type, length of the data, data
//	part    one entry's number and type; the part's index; how many there are; the sequence, in the stream, of the
//	        first of them, 0 in that itself; and of the entry's data the part
//
// Numbers are unsigned varints.
type chunk struct {
	sender  string
	entries []chunkEntry // one where it is a part
	part    partOf
}

// A partOf says which part of its entry a chunk holds. The zero value: no part.
type partOf struct {
	index, count, first uint64
}

// A chunkEntry is a message in a chunk.
type chunkEntry struct {
	seq  uint64 // of its sender's in the namespace
	typ  cluster.Type
	data []byte
}

const (
	chunkWhole = 0x01
	chunkPart  = 0x02

	// chunkOverhead is at most how many bytes a chunk, or an entry, has beside the data.
	chunkOverhead = 2 + 255 + 5*binary.MaxVarintLen64

	// seqMost is the largest number of an entry. No server says so much, and all up to it would be missing.
	seqMost = 1 << 53
)

var errChunk = errors.New("nats: malformed chunk")

// beginChunk is the beginning of a chunk.
func beginChunk(kind byte, sender string) []byte {
	return append([]byte{kind, byte(len(sender))}, sender...)
}

// appendTo appends an entry to a chunk of whole ones.
func (e *chunkEntry) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, e.seq)
	b = binary.AppendUvarint(b, uint64(e.typ))
	b = binary.AppendUvarint(b, uint64(len(e.data)))
	return append(b, e.data...)
}

// part returns a chunk with a part of an entry.
func (e *chunkEntry) part(sender string, p partOf, data []byte) []byte {
	b := beginChunk(chunkPart, sender)
	for _, n := range []uint64{e.seq, uint64(e.typ), p.index, p.count, p.first} {
		b = binary.AppendUvarint(b, n)
	}
	return append(b, data...)
}

// parseChunk reads a chunk, whose data refers to b.
func parseChunk(b []byte) (c chunk, err error) {
	if len(b) < 2 || len(b) < 2+int(b[1]) {
		return c, errChunk
	}
	kind := b[0]
	c.sender, b = string(b[2:2+int(b[1])]), b[2+int(b[1]):]
	number := func() uint64 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > seqMost {
			err, size = errChunk, len(b)
		}
		b = b[size:]
		return n
	}
	entry := func() (e chunkEntry) {
		e.seq, e.typ = number(), cluster.Type(number())
		if e.seq == 0 {
			err = errChunk
		}
		return e
	}
	switch kind {
	case chunkWhole:
		for len(b) > 0 && err == nil {
			e := entry()
			n := number()
			if n > uint64(len(b)) {
				return c, errChunk
			}
			e.data, b = b[:n:n], b[n:]
			c.entries = append(c.entries, e)
		}
	case chunkPart:
		e := entry()
		c.part.index, c.part.count = number(), number()
		n, size := binary.Uvarint(b)
		if size <= 0 || c.part.count < 2 || c.part.count > mostParts || c.part.index >= c.part.count ||
			(n == 0) != (c.part.index == 0) {
			return c, errChunk
		}
		c.part.first, e.data = n, b[size:]
		c.entries = []chunkEntry{e}
	default:
		return c, errChunk
	}
	return c, err
}

// A partial is an entry of which some parts have come. The zero value is none.
type partial struct {
	seq  uint64
	next uint64 // the index that it waits for
	data []byte
}

// take takes a part. It returns the entry's data when that was the last one. What does not follow is dropped: it is a
// repetition, or has lost what was before it. more is how many bytes the partial has grown by.
func (p *partial) take(c *chunk, limit int) (data []byte, ok bool, more int) {
	e := &c.entries[0]
	before := len(p.data)
	switch {
	case c.part.index == 0 && (p.seq != e.seq || p.next <= 1):
		*p = partial{seq: e.seq}
	case p.seq != e.seq || p.next != c.part.index:
		return nil, false, 0
	}
	if len(p.data)+len(e.data) > limit {
		*p = partial{}
		return nil, false, -before
	}
	p.data = append(p.data, e.data...)
	if p.next++; p.next < c.part.count {
		return nil, false, len(p.data) - before
	}
	data = p.data
	*p = partial{}
	return data, true, -before
}
