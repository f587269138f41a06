package turns_test

import (
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
