package socketio

// What a server counts, for monitoring.

import (
	"slices"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// Stats are counts since a Server was made, and its state now.
type Stats struct {
	Engine  engineio.Stats         // of the Engine.IO server below
	Sockets map[string]SocketCount // connected, by namespace
	// Disconnects counts sockets that were connected and are not any more, by reason. Every Reason is there.
	Disconnects map[Reason]int64
	// RecoveryBytes is what connection state recovery keeps in memory, and RecoveryDropped how many sessions and
	// packets have made room for others since they were more than ConnectionStateRecovery.MaxBytes.
	RecoveryBytes   int
	RecoveryDropped int64
	// InvalidEvents counts events that a handler has refused for their arguments: with a *BindError or a
	// *ValidationError.
	InvalidEvents int64
	// Limits counts how often a client has come to a bound, by bound. Every Limit is there.
	Limits map[Limit]int64
}

// A SocketCount is a number of sockets by the transport that they use now.
type SocketCount struct{ Polling, WebSocket int }

// Stats returns the counts and the state now. It looks at every session and every socket: some 0.1 ms for 1,000.
func (srv *Server) Stats() Stats {
	st := Stats{Sockets: make(map[string]SocketCount), Disconnects: make(map[Reason]int64, len(reasons)),
		Limits: make(map[Limit]int64, len(limits))}
	if srv.engine != nil {
		st.Engine = srv.engine.Stats()
	}
	for _, ns := range srv.Namespaces() {
		var n SocketCount
		for _, s := range ns.sockets.list() {
			switch {
			case !s.Connected():
			case s.session.Transport() == "websocket":
				n.WebSocket++
			default:
				n.Polling++
			}
		}
		st.Sockets[ns.name] = n
	}
	for i, reason := range reasons {
		st.Disconnects[reason] = srv.ends[i].Load()
	}
	for i, l := range limits {
		st.Limits[l] = srv.limited[i].Load()
	}
	st.InvalidEvents = srv.invalid.Load()
	st.RecoveryBytes, st.RecoveryDropped = srv.recovery.count()
	return st
}

// countEnd counts a socket that is no longer connected.
func (srv *Server) countEnd(reason Reason) {
	if i := slices.Index(reasons[:], reason); i >= 0 {
		srv.ends[i].Add(1)
	}
}
