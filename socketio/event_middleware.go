package socketio

// Middlewares for events: what stands between a namespace's clients and its handlers.

import (
	"context"
	"errors"
)

// An EventMiddleware is called with every event that a client of its namespace sends, and decides what becomes of it.
// next runs the middlewares behind it and the handlers, and returns the first error of those; it is to be called once,
// before the middleware returns, or not at all. The context that it is given is that of the handlers: Event.Context,
// and what typed handlers get.
//
// What the middleware returns is treated as what a handler returns (Socket.On): an error answers a client that waits
// for an acknowledgement. A middleware may answer itself (Event.Ack), and may block, which delays its own client only.
type EventMiddleware func(ctx context.Context, e *Event, next func(context.Context) error) error

// UseEvents adds a middleware for the events of all of the namespace's sockets. Middlewares run in the order in which
// they were added, behind the handlers of OnAny, and before what sockets have of their own (Socket.Use).
func (ns *Namespace) UseEvents(f EventMiddleware) {
	ns.change(func(h *handlers) { h.useEvents = append(h.useEvents, f) })
}

// UseEvents adds a middleware for the events of all sockets of the main namespace. See Namespace.UseEvents.
func (srv *Server) UseEvents(f EventMiddleware) { srv.main.UseEvents(f) }

// throughMiddlewares has e go through list to handle, whose errors are reported already.
func (s *Socket) throughMiddlewares(list []EventMiddleware, e *Event, handle func() error) error {
	var reported error
	err := s.conn.server.call(func() error {
		return e.through(list, e.Context(), func() error {
			reported = handle()
			return reported
		})
	})
	if err != nil && (reported == nil || !errors.Is(err, reported)) {
		s.report(err)
	}
	return err
}

func (e *Event) through(list []EventMiddleware, ctx context.Context, handle func() error) error {
	if len(list) == 0 {
		if ctx != e.Context() {
			e.more = &eventMore{ctx: ctx}
		}
		return handle()
	}
	return list[0](ctx, e, func(ctx context.Context) error { return e.through(list[1:], ctx, handle) })
}
