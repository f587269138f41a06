package socketio

// Which events a program handles, for whoever labels metrics with their names: clients choose names too, without limit.

import (
	"log/slog"
	"maps"
	"slices"
)

// neverComes says in the log that the handler for a reserved name is not added, and what the program may have meant.
func (srv *Server) neverComes(event string) {
	attrs := []any{slog.String("event", event)}
	if meant := map[string]string{
		"connect": "OnConnect", "connection": "OnConnect", "disconnect": "OnDisconnect",
		"disconnecting": "OnDisconnecting",
	}[event]; meant != "" {
		attrs = append(attrs, slog.String("use", meant))
	}
	srv.log().Error("socketio: a handler for a reserved name never runs", attrs...)
}

// EventNames returns the events that the namespace has handlers for, set with On, in alphabetical order. Those of
// OnAny and of single sockets (Socket.On) are not among them.
func (ns *Namespace) EventNames() []string {
	return slices.Sorted(maps.Keys(ns.handlers.Load().events))
}
