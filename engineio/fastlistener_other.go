//go:build !linux

package engineio

import "net"

// Listener returns l with Options.MaxConnections kept; see the Linux version for what it does there.
func (srv *Server) Listener(l net.Listener, except ...string) net.Listener {
	if _, ok := l.(*net.TCPListener); ok {
		return &countedListener{Listener: l, srv: srv}
	}
	return l
}
