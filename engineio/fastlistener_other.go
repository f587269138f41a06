//go:build !linux

package engineio

import (
	"context"
	"net"
)

// Listener returns l with Options.MaxConnections kept; see the Linux version for what it does there.
func (srv *Server) Listener(l net.Listener, except ...string) net.Listener {
	return srv.listener(l, context.Background(), except)
}

// listener is Listener: here every session's Context is that of a request.
func (srv *Server) listener(l net.Listener, _ context.Context, _ []string) net.Listener {
	if _, ok := l.(*net.TCPListener); ok {
		return &countedListener{Listener: l, srv: srv}
	}
	return l
}
