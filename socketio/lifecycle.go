package socketio

// The life of a socket: connecting, its packets, its end.

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// eventOverhead is what an event counts for in an inbox beside its payload, in bytes: about its size in memory.
const eventOverhead = 256

// connect takes the socket through the middlewares and into its namespace. It runs on a worker.
func (s *Socket) connect() {
	srv := s.conn.server
	if s.state.Load() != stateConnecting {
		return // the client has gone meanwhile, and finish is due
	}
	if s.namespace == nil {
		ns := srv.acquireDynamic(s.has().dynamic, s.Handshake())
		if ns == nil {
			s.refuse(s.has().dynamic, []byte(`{"message":"Invalid namespace"}`))
			return
		}
		s.namespace = ns
	}
	ns := s.namespace
	restored := s.restore()
	switch {
	case restored != nil:
	case s.conn.old:
		s.id = oldID(ns.name, s.session.ID())
	default:
		s.id = engineio.NewID()
		if srv.opts.ConnectionStateRecovery != nil {
			s.uncommon.pid = engineio.NewID()
		}
	}
	if err := s.enter(); err != nil {
		s.refuse(ns.name, s.refusal(err))
		return
	}
	h := ns.handlers.Load()
	if restored == nil || srv.opts.ConnectionStateRecovery.RunMiddlewares {
		for _, f := range h.use {
			if err := srv.call(func() error { return f(s) }); err != nil {
				s.refuse(ns.name, s.refusal(err))
				return
			}
		}
	}

	hello := srv.controlMessage(parser.Connect, ns.name, s.connectPayload())
	if hello == nil {
		s.refuse(ns.name, []byte(`{"message":"Internal server error"}`))
		return
	}
	ns.sockets.put(s)
	ns.adapter.AddAll(s, s.id)
	if restored != nil && restored.Resume != nil {
		restored.Resume(func(missed []*Packet) { s.goLive(hello, missed) })
		if s.state.Load() == stateConnecting {
			s.conn.end(ReasonForcedServerClose, engineio.ReasonForcedClose)
			return
		}
	} else {
		s.goLive(hello, nil)
	}
	if !s.Connected() {
		return // the client has gone meanwhile, and finish is due
	}
	s.conn.joined()
	for f := range functions(ns.handlers.Load().connect) {
		s.guard(func() error { return f(s) })
	}
}

// goLive sends the client what it has missed, then hello, its CONNECT packet, and makes the socket connected. No
// broadcast gets ahead of hello, and none that begins after the client has seen hello misses the client: a broadcast
// that finds the socket going live waits (in Connected) until it is connected. So does the reading goroutine with what
// the client answers, because it looks the socket up under conn.mu.
func (s *Socket) goLive(hello *engineio.Message, missed []*Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() != stateConnecting {
		return
	}
	for _, p := range missed {
		if m, err := p.Message(BroadcastFlags{}); err == nil {
			s.session.Send(m)
		}
	}
	s.wasConnected = true
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.state.Store(stateGoingLive)
	s.session.Send(hello) // where that fails, the session is over and about to say so
	s.state.Store(stateConnected)
}

// wentLive waits for goLive to finish and reports whether the socket is connected then.
func (s *Socket) wentLive() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.state.Load() == stateConnected
}

// restore takes over the session that the client asks to resume, if there is one.
func (s *Socket) restore() *RestoredSession {
	srv := s.conn.server
	if srv.opts.ConnectionStateRecovery == nil || s.auth == "" || s.conn.old {
		return nil
	}
	var auth struct {
		PID    any `json:"pid"`
		Offset any `json:"offset"`
	}
	if json.Unmarshal([]byte(s.auth), &auth) != nil {
		return nil
	}
	pid, ok1 := auth.PID.(string)
	offset, ok2 := auth.Offset.(string)
	if !ok1 || !ok2 {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.Context(), srv.opts.ConnectTimeout)
	defer cancel()
	restored, err := s.namespace.adapter.RestoreSession(ctx, pid, offset)
	if err != nil {
		srv.log().Warn("socketio: session not restored", slog.Any("error", err))
	}
	if restored == nil || !restored.resumes(pid) {
		return nil
	}
	s.id, s.uncommon.pid, s.uncommon.recovered = restored.SID, restored.PID, true
	s.setData(restored.Data)
	s.namespace.adapter.AddAll(s, restored.Rooms...)
	return restored
}

// refusal is the payload of the connect_error for a middleware's error.
func (s *Socket) refusal(err error) []byte {
	body := struct {
		Message string `json:"message"`
		Data    any    `json:"data,omitempty"`
	}{Message: err.Error()}
	var refused *ConnectError
	if pe, ok := err.(*PanicError); ok {
		s.report(pe)
		body.Message = "Internal server error" // not the client's business
	} else if errors.As(err, &refused) {
		body.Message, body.Data = refused.Message, refused.Data
	}
	payload, err := parser.Marshal(body)
	if err != nil || len(payload.Attachments()) > 0 {
		body.Data = nil
		payload, _ = parser.Marshal(body)
	}
	if s.conn.old {
		return oldRefusal(body.Message, body.Data)
	}
	return payload.JSON()
}

// refuse ends the socket before it has connected.
func (s *Socket) refuse(namespace string, payload []byte) {
	s.mu.Lock()
	refused := s.state.Load() == stateConnecting
	early := s.inbox.bytes > 0 // the client did not wait for the answer
	if refused {
		s.state.Store(stateClosed)
		s.discard()
	}
	s.mu.Unlock()
	if !refused {
		return // the client has gone meanwhile, and finish is due
	}
	s.endContext()
	s.conn.remove(s) // before the client knows: it may try again at once
	s.conn.sendControl(parser.ConnectError, namespace, payload)
	s.cleanUp()
	s.leave()
	if early {
		s.conn.end(ReasonForcedClose, engineio.ReasonForcedClose)
	}
}

// cleanUp takes the socket out of its rooms and its namespace.
func (s *Socket) cleanUp() {
	s.conn.discharge(len(s.namespaceName()) + len(s.auth))
	ns := s.namespace
	if ns == nil {
		return
	}
	ns.adapter.DelAll(s)
	ns.sockets.remove(s)
	s.mu.Lock()
	s.setOverheard() // it is closed
	s.mu.Unlock()
	s.conn.server.release(ns)
}

// onEvent takes an EVENT packet on the reading goroutine.
func (s *Socket) onEvent(p *parser.Packet) {
	e := &Event{Args: p.Args(), socket: s, name: p.Event, ackID: p.ID}
	if p.HasID {
		e.ack.v.Store(ackWanted)
	}
	s.push(e)
}

// onAck takes an ACK packet on the reading goroutine.
func (s *Socket) onAck(p *parser.Packet) {
	if !p.HasID || p.ID != math.Trunc(p.ID) || p.ID < 0 || p.ID >= 1<<53 {
		return
	}
	if reply := s.acks.take(s, uint64(p.ID)); reply != nil {
		reply(p.Args(), nil)
	}
}

// handle runs the handlers of an event, and answers the client where one has failed and none has. It tells
// Options.OnEvent how long that took. It runs on a worker.
func (s *Socket) handle(e *Event) {
	switch {
	case e.outgoing:
		s.handleOutgoing(e)
		return
	case e.isCallback():
		s.guard(func() error { e.more.call(); return nil })
		return
	}
	told := s.conn.server.opts.OnEvent
	if told == nil {
		e.settle(s.traced(e))
		return
	}
	began := time.Now()
	e.settle(s.traced(e))
	took := time.Since(began)
	s.guard(func() error { told(s.namespace, e.name, took); return nil })
}

// runHandlers returns the first error.
func (s *Socket) runHandlers(e *Event) error {
	if taken, err := s.gated(e); taken || err != nil {
		return err
	}
	r := handling{socket: s, event: e}
	h, l := s.namespace.handlers.Load(), s.listening()
	for f := range functions(h.any) {
		r.run(f)
	}
	for f := range functions(l.any) {
		r.run(f)
	}
	if len(h.useEvents) == 0 {
		r.runNamed(h, l)
		return r.failed
	}
	err := s.throughMiddlewares(h.useEvents, e, func() error {
		inner := handling{socket: s, event: e}
		inner.runNamed(h, l)
		return inner.failed
	})
	if r.failed == nil {
		r.failed = err
	}
	return r.failed
}

// A handling runs handlers of one event.
type handling struct {
	socket *Socket
	event  *Event
	failed error // the first error
}

func (r *handling) run(f func(*Event) error) error {
	err := r.socket.guard(func() error { return f(r.event) })
	if r.failed == nil {
		r.failed = err
	}
	return err
}

// runNamed runs the socket's middlewares, and the handlers for the event's name where those let it through.
func (r *handling) runNamed(h *handlers, l listeners) {
	s := r.socket
	for _, f := range l.use {
		if r.run(f) != nil {
			return
		}
	}
	if s.discarding() {
		return
	}
	if len(h.any)+len(l.any)+len(l.use)+len(h.useEvents) > 0 {
		l = s.listening() // they may have added some
	}
	for _, on := range h.events[r.event.name] {
		if due(s.namespace, on.id) {
			r.run(on.f)
		}
	}
	for _, on := range l.events {
		if on.name == r.event.name && due(s, on.id) {
			r.run(on.f)
		}
	}
}

// discarding reports whether this side has ended the socket and wants no more events handled.
func (s *Socket) discarding() bool {
	if s.state.Load() <= stateConnected {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.discardsBacklog(s.reason)
}

// discardsBacklog reports whether an end for this reason drops the events that wait for their handlers: where this side
// ended the socket. A server that drains still has them handled.
func (s *Socket) discardsBacklog(reason Reason) bool {
	return reason == ReasonServerDisconnect || reason == ReasonServerShutdown && s.conn.server.closing.Load()
}

// close ends the socket: from now on nothing is sent to it or received from it. A worker tells its handlers, after the
// events that the client has sent before. farewell, if not nil, is sent to the client. close may be called from any
// goroutine, any number of times, and does not block.
func (s *Socket) close(reason Reason, farewell *engineio.Message) {
	s.mu.Lock()
	if s.state.Load() > stateConnected {
		s.mu.Unlock()
		return
	}
	s.state.Store(stateClosing)
	s.reason = reason
	waiting := s.acks.takeAll()
	if !s.wasConnected || s.discardsBacklog(reason) { // no handler hears who has not been let in
		s.discard()
	}
	s.mu.Unlock()

	s.endContext()
	s.conn.remove(s)
	if farewell != nil { // behind remove: a client that knows may connect anew at once
		s.session.Send(farewell)
	}
	for _, reply := range waiting { // callbacks of EmitAck stand before the end in the inbox
		reply(Args{}, ErrDisconnected)
	}
	s.mu.Lock()
	s.inbox.closeDue = true
	start := !s.inbox.running
	s.inbox.running = true
	s.mu.Unlock()
	if start {
		s.conn.server.workers.dispatch(s)
	}
}

// finish runs the handlers of the socket's end. It runs on a worker.
func (s *Socket) finish() {
	s.mu.Lock()
	reason, connected := s.reason, s.wasConnected
	s.mu.Unlock()
	if !connected {
		s.state.Store(stateClosed)
		if s.namespace != nil {
			for f := range functions(s.namespace.handlers.Load().aborted) {
				s.guard(func() error { f(s, reason); return nil })
			}
			if s.Recovered() { // the client does not know, and tries again
				s.persist(reason)
			}
		}
		s.cleanUp()
		s.leave()
		return
	}
	srv, h, l := s.conn.server, s.namespace.handlers.Load(), s.listening()
	srv.countEnd(reason)
	for f := range functions(h.disconnecting) {
		s.guard(func() error { f(s, reason); return nil })
	}
	for f := range functions(l.disconnecting) {
		s.guard(func() error { f(reason); return nil })
	}
	s.persist(reason)
	s.state.Store(stateClosed)
	s.cleanUp()
	l = s.listening()
	for f := range functions(h.disconnect) {
		s.guard(func() error { f(s, reason); return nil })
	}
	for f := range functions(l.disconnect) {
		s.guard(func() error { f(reason); return nil })
	}
	s.leave()
}

// persist keeps the session of a socket that has ended for this reason, if its client may resume it.
func (s *Socket) persist(reason Reason) {
	if pid := s.has().pid; pid != "" && reason.recoverable() {
		s.namespace.adapter.PersistSession(SavedSession{SID: s.id, PID: pid, Rooms: s.Rooms(), Data: s.Data()})
	}
}
