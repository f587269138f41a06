package socketio

// Answers that not all servers of a cluster have contributed to.

import (
	"errors"
	"fmt"
)

// ErrIncomplete is matched by the error of a request that not every server of the cluster has answered. What has
// arrived is returned with it: who is missing there may be on a server that did not answer.
var ErrIncomplete = errors.New("socketio: not all servers have answered")

// An IncompleteError says how incomplete an answer is. It matches ErrIncomplete.
type IncompleteError struct {
	// Answered is how many other servers have answered.
	Answered int
	// Missing is how many other servers have not: those that are frozen or cut off, and whatever else the broker counts
	// as one of them. It is -1 where that is not known, as the broker could not be asked how many there are.
	Missing int
	// Err, if not nil, is why: the broker's error, or that of the context.
	Err error
}

func (e *IncompleteError) Error() string {
	text := ErrIncomplete.Error()
	if e.Missing >= 0 {
		text = fmt.Sprintf("%v: %d of %d", ErrIncomplete, e.Answered, e.Answered+e.Missing)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is reports whether target is ErrIncomplete.
func (e *IncompleteError) Is(target error) bool { return target == ErrIncomplete }

// Unwrap returns Err.
func (e *IncompleteError) Unwrap() error { return e.Err }
