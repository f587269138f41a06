package socketiotrace

// The names that spans may have: clients choose what they call their events and namespaces.

import "github.com/brunossouza/websocket-escalonavel/socketio"

// other is the name of what has no name of its own.
const other = "other"

// names are the events that a program knows of, by namespace, and in all.
type names struct {
	events     map[string]map[string]bool
	everywhere map[string]bool
}

func newNames(namespaces []*socketio.Namespace, further []string) *names {
	n := &names{events: make(map[string]map[string]bool), everywhere: set(further)}
	for _, ns := range namespaces {
		n.events[ns.Name()] = set(ns.EventNames())
	}
	return n
}

func set(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

// of are the names that a namespace and an event of it have in a span.
func (n *names) of(namespace, event string) (string, string) {
	events, known := n.events[namespace]
	if !known {
		namespace = other
	}
	if !events[event] && !n.everywhere[event] {
		event = other
	}
	return namespace, event
}
