//go:build !linux

// Command tunnels measures what a WebSocket costs that leads through another node. It needs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "tunnels: this needs Linux: the nodes are measured with /proc")
	os.Exit(1)
}
