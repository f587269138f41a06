package wsframe

import (
	"errors"
	"fmt"
	"testing"
)

func TestCloseCode(t *testing.T) {
	for err, want := range map[error]uint16{
		errSequence: 1002, errInflate: 1007, errTooBig: 1009,
		fmt.Errorf("reading: %w", errTooBig): 1009, errors.New("the sink's"): 1007,
	} {
		if got := CloseCode(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}
