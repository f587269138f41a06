//go:build !linux

package rawtcp

import "net"

// New returns c.
func New(c net.Conn) net.Conn { return c }
