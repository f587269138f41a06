//go:build !unix

package backend

import "net"

// hasInput is false where the system cannot be asked: a request on a connection that the backend has closed fails.
func hasInput(net.Conn) bool { return false }
