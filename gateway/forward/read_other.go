//go:build !unix

package forward

import "net"

func newReader(c net.Conn) (read func() ([]byte, error), release func()) { return newPlainReader(c) }
