//go:build !linux

// Command api measures the gateway's server API. It needs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "api: this needs Linux: the load is generated with epoll, "+
		"and the servers are pinned and measured with its scheduler and /proc")
	os.Exit(1)
}
