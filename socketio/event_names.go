package socketio

// Which events a program handles, for whoever labels metrics with their names: clients choose names too, without limit.

import (
	"maps"
	"slices"
)

// EventNames returns the events that the namespace has handlers for, set with On, in alphabetical order. Those of
// OnAny and of single sockets (Socket.On) are not among them.
func (ns *Namespace) EventNames() []string {
	return slices.Sorted(maps.Keys(ns.handlers.Load().events))
}
