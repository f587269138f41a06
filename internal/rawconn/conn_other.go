//go:build !linux

package rawconn

import "net"

// New returns c.
func New(c net.Conn) net.Conn { return c }

// Exchange writes a request and then reads once. Where written is less than the request, err is the write's.
func Exchange(c net.Conn, request, answer []byte) (written, read int, err error) {
	return exchange(c, request, answer)
}
