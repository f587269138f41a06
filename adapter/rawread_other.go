//go:build !linux

package adapter

import (
	"io"
	"net"
)

func newSocketReader(c net.Conn) io.Reader { return c }
