//go:build unix

package openfiles

import (
	"math"
	"syscall"
)

// limit is how many files this process may have open at once, if that has a bound.
func limit() (int, bool) {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil || l.Cur > math.MaxInt32 {
		return 0, false
	}
	return int(l.Cur), true
}
