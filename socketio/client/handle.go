package client

// Typed handlers and questions: functions that take an event's arguments and return its answer, where Socket.On takes
// the event. They are those of package socketio, without the socket.

import (
	"cmp"
	"context"
	"fmt"
	"reflect"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A Validator is an argument that can tell what is wrong with it. Typed handlers (Handle, On) ask an argument whose
// type, or the pointer to it, is a Validator, once it is bound and before the handler runs.
type Validator interface {
	Validate() error
}

// A ValidationError is what Validator.Validate has returned. A server that waits for an acknowledgement is answered
// {"error": text} with the text of Err; where Err is, or wraps, an *Error, with that one's Message and Data.
type ValidationError struct {
	Argument int // from 0
	Err      error
}

func (e *ValidationError) Error() string { return fmt.Sprintf("argument %d: %v", e.Argument, e.Err) }

// Unwrap returns Err.
func (e *ValidationError) Unwrap() error { return e.Err }

// Handle adds a handler for an event that has one argument and is answered. There is one such function for each number
// of arguments, and On for events without an answer:
//
//	arguments   answered                                     not answered
//	0           Handle0   f(ctx) (Out, error)                On0   f(ctx) error
//	1           Handle    f(ctx, a) (Out, error)             On    f(ctx, a) error
//	2           Handle2   f(ctx, a, b) (Out, error)          On2   f(ctx, a, b) error
//	3           Handle3   f(ctx, a, b, c) (Out, error)       On3   f(ctx, a, b, c) error
//
// Events of other shapes, and acknowledgements with several values, are Socket.On's. The context is Socket.Context.
// Arguments are bound as parser.Raw.Bind does it. An argument of pointer type, or a parser.Raw, is optional: nil, or
// the zero Raw, where the server sent none. Arguments beyond f's are ignored. Then a Validator is asked.
//
// A server that waits for an acknowledgement gets the answer; from On, once all handlers have returned, one without
// values; and {"error": text} where an argument is missing or no such value, a Validator refuses it, or f returns an
// error; see Socket.On.
func Handle[A, Out any](s *Socket, event string, f func(context.Context, A) (Out, error)) Listener {
	pa := newParam[A](0)
	return s.On(event, func(e *Event) error {
		var a A
		if err := pa.bind(e, &a); err != nil {
			return err
		}
		out, err := f(e.Context(), a)
		return respond(e, out, err)
	})
}

// Handle0 is Handle for an event without arguments.
func Handle0[Out any](s *Socket, event string, f func(context.Context) (Out, error)) Listener {
	return s.On(event, func(e *Event) error {
		out, err := f(e.Context())
		return respond(e, out, err)
	})
}

// Handle2 is Handle for two arguments.
func Handle2[A, B, Out any](s *Socket, event string, f func(context.Context, A, B) (Out, error)) Listener {
	pa, pb := newParam[A](0), newParam[B](1)
	return s.On(event, func(e *Event) error {
		var a A
		var b B
		if err := cmp.Or(pa.bind(e, &a), pb.bind(e, &b)); err != nil {
			return err
		}
		out, err := f(e.Context(), a, b)
		return respond(e, out, err)
	})
}

// Handle3 is Handle for three arguments.
func Handle3[A, B, C, Out any](s *Socket, event string, f func(context.Context, A, B, C) (Out, error)) Listener {
	pa, pb, pc := newParam[A](0), newParam[B](1), newParam[C](2)
	return s.On(event, func(e *Event) error {
		var a A
		var b B
		var c C
		if err := cmp.Or(pa.bind(e, &a), pb.bind(e, &b), pc.bind(e, &c)); err != nil {
			return err
		}
		out, err := f(e.Context(), a, b, c)
		return respond(e, out, err)
	})
}

// On is Handle for an event without an answer.
func On[A any](s *Socket, event string, f func(context.Context, A) error) Listener {
	pa := newParam[A](0)
	return s.On(event, func(e *Event) error {
		var a A
		if err := pa.bind(e, &a); err != nil {
			return err
		}
		return e.noAnswer(f(e.Context(), a))
	})
}

// On0 is On for an event without arguments.
func On0(s *Socket, event string, f func(context.Context) error) Listener {
	return s.On(event, func(e *Event) error {
		return e.noAnswer(f(e.Context()))
	})
}

// On2 is On for two arguments.
func On2[A, B any](s *Socket, event string, f func(context.Context, A, B) error) Listener {
	pa, pb := newParam[A](0), newParam[B](1)
	return s.On(event, func(e *Event) error {
		var a A
		var b B
		if err := cmp.Or(pa.bind(e, &a), pb.bind(e, &b)); err != nil {
			return err
		}
		return e.noAnswer(f(e.Context(), a, b))
	})
}

// On3 is On for three arguments.
func On3[A, B, C any](s *Socket, event string, f func(context.Context, A, B, C) error) Listener {
	pa, pb, pc := newParam[A](0), newParam[B](1), newParam[C](2)
	return s.On(event, func(e *Event) error {
		var a A
		var b B
		var c C
		if err := cmp.Or(pa.bind(e, &a), pb.bind(e, &b), pc.bind(e, &c)); err != nil {
			return err
		}
		return e.noAnswer(f(e.Context(), a, b, c))
	})
}

// respond acknowledges an event with what a handler has returned.
func respond(e *Event, out any, err error) error {
	if err != nil || !e.WantsAck() {
		return err
	}
	return e.Ack(out)
}

// noAnswer notes that a handler has nothing to answer. Another one may still have.
func (e *Event) noAnswer(err error) error {
	e.done = e.done || err == nil
	return err
}

// A param is what is known of a handler's parameter when the handler is set.
type param[T any] struct {
	at       int
	optional bool // the server may leave it out
	checks   bool // *T is a Validator
	isOne    bool // T is a Validator, and a pointer
}

func newParam[T any](at int) param[T] {
	t := reflect.TypeFor[T]()
	p := param[T]{at: at, optional: t.Kind() == reflect.Pointer || t == reflect.TypeFor[parser.Raw]()}
	_, p.checks = any(new(T)).(Validator)
	p.isOne = t.Kind() == reflect.Pointer && t.Implements(reflect.TypeFor[Validator]())
	return p
}

// bind binds the argument and asks it whether it is valid.
func (p *param[T]) bind(e *Event, v *T) error {
	raw := e.Raw(p.at)
	if p.optional && raw.IsZero() {
		return nil
	}
	if err := raw.Bind(v); err != nil {
		return fmt.Errorf("argument %d: %w", p.at, err)
	}
	var err error
	switch {
	case p.isOne && !reflect.ValueOf(v).Elem().IsNil():
		err = any(*v).(Validator).Validate()
	case p.checks && !p.isOne:
		err = any(v).(Validator).Validate()
	}
	if err != nil {
		return &ValidationError{p.at, err}
	}
	return nil
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
