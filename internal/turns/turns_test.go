package turns_test

import (
	"bytes"
	"sync/atomic"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

type reader struct{ looks atomic.Int32 }

func (r *reader) Look() { r.looks.Add(1) }

// Each reader is told as long as it is there; one that is added twice goes with its second removal.
func TestYieldTellsReaders(t *testing.T) {
	a, b := new(reader), new(reader)
	turns.Yield()
	turns.Add(a)
	turns.Add(b)
	turns.Yield()
	turns.Remove(a)
	turns.Remove(a)
	turns.Add(b)
	turns.Remove(b)
	turns.Yield()
	turns.Remove(b)
	turns.Yield()
	if a.looks.Load() != 1 || b.looks.Load() != 2 {
		t.Errorf("they have been told %d and %d times", a.looks.Load(), b.looks.Load())
	}
}

// What is appended is the same as with append, and others have their turn in the middle of what is long.
func TestAppend(t *testing.T) {
	r := new(reader)
	turns.Add(r)
	defer turns.Remove(r)
	for _, n := range []int{0, 1, 32 << 10, 32<<10 + 1, 1 << 20} {
		r.looks.Store(0)
		src := bytes.Repeat([]byte("abc"), n/3+1)[:n]
		got := turns.Append([]byte("before "), src)
		if string(got) != "before "+string(src) {
			t.Errorf("%d bytes: not what append makes", n)
		}
		if looks, want := int(r.looks.Load()), max(n-1, 0)/(32<<10); looks != want {
			t.Errorf("%d bytes: others had %d turns, want %d", n, looks, want)
		}
	}
}
