//go:build !linux

package netloop

import (
	"net"
	"time"
)

// A Loop reads nothing on this system: every connection has goroutines of its own.
type Loop struct {
	// WriteTimeout is how long a write waits for a peer that takes nothing; 0 is for ever.
	WriteTimeout time.Duration
}

func limitUnsent(net.Conn) {}

func newSocket(net.Conn, *Loop, Handler) Conn { return nil }
