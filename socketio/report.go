package socketio

// What becomes of errors and panics of the program's code: the log, Options.OnError, and what a client that waits for
// an acknowledgement is told.

import (
	"errors"
	"log/slog"
	"runtime/debug"

	"github.com/brunossouza/websocket-escalonavel/internal/logthrottle"
)

// reportBurst is how many handlers' errors are logged in each logthrottle.Interval: a client can cause any number.
const reportBurst = 10

// guard calls f, which is code of the program, and reports its error.
func (s *Socket) guard(f func() error) error {
	err := s.conn.server.call(f)
	if err != nil {
		s.report(err)
	}
	return err
}

func (s *Socket) report(err error) {
	s.conn.server.report(s, err)
}

// call calls f. A panic becomes a *PanicError.
func (srv *Server) call(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}

// throttled is the logger for what clients can cause, above debug level.
func (srv *Server) throttled() *slog.Logger {
	handler := srv.log().Handler()
	if _, already := handler.(*logthrottle.Handler); !already {
		handler = logthrottle.New(handler, reportBurst)
	}
	return slog.New(handler)
}

// report logs an error of the program's code and tells Options.OnError.
func (srv *Server) report(s *Socket, err error) {
	attrs := []any{slog.Any("error", err)}
	if s != nil {
		attrs = append(attrs, slog.String("socket", s.id))
		if s.namespace != nil {
			attrs = append(attrs, slog.String("namespace", s.namespace.name))
		}
	}
	if pe, ok := err.(*PanicError); ok {
		srv.errors.Error("socketio: a handler panicked", append(attrs, slog.String("stack", string(pe.Stack)))...)
	} else if s != nil && (isClients(err) || s.isOver(err)) {
		srv.log().Debug("socketio: a handler refused an event", attrs...)
	} else {
		srv.errors.Error("socketio: a handler failed", attrs...)
	}
	if f := srv.opts.OnError; f != nil {
		if err := srv.call(func() error { f(s, err); return nil }); err != nil {
			srv.errors.Error("socketio: OnError panicked", slog.Any("error", err))
		}
	}
}

// isClients reports whether a handler's error is about what a client did, and not about the program.
func isClients(err error) bool {
	_, meant := err.(*Error)
	return meant || isInvalid(err) || errors.Is(err, ErrDisconnected)
}

// isInvalid reports whether a handler's error is about the arguments that a client sent.
func isInvalid(err error) bool {
	if err == nil {
		return false
	}
	var bind *BindError
	var invalid *ValidationError
	return errors.As(err, &bind) || errors.As(err, &invalid)
}

// failure is the answer to an event whose handler has failed.
type failure struct {
	Error string `json:"error"`
	Data  any    `json:"data,omitempty"`
}

// settle ends an event whose handlers have returned err, the first error. It answers the client, if that still waits
// for an acknowledgement: an error of a handler, or that one is done that has no answer to give.
func (e *Event) settle(err error) {
	if isInvalid(err) {
		e.socket.conn.server.invalid.Add(1)
	}
	if err == nil && !e.done || !e.ack.v.CompareAndSwap(ackWanted, ackSent) {
		return
	}
	if err == nil {
		_ = e.socket.sendAck(e.ackID, nil)
		return
	}
	answer := newFailure(err)
	if e.socket.sendAck(e.ackID, []any{answer}) != nil && answer.Data != nil {
		answer.Data = nil // it cannot be encoded, perhaps
		_ = e.socket.sendAck(e.ackID, []any{answer})
	}
}

// newFailure tells what the program wants told, and whether it is the client who has to change something.
func newFailure(err error) failure {
	var told *Error
	var bind *BindError
	var invalid *ValidationError
	switch _, panicked := err.(*PanicError); {
	case panicked:
	case errors.As(err, &told):
		return failure{told.Message, told.Data}
	case errors.As(err, &invalid):
		return failure{Error: invalid.Err.Error()}
	case errors.As(err, &bind):
		return failure{Error: "invalid arguments"}
	}
	return failure{Error: "internal error"}
}
