//go:build !unix

package engineio

// fileLimit reports false: there is no bound on open files.
func fileLimit() (int, bool) { return 0, false }
