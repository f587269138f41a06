package nats

// Frames: what stands before a message on its way, so that it may come twice, or in parts.

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// A process is the id of a Broker, new at each start.
type process [8]byte

// A frame is a message, or a part of one, as it travels: a byte of flags; the sender, 8 bytes; its number for the
// message, 8 bytes, big-endian as all numbers here; of a part its index and how many there are, 4 bytes each; and the
// data.
type frame struct {
	again  bool // the message may have been sent before
	sender process
	seq    uint64
	index  uint32
	count  uint32 // 0: the message is whole
	data   []byte
}

const (
	frameVersion = 0x01
	frameAgain   = 0x10
	framePart    = 0x20

	wholeHeader = 1 + 8 + 8
	partHeader  = wholeHeader + 4 + 4

	// mostParts bounds how many parts a message may have.
	mostParts = 1 << 16
)

var errFrame = errors.New("nats: malformed frame")

// append appends f as bytes.
func (f *frame) append(b []byte) []byte {
	flags := byte(frameVersion)
	if f.again {
		flags |= frameAgain
	}
	if f.count > 0 {
		flags |= framePart
	}
	b = append(b, flags)
	b = append(b, f.sender[:]...)
	b = binary.BigEndian.AppendUint64(b, f.seq)
	if f.count > 0 {
		b = binary.BigEndian.AppendUint32(b, f.index)
		b = binary.BigEndian.AppendUint32(b, f.count)
	}
	return append(b, f.data...)
}

// parseFrame reads a frame, whose data refers to b.
func parseFrame(b []byte) (f frame, err error) {
	if len(b) < wholeHeader || b[0]&^(frameAgain|framePart) != frameVersion {
		return f, errFrame
	}
	f.again = b[0]&frameAgain != 0
	copy(f.sender[:], b[1:9])
	f.seq = binary.BigEndian.Uint64(b[9:17])
	if f.seq == 0 {
		return f, errFrame
	}
	if b[0]&framePart == 0 {
		f.data = b[wholeHeader:]
		return f, nil
	}
	if len(b) <= partHeader {
		return f, errFrame
	}
	f.index, f.count = binary.BigEndian.Uint32(b[17:21]), binary.BigEndian.Uint32(b[21:25])
	f.data = b[partHeader:]
	if f.count < 2 || f.count > mostParts || f.index >= f.count {
		return f, errFrame
	}
	return f, nil
}

// partsOf is how many parts of so many bytes a message has; 0 where those would be too many, or parts of nothing.
func partsOf(size, part int) int {
	if part <= 0 || (size-1)/part >= mostParts {
		return 0
	}
	return (size + part - 1) / part
}

// A source is what is known of what one sender has sent to one subject. Its messages there come in the order of their
// numbers, and not all numbers come.
type source struct {
	last  uint64 // the number of its last message
	again uint64 // of the last that was sent again
	whole assembly
}

// An assembly is a message of which some parts have come. The zero value is none.
type assembly struct {
	seq   uint64
	next  uint32
	count uint32
	data  []byte
	since time.Time
}

// isRepeated reports whether a message repeats an earlier one. One that its server has sent again may come first, and
// the one before late, from a connection that both had given up.
func (s *source) isRepeated(f *frame) bool {
	return f.again && f.seq <= s.last || f.seq <= s.again
}

func (s *source) note(f *frame) {
	if f.again {
		s.again = f.seq
	}
	s.last = max(s.last, f.seq)
}

// An assembler puts messages together, within a bound. It belongs to one goroutine.
type assembler struct {
	limit int // bytes of all assemblies
	bytes int
	lost  func() // a message will not be whole
}

// take takes a frame of s. It returns a message that is whole now, which may be empty; ok is false where there is none.
func (a *assembler) take(s *source, f *frame, now time.Time) (data []byte, ok bool) {
	if s.isRepeated(f) {
		return nil, false
	}
	if f.count == 0 {
		a.drop(s, f.seq)
		s.note(f)
		return f.data, true
	}
	w := &s.whole
	switch {
	case f.index == 0:
		a.drop(s, f.seq)
		*w = assembly{seq: f.seq, count: f.count, since: now}
	case w.seq != f.seq || w.next != f.index || w.count != f.count:
		if w.seq != f.seq || w.next != f.index+1 { // else this part has come twice
			a.drop(s, 0)
		}
		return nil, false
	}
	if a.bytes+len(f.data) > a.limit {
		a.drop(s, 0)
		return nil, false
	}
	a.bytes += len(f.data)
	if w.data == nil { // all parts but the last are as long as the first; what is announced is not believed
		w.data = make([]byte, 0, min(len(f.data)*int(f.count), 4<<20))
	}
	w.data = append(w.data, f.data...)
	w.next++
	if w.next < w.count {
		return nil, false
	}
	data = slices.Clip(w.data)
	a.bytes -= len(data)
	*w = assembly{}
	s.note(f)
	return data, true
}

// drop forgets what has come of a message. It is lost, unless that message begins anew now.
func (a *assembler) drop(s *source, begins uint64) {
	if s.whole.count == 0 {
		return
	}
	if s.whole.seq != begins {
		a.lost()
	}
	a.bytes -= len(s.whole.data)
	s.whole = assembly{}
}
