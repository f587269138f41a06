// Package freeaddr finds addresses for the servers that tests start.
package freeaddr

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Ports below those that Linux (32768) and macOS (49152) give out by themselves. With one of theirs, any connection that
// another test opens before the server has started can take it.
const firstPort, lastPort = 15000, 31999

// Find returns an address of 127.0.0.1 on which nobody listens, and which nobody gets who does not ask for it by number.
func Find() (string, error) {
	var errs []error
	for range 20 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		return l.Addr().String(), l.Close()
	}
	return "", errors.Join(errs...)
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
