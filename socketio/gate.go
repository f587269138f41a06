package socketio

// The gate: what stands before all namespaces of a server, for what is not one namespace's business, such as who a
// client is.

// A Gate sees every socket before its namespace does, and every event before any handler does: of all namespaces, also
// of those that are made later. Its methods are called on the goroutine of the socket's handlers, never at once for one
// socket, and may block, which delays their own client only.
type Gate interface {
	// Enter decides about a socket that is about to connect, before the middlewares of Namespace.Use, and also where it
	// resumes an earlier session (Socket.Recovered), whose rooms and data it has then. What it returns is treated as
	// what a middleware returns.
	Enter(s *Socket) error
	// Event sees an event of a client that is connected, before the handlers of OnAny. Nobody else sees one of which it
	// returns true. Its error is treated as a handler's (Socket.On).
	Event(e *Event) (taken bool, err error)
	// Leave is called when a socket has gone, whether or not Enter has let it in, after all of its handlers. It may be
	// called for one that has gone before Enter.
	Leave(s *Socket)
}

// Gate is Options.Gate.
func (srv *Server) Gate() Gate { return srv.opts.Gate }

// enter asks the gate, if there is one.
func (s *Socket) enter() error {
	gate := s.conn.server.opts.Gate
	if gate == nil {
		return nil
	}
	return s.conn.server.call(func() error { return gate.Enter(s) })
}

// gated reports whether the gate has taken an event, and its error.
func (s *Socket) gated(e *Event) (taken bool, err error) {
	gate := s.conn.server.opts.Gate
	if gate == nil {
		return false, nil
	}
	err = s.guard(func() (err error) {
		taken, err = gate.Event(e)
		return err
	})
	_, panicked := err.(*PanicError)
	return taken || panicked, err
}

// leave tells the gate.
func (s *Socket) leave() {
	if gate := s.conn.server.opts.Gate; gate != nil {
		s.guard(func() error { gate.Leave(s); return nil })
	}
}
