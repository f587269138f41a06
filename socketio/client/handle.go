package client

// Typed handlers and questions: arguments bound to Go values, and answers made of what a function returns.

import (
	"context"
	"fmt"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// Handle adds a handler for an event with one argument. The argument is bound to an In, as Event.Bind does; where that
// has a method Validate() error, it is asked. Where the server asked for an acknowledgement it gets what f returns: the
// Out, or {"error": ...} for an error; see Socket.On, also for arguments that do not fit. ctx is Socket.Context.
func Handle[In, Out any](s *Socket, event string, f func(ctx context.Context, in In) (Out, error)) Listener {
	return s.On(event, func(e *Event) error {
		var in In
		if err := bind(e, &in); err != nil {
			return err
		}
		return respond(e, func() (Out, error) { return f(e.Context(), in) })
	})
}

// Handle2 is Handle for events with two arguments.
func Handle2[A, B, Out any](s *Socket, event string, f func(ctx context.Context, a A, b B) (Out, error)) Listener {
	return s.On(event, func(e *Event) error {
		var a A
		var b B
		if err := bind(e, &a, &b); err != nil {
			return err
		}
		return respond(e, func() (Out, error) { return f(e.Context(), a, b) })
	})
}

// Handle3 is Handle for events with three arguments.
func Handle3[A, B, C, Out any](
	s *Socket, event string, f func(ctx context.Context, a A, b B, c C) (Out, error),
) Listener {
	return s.On(event, func(e *Event) error {
		var a A
		var b B
		var c C
		if err := bind(e, &a, &b, &c); err != nil {
			return err
		}
		return respond(e, func() (Out, error) { return f(e.Context(), a, b, c) })
	})
}

// Listen is Handle for an event that has no answer: where the server asks for an acknowledgement it gets one without
// arguments.
func Listen[In any](s *Socket, event string, f func(ctx context.Context, in In) error) Listener {
	return s.On(event, func(e *Event) error {
		var in In
		if err := bind(e, &in); err != nil {
			return err
		}
		return done(e, f(e.Context(), in))
	})
}

// Listen2 is Listen for events with two arguments.
func Listen2[A, B any](s *Socket, event string, f func(ctx context.Context, a A, b B) error) Listener {
	return s.On(event, func(e *Event) error {
		var a A
		var b B
		if err := bind(e, &a, &b); err != nil {
			return err
		}
		return done(e, f(e.Context(), a, b))
	})
}

// bind binds the arguments of e and asks those that can tell whether they are valid.
func bind(e *Event, ptrs ...any) error {
	if err := e.Bind(ptrs...); err != nil {
		return err
	}
	for i, ptr := range ptrs {
		if v, ok := ptr.(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				return fmt.Errorf("argument %d: %w", i, &Error{Message: err.Error()})
			}
		}
	}
	return nil
}

func respond[Out any](e *Event, f func() (Out, error)) error {
	out, err := f()
	if err != nil || !e.WantsAck() {
		return err
	}
	return e.Ack(out)
}

func done(e *Event, err error) error {
	if err != nil || !e.WantsAck() {
		return err
	}
	return e.Ack()
}

// An Asker is a *Socket, or an Emitter made of one.
type Asker interface {
	EmitWithAck(ctx context.Context, event string, args ...any) (parser.Args, error)
}

var (
	_ Asker = (*Socket)(nil)
	_ Asker = Emitter{}
)

// Ask emits an event, waits for its acknowledgement and binds its first argument to an Out. The error is an *Error
// where the server has answered {"error": ...}, as the handlers of package socketio do; its Data is then a parser.Raw
// or nil.
func Ask[Out any](ctx context.Context, s Asker, event string, args ...any) (Out, error) {
	var out Out
	answer, err := s.EmitWithAck(ctx, event, args...)
	if err != nil {
		return out, err
	}
	raw := answer.Raw(0)
	if text := raw.JSON(); len(text) > 0 && text[0] == '{' {
		var refused struct {
			Error *string
			Data  parser.Raw
		}
		if raw.Bind(&refused) == nil && refused.Error != nil {
			e := &Error{Message: *refused.Error}
			if !refused.Data.IsZero() {
				e.Data = refused.Data
			}
			return out, e
		}
	}
	if err := answer.Bind(&out); err != nil {
		return out, fmt.Errorf("socketio: answer to %q: %w", event, err)
	}
	return out, nil
}
