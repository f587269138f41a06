//go:build !linux

// Command abuse measures what clients in good faith notice of an attack. It needs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "abuse: this needs Linux: the load is generated with epoll, "+
		"and the servers are pinned and measured with its scheduler and /proc")
	os.Exit(1)
}
