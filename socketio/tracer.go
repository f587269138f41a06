package socketio

// The seam for traces: what a client has caused is followed through its handlers, and to other servers.

import "context"

// A Tracer follows what clients cause. Package socketio/socketiotrace has the one for OpenTelemetry. Its methods are
// called from many goroutines at once.
type Tracer interface {
	// Handle is called with every event of a client, in every namespace, before all else that handles it: the handlers
	// of OnAny, and the middlewares. It is an EventMiddleware; what it gives to next is the context of all of those.
	Handle(ctx context.Context, e *Event, next func(context.Context) error) error
	// Carry is what other servers are to know of the trace that ctx belongs to, or "" where that is nothing.
	Carry(ctx context.Context) string
	// Arrived is called when a message of another server that carries something of a trace, whatever that server makes
	// of it, is about to be dealt with, and done when that has happened. operation is what the message wants: "deliver"
	// for a broadcast; others are adapter/cluster's.
	Arrived(ns *Namespace, operation, carried string) (done func())
}

// traced runs the handlers of an event, in a trace where there is a Tracer.
func (s *Socket) traced(e *Event) error {
	around := s.conn.server.around
	if len(around) == 0 {
		return s.runHandlers(e)
	}
	return s.throughMiddlewares(around, e, func() error { return s.runHandlers(e) })
}

// Carry is what Options.Tracer wants other servers to know of ctx's trace. It is for adapters, whose messages carry it
// (BroadcastOptions.Trace); "" is most often nothing to carry.
func (ns *Namespace) Carry(ctx context.Context) string {
	if t := ns.server.opts.Tracer; t != nil && ctx != nil {
		return t.Carry(ctx)
	}
	return ""
}

// Arrived is for adapters too: it tells Options.Tracer of a message of another server, and returns what is to be called
// when that has been dealt with. carried is Carry's of that server.
func (ns *Namespace) Arrived(operation, carried string) (done func()) {
	if t := ns.server.opts.Tracer; t != nil && carried != "" {
		return t.Arrived(ns, operation, carried)
	}
	return func() {}
}

// WithContext says for whom the event is emitted: with the context of a handler (Event.Context) a trace of what the
// handler does follows the event to the other servers, where there is an Options.Tracer. The end of ctx means nothing.
func (b BroadcastOperator) WithContext(ctx context.Context) BroadcastOperator {
	b.opts.Trace = b.namespace.Carry(ctx)
	return b
}

// optsIn are the operator's, in ctx unless it has a context already.
func (b BroadcastOperator) optsIn(ctx context.Context) BroadcastOptions {
	if b.opts.Trace == "" {
		b.opts.Trace = b.namespace.Carry(ctx)
	}
	return b.opts
}

// WithContext selects everyone. See BroadcastOperator.WithContext.
func (ns *Namespace) WithContext(ctx context.Context) BroadcastOperator {
	return ns.operator().WithContext(ctx)
}

// WithContext selects everyone in the main namespace. See BroadcastOperator.WithContext.
func (srv *Server) WithContext(ctx context.Context) BroadcastOperator {
	return srv.main.WithContext(ctx)
}
