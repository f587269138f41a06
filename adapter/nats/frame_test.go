package nats

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

func TestFrames(t *testing.T) {
	sender := process{1, 2, 3, 4, 5, 6, 7, 8}
	for _, f := range []frame{
		{sender: sender, seq: 1, data: []byte("x")},
		{sender: sender, seq: 1<<64 - 1, again: true, data: []byte{}},
		{sender: sender, seq: 7, index: 3, count: 4, data: []byte("last")},
		{sender: sender, seq: 7, again: true, index: 0, count: mostParts, data: []byte("first")},
	} {
		got, err := parseFrame(f.append(nil))
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("got %+v, %v; want %+v", got, err, f)
		}
	}
	for _, f := range []frame{
		{sender: sender, seq: 0, data: []byte("no number")},
		{sender: sender, seq: 1, count: 1, data: []byte("one part is none")},
		{sender: sender, seq: 1, index: 2, count: 2, data: []byte("past the last")},
		{sender: sender, seq: 1, count: mostParts + 1, data: []byte("too many")},
		{sender: sender, seq: 1, index: 1, count: 2},
	} {
		if got, err := parseFrame(f.append(nil)); err == nil {
			t.Errorf("%+v was taken", got)
		}
	}
	whole := (&frame{sender: sender, seq: 1, count: 2, data: []byte("x")}).append(nil)
	for n := range whole {
		if _, err := parseFrame(whole[:n]); err == nil {
			t.Errorf("%d bytes of a frame were taken", n)
		}
	}
	if _, err := parseFrame(append([]byte{frameVersion + 1}, whole[1:]...)); err == nil {
		t.Error("a frame of another version was taken")
	}
}

func TestPartsOf(t *testing.T) {
	for _, c := range []struct{ size, part, want int }{
		{1, 1, 1}, {10, 5, 2}, {11, 5, 3}, {mostParts, 1, mostParts}, {mostParts + 1, 1, 0}, {5, 0, 0}, {5, -1, 0},
	} {
		if got := partsOf(c.size, c.part); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
}

// What a connection may do to messages: each is taken once, in order, or not at all.
func TestAssembler(t *testing.T) {
	whole := func(seq uint64, again bool) frame { return frame{seq: seq, again: again, data: []byte{byte(seq)}} }
	part := func(seq uint64, i, n uint32, again bool) frame {
		return frame{seq: seq, index: i, count: n, again: again, data: bytes.Repeat([]byte{byte(seq)}, 10)}
	}
	for _, c := range []struct {
		name   string
		frames []frame
		want   []byte // the numbers of what is taken
		lost   int
	}{
		{"in order, with gaps", []frame{whole(1, false), whole(2, false), whole(5, false)}, []byte{1, 2, 5}, 0},
		{"sent again, and had come", []frame{whole(1, false), whole(2, false), whole(1, true), whole(2, true),
			whole(3, false)}, []byte{1, 2, 3}, 0},
		{"sent again, and had not come", []frame{whole(1, false), whole(2, true), whole(3, true)}, []byte{1, 2, 3}, 0},
		{"the first comes late", []frame{whole(1, true), whole(2, true), whole(1, false), whole(2, false)},
			[]byte{1, 2}, 0},
		{"another number from the start", []frame{whole(9, false), whole(3, true)}, []byte{9}, 0},
		{"parts", []frame{part(1, 0, 3, false), part(1, 1, 3, false), part(1, 2, 3, false), whole(2, false)},
			[]byte{1, 2}, 0},
		{"a part is missing", []frame{part(1, 0, 3, false), part(1, 2, 3, false), whole(2, false)}, []byte{2}, 1},
		{"the first is missing", []frame{part(1, 1, 3, false), part(1, 2, 3, false), whole(2, false)}, []byte{2}, 0},
		{"the end is missing", []frame{part(1, 0, 3, false), whole(2, false)}, []byte{2}, 1},
		{"another begins", []frame{part(1, 0, 2, false), part(2, 0, 2, false), part(2, 1, 2, false)}, []byte{2}, 1},
		{"a part twice", []frame{part(1, 0, 2, false), part(1, 0, 2, false), part(1, 1, 2, false)}, []byte{1}, 0},
		{"a later part twice", []frame{part(1, 0, 3, false), part(1, 1, 3, false), part(1, 1, 3, false),
			part(1, 2, 3, false)}, []byte{1}, 0},
		{"sent again from the start", []frame{part(1, 0, 3, false), part(1, 1, 3, false), part(1, 0, 3, true),
			part(1, 1, 3, true), part(1, 2, 3, true), whole(2, false)}, []byte{1, 2}, 0},
		{"sent again, had come, in smaller parts", []frame{part(1, 0, 2, false), part(1, 1, 2, false),
			part(1, 0, 3, true), part(1, 1, 3, true), part(1, 2, 3, true)}, []byte{1}, 0},
		{"more than may wait", []frame{part(1, 0, 9, false), part(1, 1, 9, false), part(1, 2, 9, false),
			part(1, 3, 9, false), part(1, 4, 9, false), whole(2, false)}, []byte{2}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			lost := 0
			a := assembler{limit: 35, lost: func() { lost++ }}
			var s source
			var got []byte
			for _, f := range c.frames {
				if data, ok := a.take(&s, &f, time.Now()); ok {
					got = append(got, data[0])
				}
			}
			if !bytes.Equal(got, c.want) || lost != c.lost || a.bytes != 0 {
				t.Errorf("got %v, want %v; %d lost, want %d; %d bytes wait", got, c.want, lost, c.lost, a.bytes)
			}
		})
	}
}

func FuzzFrame(f *testing.F) {
	sender := process{1}
	f.Add((&frame{sender: sender, seq: 1, data: []byte("x")}).append(nil))
	f.Add((&frame{sender: sender, seq: 1, again: true, index: 1, count: 3, data: []byte("x")}).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := parseFrame(b)
		if err == nil && !bytes.Equal(frame.append(nil), b) {
			t.Errorf("%x is %x", b, frame.append(nil))
		}
	})
}
