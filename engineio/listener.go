package engineio

// A listener for an http.Server that gives the contexts of its requests values.

import (
	"net"
	"net/http"
)

// ListenerFor is Listener for connections that hs is to serve, whose BaseContext counts for every session
// (Session.Context), those included that hs never sees: it is called once more, for them. ConnContext is given a
// connection, which those do not have: where hs has one, all requests are net/http's, and only Options.MaxConnections
// is kept.
func (srv *Server) ListenerFor(hs *http.Server, l net.Listener, except ...string) net.Listener {
	if hs.ConnContext != nil {
		if _, ok := l.(*net.TCPListener); ok {
			return &countedListener{Listener: l, srv: srv}
		}
		return l
	}
	if hs.BaseContext == nil {
		return srv.Listener(l, except...)
	}
	return srv.listener(l, hs.BaseContext(l), except)
}
