package socketio

// Typed handlers: functions that take an event's arguments and return its answer, where On takes the event.

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
)

// A Target is what handlers are set on: a *Server, a *Namespace or a *Socket.
type Target interface {
	On(event string, f func(*Event) error) Listener
}

// A Validator is an argument that can tell what is wrong with it. Typed handlers (Handle, On) ask an argument whose
// type, or the pointer to it, is a Validator, once it is bound and before the handler runs. Values inside of it are its
// own business.
type Validator interface {
	Validate() error
}

// A ValidationError is what Validator.Validate has returned. A client that waits for an acknowledgement is answered
// {"error": text} with the text of Err; where Err is, or wraps, an *Error, with that one's Message and Data.
type ValidationError struct {
	Argument int // from 0
	Err      error
}

func (e *ValidationError) Error() string { return fmt.Sprintf("argument %d: %v", e.Argument, e.Err) }

// Unwrap returns Err.
func (e *ValidationError) Unwrap() error { return e.Err }

// Handle adds a handler for an event that has one argument and is answered:
//
//	socketio.Handle(io, "order", func(ctx context.Context, s *socketio.Socket, in Order) (Receipt, error) {
//		return shop.Buy(ctx, in)
//	})
//
// There is one such function for each number of arguments, and On for events without an answer:
//
//	arguments   answered                                        not answered
//	0           Handle0   f(ctx, s) (Out, error)                On0   f(ctx, s) error
//	1           Handle    f(ctx, s, a) (Out, error)             On    f(ctx, s, a) error
//	2           Handle2   f(ctx, s, a, b) (Out, error)          On2   f(ctx, s, a, b) error
//	3           Handle3   f(ctx, s, a, b, c) (Out, error)       On3   f(ctx, s, a, b, c) error
//
// Events of other shapes, and acknowledgements with several values, are Server.On's. The types are inferred from f, and
// the compiler checks them; binding costs what Event.Bind costs, and nothing is looked up when the event comes.
//
// The context is that of the event (Event.Context): it ends when the client is gone. Arguments are bound as Raw.Bind
// does it. An argument of pointer type, or a Raw, is optional: nil, or the zero Raw, where the client sent none; null
// is nil too. Arguments beyond f's are ignored, as in JavaScript. Then a Validator is asked.
//
// A client that waits for an acknowledgement gets the answer; from On, once all handlers have returned, one without
// values; and {"error": text} where an argument is missing or no such value ("invalid arguments"), a Validator refuses
// it (see ValidationError), or f returns an error (see Socket.On). Events that are refused for their arguments are
// counted in Stats.InvalidEvents.
func Handle[A, Out any](on Target, event string, f func(context.Context, *Socket, A) (Out, error)) Listener {
	pa := newParam[A](0)
	return on.On(event, func(e *Event) error {
		var a A
		if err := pa.bind(e, &a); err != nil {
			return err
		}
		out, err := f(e.Context(), e.socket, a)
		return answer(e, out, err)
	})
}

// Handle0 is Handle for an event without arguments.
func Handle0[Out any](on Target, event string, f func(context.Context, *Socket) (Out, error)) Listener {
	return on.On(event, func(e *Event) error {
		out, err := f(e.Context(), e.socket)
		return answer(e, out, err)
	})
}

// Handle2 is Handle for two arguments.
func Handle2[A, B, Out any](
	on Target, event string, f func(context.Context, *Socket, A, B) (Out, error),
) Listener {
	pa, pb := newParam[A](0), newParam[B](1)
	return on.On(event, func(e *Event) error {
		var a A
		var b B
		if err := cmp.Or(pa.bind(e, &a), pb.bind(e, &b)); err != nil {
			return err
		}
		out, err := f(e.Context(), e.socket, a, b)
		return answer(e, out, err)
	})
}

// Handle3 is Handle for three arguments.
func Handle3[A, B, C, Out any](
	on Target, event string, f func(context.Context, *Socket, A, B, C) (Out, error),
) Listener {
	pa, pb, pc := newParam[A](0), newParam[B](1), newParam[C](2)
	return on.On(event, func(e *Event) error {
		var a A
		var b B
		var c C
		if err := cmp.Or(pa.bind(e, &a), pb.bind(e, &b), pc.bind(e, &c)); err != nil {
			return err
		}
		out, err := f(e.Context(), e.socket, a, b, c)
		return answer(e, out, err)
	})
}

// On is Handle for an event without an answer.
func On[A any](on Target, event string, f func(context.Context, *Socket, A) error) Listener {
	pa := newParam[A](0)
	return on.On(event, func(e *Event) error {
		var a A
		if err := pa.bind(e, &a); err != nil {
			return err
		}
		return e.noAnswer(f(e.Context(), e.socket, a))
	})
}

// On0 is On for an event without arguments.
func On0(on Target, event string, f func(context.Context, *Socket) error) Listener {
	return on.On(event, func(e *Event) error { return e.noAnswer(f(e.Context(), e.socket)) })
}

// On2 is On for two arguments.
func On2[A, B any](on Target, event string, f func(context.Context, *Socket, A, B) error) Listener {
	pa, pb := newParam[A](0), newParam[B](1)
	return on.On(event, func(e *Event) error {
		var a A
		var b B
		if err := cmp.Or(pa.bind(e, &a), pb.bind(e, &b)); err != nil {
			return err
		}
		return e.noAnswer(f(e.Context(), e.socket, a, b))
	})
}

// On3 is On for three arguments.
func On3[A, B, C any](on Target, event string, f func(context.Context, *Socket, A, B, C) error) Listener {
	pa, pb, pc := newParam[A](0), newParam[B](1), newParam[C](2)
	return on.On(event, func(e *Event) error {
		var a A
		var b B
		var c C
		if err := cmp.Or(pa.bind(e, &a), pb.bind(e, &b), pc.bind(e, &c)); err != nil {
			return err
		}
		return e.noAnswer(f(e.Context(), e.socket, a, b, c))
	})
}

// answer acknowledges an event with what a handler has returned.
func answer(e *Event, out any, err error) error {
	if err != nil || !e.WantsAck() {
		return err
	}
	return e.Ack(out)
}

// noAnswer notes that a handler has nothing to answer. Another one may still have: see settle.
func (e *Event) noAnswer(err error) error {
	e.done = e.done || err == nil
	return err
}

// A param is what is known of a handler's parameter when the handler is set.
type param[T any] struct {
	at       int
	optional bool // the client may leave it out
	pointer  bool
	checks   bool // *T is a Validator
	isOne    bool // T is a Validator, and a pointer
}

func newParam[T any](at int) param[T] {
	t := reflect.TypeFor[T]()
	p := param[T]{at: at, pointer: t.Kind() == reflect.Pointer}
	p.optional = p.pointer || t == reflect.TypeFor[Raw]()
	_, p.checks = any(new(T)).(Validator)
	p.isOne = p.pointer && t.Implements(reflect.TypeFor[Validator]())
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
	case p.checks:
		err = any(v).(Validator).Validate()
	case p.isOne && !reflect.ValueOf(v).Elem().IsNil():
		err = any(*v).(Validator).Validate()
	}
	if err != nil {
		return &ValidationError{p.at, err}
	}
	return nil
}
