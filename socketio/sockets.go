package socketio

// Going through the sockets of this server.

import "iter"

// Sockets are the connected sockets of this server, in no order, each once. Sockets that come or go meanwhile may be
// among them or not. No lock is held while the caller has one, and nothing is encoded or asked of other servers: see
// FetchSockets for those. The sockets of a parent of dynamic namespaces are those of its children.
func (ns *Namespace) Sockets() iter.Seq[*Socket] {
	return func(yield func(*Socket) bool) {
		for _, of := range ns.withChildren() {
			for i := range of.sockets.shards {
				for _, s := range of.sockets.shardList(i) {
					if s.Connected() && !yield(s) {
						return
					}
				}
			}
		}
	}
}

// withChildren is the namespace, or its children where it is a parent.
func (ns *Namespace) withChildren() []*Namespace {
	if ns.children == nil {
		return []*Namespace{ns}
	}
	ns.server.mu.RLock()
	defer ns.server.mu.RUnlock()
	list := make([]*Namespace, 0, len(ns.children))
	for _, child := range ns.children {
		list = append(list, child)
	}
	return list
}

// Sockets are the connected sockets of this server in the main namespace. See Namespace.Sockets.
func (srv *Server) Sockets() iter.Seq[*Socket] { return srv.main.Sockets() }

// A LocalSelector is an Adapter that knows this server's sockets by room. MemoryAdapter is one, and so is every adapter
// that embeds it.
type LocalSelector interface {
	// LocalSockets are this server's connected sockets that opts select.
	LocalSockets(opts BroadcastOptions) []*Socket
}

// Sockets are the selected sockets of this server, in no order, each once: io.To("room").Sockets() are a room's. See
// Namespace.Sockets.
func (b BroadcastOperator) Sockets() iter.Seq[*Socket] {
	return func(yield func(*Socket) bool) {
		for _, ns := range b.namespace.withChildren() {
			for s := range ns.selected(b.opts) {
				if s.Connected() && !yield(s) {
					return
				}
			}
		}
	}
}

// selected are this server's sockets that opts select.
func (ns *Namespace) selected(opts BroadcastOptions) iter.Seq[*Socket] {
	return func(yield func(*Socket) bool) {
		if a, ok := ns.adapter.(LocalSelector); ok {
			for _, s := range a.LocalSockets(opts) {
				if !yield(s) {
					return
				}
			}
			return
		}
		for s := range ns.Sockets() {
			if opts.Selects(ns.adapter.SocketRooms(s.id)) && !yield(s) {
				return
			}
		}
	}
}
