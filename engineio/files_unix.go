//go:build unix

package engineio

import (
	"math"
	"syscall"
)

// fileLimit is how many files this process may have open at once, if that has a bound.
func fileLimit() (int, bool) {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || limit.Cur > math.MaxInt32 {
		return 0, false
	}
	return int(limit.Cur), true
}
