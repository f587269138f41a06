// Package await waits for what another process does and tells nobody of: a server that listens, a client that is back.
package await

import "time"

// between is the pause between two looks.
const between = 5 * time.Millisecond

// Until looks again and again whether ok holds, and reports whether it did before timeout had passed.
func Until(timeout time.Duration, ok func() bool) bool {
	deadline := time.Now().Add(timeout)
	for !ok() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(between)
	}
	return true
}
