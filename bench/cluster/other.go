//go:build !linux

// Command cluster measures five nodes as one. It needs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "cluster: this needs Linux: the load is generated with epoll, "+
		"and the servers are pinned and measured with its scheduler and /proc")
	os.Exit(1)
}
