package freeaddr

import (
	"net"
	"testing"
)

func TestNeed(t *testing.T) {
	for range 100 {
		l, err := net.Listen("tcp", Need(t))
		if err != nil {
			t.Fatal(err)
		}
		if port := l.Addr().(*net.TCPAddr).Port; port < firstPort || port > lastPort {
			t.Errorf("port %d", port)
		}
		defer l.Close() // the next must be another
	}
}
