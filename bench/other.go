//go:build !linux

// Command bench compares the gateway with the servers that a team might run instead of it. It needs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: this needs Linux: the load is generated with epoll, "+
		"and the servers are pinned and measured with its scheduler and /proc")
	os.Exit(1)
}
