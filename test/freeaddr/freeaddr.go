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

// The ports lie below those that Linux (from 32768) and macOS (from 49152) give to outgoing connections. A connection
// of another test could take such a port before the server that it was meant for listens.
const firstPort, lastPort = 15000, 31999

// blockSize is how many ports each test process has to itself. go test runs several processes at once; without blocks
// two could find the same port. Listening on a block's first port marks the block as taken.
const blockSize = 200

var (
	mu    sync.Mutex
	block net.Listener // on the first port of this process's block; nil before the first Find
	found int          // how many ports of the block Find has tried
)

// Find returns an address of 127.0.0.1 on which nobody listens. No other process that asks for an address gets it.
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

// claim takes a block that no other process has. It stays taken until this process ends.
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

// Need is Find for a test; it fails the test if no address is free.
func Need(t testing.TB) string {
	t.Helper()
	addr, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
