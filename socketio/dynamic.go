package socketio

// Dynamic namespaces: made when a client asks for a name that a pattern or a function accepts.

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// dynamicParent makes the namespaces whose names it accepts.
type dynamicParent struct {
	namespace *Namespace
	pattern   *regexp.Regexp
	accept    func(name string, h *Handshake) bool
}

// OfPattern returns the parent of the namespaces that will be made because their names match pattern. They begin with
// the parent's middlewares and handlers. What is emitted on the parent reaches the sockets of all of them.
func (srv *Server) OfPattern(pattern *regexp.Regexp) *Namespace {
	return srv.addParent(dynamicParent{pattern: pattern})
}

// OfFunc is OfPattern with a function for its pattern. accept may block; that delays its own client only.
func (srv *Server) OfFunc(accept func(name string, h *Handshake) bool) *Namespace {
	return srv.addParent(dynamicParent{accept: accept})
}

func (srv *Server) addParent(p dynamicParent) *Namespace {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	p.namespace = newNamespace(srv, fmt.Sprintf("/_%d", len(srv.parents)))
	p.namespace.adapter = &parentAdapter{MemoryAdapter: NewMemoryAdapter(p.namespace)}
	p.namespace.children = make(map[string]*Namespace)
	srv.parents = append(srv.parents[:len(srv.parents):len(srv.parents)], p)
	return p.namespace
}

// mayCreate reports whether a client may ask for a namespace that does not exist. It runs no code of the program, so
// where a function is to decide, the answer is yes.
func (srv *Server) mayCreate(name string) bool {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	for _, p := range srv.parents {
		if p.accept != nil || p.pattern.MatchString(name) {
			return true
		}
	}
	return false
}

// Accepts reports whether a pattern of OfPattern accepts the name, so that Of makes it one of those namespaces. What a
// function of OfFunc says is not known without a client.
func (srv *Server) Accepts(name string) bool {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	return slices.ContainsFunc(srv.parents, func(p dynamicParent) bool {
		return p.pattern != nil && p.pattern.MatchString(name)
	})
}

// acquireDynamic is acquire for a namespace that may have to be made. It runs the program's code.
func (srv *Server) acquireDynamic(name string, h *Handshake) *Namespace {
	srv.mu.RLock()
	parents := srv.parents
	srv.mu.RUnlock()
	for _, p := range parents {
		ok := false
		if p.pattern != nil {
			ok = p.pattern.MatchString(name)
		} else if err := srv.call(func() error { ok = p.accept(name, h); return nil }); err != nil {
			srv.report(nil, err)
			ok = false
		}
		if ok {
			return srv.create(name, p.namespace, true)
		}
	}
	return srv.acquire(name) // made by the program meanwhile, perhaps
}

// create returns the namespace of that name. If there is none it makes one, as a child of parent if that is not nil.
func (srv *Server) create(name string, parent *Namespace, acquire bool) *Namespace {
	ns := newNamespace(srv, name)
	ns.parent = parent
	if parent != nil {
		h := *parent.handlers.Load()
		ns.handlers.Store(&h)
	}
	ns.adapter = srv.opts.Adapter(ns)

	srv.mu.Lock()
	found := srv.namespaces[name]
	if found == nil {
		srv.namespaces[name] = ns
		if parent != nil {
			parent.children[name] = ns
		}
		found = ns
	}
	if acquire {
		found.refs++
	}
	hooks := srv.onNamespace
	srv.mu.Unlock()

	if found != ns {
		_ = ns.adapter.Close(context.Background()) // somebody was faster
		return found
	}
	if name != parser.MainNamespace {
		for _, f := range hooks {
			if err := srv.call(func() error { f(ns); return nil }); err != nil {
				srv.report(nil, err)
			}
		}
	}
	return ns
}

// acquire returns the namespace of that name, or nil. It stays until release has been called as often as acquire.
func (srv *Server) acquire(name string) *Namespace {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	ns := srv.namespaces[name]
	if ns != nil {
		ns.refs++
	}
	return ns
}

// release gives ns back. With Options.CleanupEmptyChildNamespaces it removes a dynamic namespace that is now empty.
func (srv *Server) release(ns *Namespace) {
	srv.mu.Lock()
	ns.refs--
	remove := ns.refs == 0 && ns.parent != nil && srv.opts.CleanupEmptyChildNamespaces &&
		srv.namespaces[ns.name] == ns
	if remove {
		delete(srv.namespaces, ns.name)
		delete(ns.parent.children, ns.name)
	}
	srv.mu.Unlock()
	if remove {
		if err := ns.adapter.Close(context.Background()); err != nil {
			srv.report(nil, fmt.Errorf("closing the adapter of %s: %w", ns.name, err))
		}
	}
}

// parentAdapter broadcasts to the sockets of all children.
type parentAdapter struct{ *MemoryAdapter }

func (a *parentAdapter) each(f func(*Namespace) error) error {
	srv := a.namespace.server
	srv.mu.RLock()
	children := make([]*Namespace, 0, len(a.namespace.children))
	for _, ns := range a.namespace.children {
		children = append(children, ns)
	}
	srv.mu.RUnlock()
	var errs []error
	for _, ns := range children {
		errs = append(errs, f(ns))
	}
	return errors.Join(errs...)
}

func (a *parentAdapter) Broadcast(p *Packet, opts BroadcastOptions) error {
	return a.each(func(ns *Namespace) error { return ns.adapter.Broadcast(ns.NewPacket(p.event, p.args...), opts) })
}

func (a *parentAdapter) AddSockets(opts BroadcastOptions, rooms ...string) error {
	return a.each(func(ns *Namespace) error { return ns.adapter.AddSockets(opts, rooms...) })
}

func (a *parentAdapter) DelSockets(opts BroadcastOptions, rooms ...string) error {
	return a.each(func(ns *Namespace) error { return ns.adapter.DelSockets(opts, rooms...) })
}

func (a *parentAdapter) DisconnectSockets(opts BroadcastOptions, closeConnection bool) error {
	return a.each(func(ns *Namespace) error { return ns.adapter.DisconnectSockets(opts, closeConnection) })
}

func (a *parentAdapter) BroadcastWithAck(context.Context, *Packet, BroadcastOptions, func(int),
	func(Args, error)) error {
	return fmt.Errorf("%w: acknowledgements of a parent namespace", ErrNotSupported)
}

func (a *parentAdapter) FetchSockets(context.Context, BroadcastOptions) ([]*RemoteSocket, error) {
	return nil, fmt.Errorf("%w: the sockets of a parent namespace", ErrNotSupported)
}
