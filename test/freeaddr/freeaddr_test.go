package freeaddr

import (
	"net"
	"testing"
)

// Need returns every port of the block once before it returns any again, and skips ports that are in use.
func TestNeed(t *testing.T) {
	found, inUse := make(map[int]bool), make(map[int]bool)
	for i := range 2 * blockSize {
		l, err := net.Listen("tcp", Need(t))
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if port < firstPort || port > lastPort || inUse[port] || i < blockSize-1 && found[port] {
			t.Errorf("port %d, found before: %t, in use: %t", port, found[port], inUse[port])
		}
		found[port] = true
		if i%5 > 0 {
			l.Close()
			continue
		}
		inUse[port] = true
		defer l.Close()
	}
}

// Every claim gets a block of its own.
func TestClaim(t *testing.T) {
	blocks := make(map[string]bool)
	for range 20 {
		l, err := claim()
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if addr := l.Addr().String(); blocks[addr] {
			t.Errorf("%s is claimed twice", addr)
		} else {
			blocks[addr] = true
		}
	}
}
