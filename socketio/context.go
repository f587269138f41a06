package socketio

// The context of a socket, which ends with it: at once, while a handler of the socket may still run.

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Context is the context of the socket. It is done as soon as the socket is no longer connected, also while a handler
// of it runs, so that what a handler does for a client that is gone can stop; OnDisconnect waits for that handler.
// context.Cause is a *DisconnectError then, with the reason. Where a middleware has refused the socket, the cause
// matches ErrDisconnected.
//
// It has the values of the context of the request that opened the connection: those of http.Server.BaseContext and
// ConnContext, and of handlers in front of the Server. Sessions that Listener opens without an http.Server have none;
// those of Serve and ListenerFor have BaseContext's. Values that a router uses again for the next request must not be
// read here. The end of those contexts is not the socket's.
//
// The server learns at once of a connection that ends, also of a poll. Between two polls it is the heartbeat that
// tells; and of a client that is not read any more, because too much waits for its handlers
// (Options.MaxInboundBytes), a ping that cannot be written, after PingInterval and two PingTimeouts at most.
func (s *Socket) Context() context.Context { return (*socketContext)(s) }

// A DisconnectError is why the context of a socket has ended. It matches ErrDisconnected.
type DisconnectError struct{ Reason Reason }

func (e *DisconnectError) Error() string { return "socketio: disconnected: " + string(e.Reason) }

// Is reports whether target is ErrDisconnected.
func (e *DisconnectError) Is(target error) bool { return target == ErrDisconnected }

// errRefused is why the context of a socket has ended that has never been connected.
var errRefused = fmt.Errorf("%w: it has been refused", ErrDisconnected)

// A lifetime is the context that a socketContext stands for.
type lifetime struct {
	context.Context
	end context.CancelCauseFunc
}

// A socketContext is a socket as a context. It is no more than that until somebody waits for its end, as every socket
// whose handlers get a context has one.
type socketContext Socket

// lifetime makes the context, where it has yet to be made.
func (s *Socket) lifetime() *lifetime {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life == nil {
		ctx, end := context.WithCancelCause(s.session.Context())
		s.life = &lifetime{ctx, end}
		if s.ended() {
			end(s.whyEnded())
		}
	}
	return s.life
}

// ended reports whether the socket can no longer be connected.
func (s *Socket) ended() bool { return s.state.Load() > stateConnected }

// whyEnded is the cause of the context's end. mu is held.
func (s *Socket) whyEnded() error {
	if s.reason == "" {
		return errRefused
	}
	return &DisconnectError{s.reason}
}

// endContext ends the context. It is called after the state has changed, without mu.
func (s *Socket) endContext() {
	s.mu.Lock()
	life, why := s.life, s.whyEnded()
	s.mu.Unlock()
	if life != nil {
		life.end(why)
	}
}

// Deadline is that of no context.
func (*socketContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Done is closed when the socket is no longer connected.
func (c *socketContext) Done() <-chan struct{} { return (*Socket)(c).lifetime().Done() }

// Err is context.Canceled once Done is closed.
func (c *socketContext) Err() error {
	s := (*Socket)(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.life != nil:
		return s.life.Err()
	case s.ended():
		return context.Canceled
	}
	return nil
}

// Value is a value of the request's context. It has what context.Cause asks for, too.
func (c *socketContext) Value(key any) any {
	s := (*Socket)(c)
	s.mu.Lock()
	made := s.life != nil || s.ended()
	s.mu.Unlock()
	if made {
		return s.lifetime().Value(key)
	}
	return s.session.Context().Value(key)
}

// String is what package fmt prints of it.
func (c *socketContext) String() string { return "the context of " + (*Socket)(c).String() }

// isOver reports whether a handler's error says that the socket has ended meanwhile.
func (s *Socket) isOver(err error) bool {
	return s.ended() && (errors.Is(err, context.Canceled) || errors.Is(err, ErrDisconnected))
}
