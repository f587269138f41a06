// Package freeaddr finds addresses for the servers that tests start.
package freeaddr

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports below those that Linux (32768) and macOS (49152) give out by themselves. With one of theirs, any connection that
// another test opens before the server has started can take it.
const firstPort, lastPort = 15000, 31999

// blockSize is how many ports a test's process has to itself: go test runs several at once, and between two that find the
// same port the first server to start would decide. The first port of a block is listened on as the sign that it is taken.
const blockSize = 200

var (
	mu    sync.Mutex
	block net.Listener // on the first port of this process's block; nil before the first Find
	found int          // ports of the block
)

// Find returns an address of 127.0.0.1 on which nobody listens, and which nobody gets who does not ask for it by number.
func Find() (string, error) {
	mu.Lock()
	defer mu.Unlock()
	if block == nil {
		var err error
		if block, err = claim(); err != nil {
			return "", err
		}
	}
	first := block.Addr().(*net.TCPAddr).Port
	for range blockSize - 1 {
		port := first + 1 + found%(blockSize-1)
		found++
		if l, err := listen(port); err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", fmt.Errorf("the ports %d to %d are all in use", first, first+blockSize-1)
}

// claim takes a block that no other process has, until this one ends.
func claim() (net.Listener, error) {
	var err error
	for _, i := range rand.Perm((lastPort - firstPort + 1) / blockSize) {
		var l net.Listener
		if l, err = listen(firstPort + i*blockSize); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no block of ports can be had: %w", err)
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

// Need is Find for a test, which fails where there is none.
func Need(t testing.TB) string {
	t.Helper()
	addr, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
