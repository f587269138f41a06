package backend

// The service: what it hears of sockets, and whom it tells.

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A Service hands what clients do to a backend, for gateway.New. The zero value is ready to be started.
type Service struct {
	settings settings
	node     gateway.Node
	log      *slog.Logger
	caller   *caller
	ends     *ends
	lasting  map[string]bool // namespaces that do not go with their last socket

	mu sync.Mutex
	// arriving are sockets that the backend has let in, and what it has answered, until they are connected or gone.
	arriving map[*socketio.Socket]*answer
}

// Start implements gateway.Service.
func (s *Service) Start(io *socketio.Server, node gateway.Node) (gateway.Parts, error) {
	s.node, s.log = node, node.Log
	s.arriving = make(map[*socketio.Socket]*answer)
	s.caller = newCaller(s.settings, node)
	s.ends = newEnds(s)
	if len(s.settings.secrets) == 0 {
		s.log.Warn("no BACKEND_SECRET: whoever reaches the backend can pretend to be this gateway")
	}
	s.lasting = make(map[string]bool)
	for _, ns := range s.namespaces(io) {
		s.lasting[ns.Name()] = true // a parent's name is nobody's
		ns.Use(s.connecting)
		ns.OnConnect(s.connected)
		ns.OnConnectAborted(s.aborted)
		ns.OnAny(s.event)
		ns.OnDisconnecting(s.disconnecting)
	}
	return gateway.Parts{
		Metrics: []prometheus.Collector{s.caller.metrics, newTable(s)},
		Close:   s.close,
	}, nil
}

// connecting is the middleware that asks the backend about a socket. What it answers is done once the socket is
// connected, but for what others may want to know from the first moment on: the user, the data and the rooms.
func (s *Service) connecting(sock *socketio.Socket) error {
	if len(sock.Namespace().Name()) > maxNamespaceBytes {
		return errNamespace
	}
	a, err := s.askConnect(sock)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.arriving[sock] = a
	s.mu.Unlock()
	return nil
}

// askConnect asks the backend whether a socket may connect, and makes it what the answer says. The error is the
// client's connect_error. Where the backend may have let the socket in, and the client gets an error nevertheless, the
// backend is told of its end.
func (s *Service) askConnect(sock *socketio.Socket) (a *answer, err error) {
	_ = s.node.Traces.Connect(sock.Context(), sock, func(ctx context.Context) error {
		a, err = s.askConnectIn(ctx, sock)
		return nil // a refusal is no error, and the rest is in the trace
	})
	return a, err
}

// askConnectIn is askConnect in a context that has a trace, where there are traces.
func (s *Service) askConnectIn(ctx context.Context, sock *socketio.Socket) (*answer, error) {
	body, err := connectBody(sock)
	if err != nil {
		return nil, failed(codeError).connectError()
	}
	m := s.caller.message(kindConnect, sock, gateway.UserOf(sock), body)
	response, failure := s.caller.call(ctx, m)
	if failure != nil {
		if failure.maybe {
			s.ends.push(sock, reasonConnectFailed)
		}
		return nil, failure.connectError()
	}
	a, refused, err := readConnect(response)
	switch {
	case refused != nil:
		s.caller.metrics.count(kindConnect, outcomeRefused)
		return nil, refused
	case err == nil:
		err = s.admit(sock, a)
	}
	if err != nil {
		s.caller.fault(ctx, kindConnect, err)
		if !errors.Is(err, errStatus) {
			s.ends.push(sock, reasonConnectFailed)
		}
		return nil, failed(codeError).connectError()
	}
	s.caller.metrics.count(kindConnect, outcomeOK)
	return a, nil
}

// admit makes a socket what the backend has answered to its connect, but for what is emitted. The error means that
// nothing of it has been done.
func (s *Service) admit(sock *socketio.Socket, a *answer) error {
	if a.user != "" {
		if err := s.node.Identify(sock, a.user); err != nil {
			return err
		}
	}
	a.settle(sock)
	return nil
}

// connected does the rest of what the backend has answered.
func (s *Service) connected(sock *socketio.Socket) error {
	a := s.arrived(sock)
	if a == nil { // a session that has been resumed, which no middleware has seen
		var err error
		if a, err = s.askConnect(sock); err != nil {
			sock.Disconnect(false)
			return nil
		}
	}
	s.emit(sock.Context(), sock.Namespace(), sock, a)
	a.end(sock)
	return nil
}

// arrived takes what the backend has answered to a socket's connect, nil where there is nothing any more.
func (s *Service) arrived(sock *socketio.Socket) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.arriving[sock]
	delete(s.arriving, sock)
	return a
}

// aborted hears of sockets that have gone before they were connected. The backend is told of those that it has let in.
func (s *Service) aborted(sock *socketio.Socket, reason socketio.Reason) {
	if s.arrived(sock) != nil {
		s.ended(sock, reason)
	}
}

// disconnecting hears of the end of a socket, after its events.
func (s *Service) disconnecting(sock *socketio.Socket, reason socketio.Reason) {
	s.arrived(sock) // where it went before connected has been called
	s.ended(sock, reason)
}

// ended tells the backend of the end of a socket that it has let in.
func (s *Service) ended(sock *socketio.Socket, reason socketio.Reason) {
	if s.lasting[sock.Namespace().Name()] {
		s.ends.push(sock, reason)
	} else {
		s.ends.pushAndWait(sock, reason)
	}
}

// event asks the backend about an event, and does what it answers.
func (s *Service) event(e *socketio.Event) error {
	sock := e.Socket()
	if len(e.Name()) > maxEventBytes {
		return reply(e, failed(codeInvalid))
	}
	body, err := eventBody(e)
	if err != nil {
		return reply(e, failed(codeInvalid))
	}
	m := s.caller.message(kindEvent, sock, gateway.UserOf(sock), body)
	m.event(e)
	response, failure := s.caller.call(e.Context(), m)
	if failure != nil {
		return reply(e, failure)
	}
	a, err := readEvent(response)
	if err != nil {
		s.caller.fault(e.Context(), kindEvent, err)
		return reply(e, failed(codeError))
	}
	s.caller.metrics.count(kindEvent, outcomeOK)
	a.settle(sock)
	s.emit(e.Context(), sock.Namespace(), sock, a)
	if a.acknowledges {
		if err := e.Ack(a.ack...); err != nil && !errors.Is(err, socketio.ErrNoAck) {
			s.log.Debug("not acknowledged", "error", err) // the client may have gone
		}
	}
	a.end(sock)
	return nil
}

// reply answers a client that waits for an acknowledgement with what has gone wrong. The error is nil: it is no fault
// of a handler, and has been counted and logged.
func reply(e *socketio.Event, f *failure) error {
	if e.WantsAck() {
		_ = e.Ack(f.body()) // the client may have gone
	}
	return nil
}

// emit sends what an answer says. sender is nil once the socket has gone.
func (s *Service) emit(ctx context.Context, ns *socketio.Namespace, sender *socketio.Socket, a *answer) {
	for i := range a.emit {
		if err := a.emit[i].EmitIn(ctx, ns, sender); err != nil {
			s.log.Debug("not emitted", "error", err) // the same
		}
	}
}

// close sends the disconnects that are left, while ctx lasts, and ends the connections.
func (s *Service) close(ctx context.Context) error {
	err := s.ends.wait(ctx)
	s.caller.close()
	s.ends.stop()
	return err
}
