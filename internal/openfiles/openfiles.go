// Package openfiles says how many of the files that a process may open are for connections: the rest is in reserve, for
// health checks, for metrics and for Redis.
package openfiles

// The files that are kept from connections: a share of their limit, and its bounds. Those that are accepted at once, up
// to 64, have files before it is known whether they are let in.
const (
	share     = 16
	minToKeep = 128
	maxToKeep = 1024
)

// ForConnections is how many of the files that this process may open are for connections, if there is a bound. The
// lowest number that is free is a new descriptor's: one that is not below this takes of the reserve.
func ForConnections() (int, bool) {
	limit, known := limit()
	return limit - reserve(limit), known
}

// Reserve is how many of them are for everything else.
func Reserve() (int, bool) {
	limit, known := limit()
	return reserve(limit), known
}

func reserve(limit int) int { return min(limit/2, max(limit/share, minToKeep), maxToKeep) }
