package client

// Sending: events, acknowledgements, and what waits for a connection.

import (
	"context"
	"errors"
	"fmt"
	"time"

	engine "github.com/brunossouza/websocket-escalonavel/engineio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// flags say how an event is sent.
type flags struct {
	volatile, noCompress bool
	timeout              time.Duration // of the acknowledgement
	retried              bool          // it is kept elsewhere, see retry.go
}

// errAway is returned for what is not sent now, and not kept either.
var errAway = errors.New("socketio: no connection")

// An Emitter is a socket with a way to send. It is a value, and may be kept.
type Emitter struct {
	socket *Socket
	flags  flags
}

func (s *Socket) emitter() Emitter {
	return Emitter{socket: s, flags: flags{timeout: s.conn.opts.AckTimeout}}
}

// Volatile lets what is emitted with the result be dropped while the socket is not connected, or the connection has not
// taken yet what was emitted before.
func (s *Socket) Volatile() Emitter { return s.emitter().Volatile() }

// Compress says whether what is emitted with the result may be compressed. By default it may.
func (s *Socket) Compress(compress bool) Emitter { return s.emitter().Compress(compress) }

// Timeout bounds the wait for acknowledgements to what is emitted with the result, in place of Options.AckTimeout.
func (s *Socket) Timeout(d time.Duration) Emitter { return s.emitter().Timeout(d) }

// Volatile is Socket.Volatile.
func (em Emitter) Volatile() Emitter {
	em.flags.volatile = true
	return em
}

// Compress is Socket.Compress.
func (em Emitter) Compress(compress bool) Emitter {
	em.flags.noCompress = !compress
	return em
}

// Timeout is Socket.Timeout.
func (em Emitter) Timeout(d time.Duration) Emitter {
	em.flags.timeout = d
	return em
}

// Emit sends the server an event, or keeps it until the socket is connected, and returns at once. Arguments are encoded
// as encoding/json does, without its escapes for HTML; byte slices anywhere in them travel as binary attachments, and
// parser.Raw values as they are. Errors: ErrReservedEvent, ErrBufferFull, and those of encoding.
func (s *Socket) Emit(event string, args ...any) error { return s.emitter().Emit(event, args...) }

// Send is Emit of the event "message".
func (s *Socket) Send(args ...any) error { return s.emitter().Emit("message", args...) }

// EmitWithAck is Emit, and waits for the server's acknowledgement until ctx is done. Errors, beside those of Emit:
// ErrAckTimeout, ErrDisconnected where the connection over which the event went ends before, and ctx's. A handler may
// wait for its own server.
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (parser.Args, error) {
	return s.emitter().EmitWithAck(ctx, event, args...)
}

// EmitAck is EmitWithAck for those who do not wait: f is called once with what it would return, as a handler of the
// socket, unless EmitAck returns an error.
func (s *Socket) EmitAck(event string, f func(parser.Args, error), args ...any) error {
	return s.emitter().EmitAck(event, f, args...)
}

// Emit is Socket.Emit.
func (em Emitter) Emit(event string, args ...any) error {
	_, err := em.socket.emit(em.flags, nil, event, args)
	return err
}

// EmitAck is Socket.EmitAck.
func (em Emitter) EmitAck(event string, f func(parser.Args, error), args ...any) error {
	s := em.socket
	_, err := s.emit(em.flags, func(a parser.Args, err error) { // mu is held
		s.conn.do(&s.tasks, taskFunc(func() { _ = s.guard(func() error { f(a, err); return nil }) }))
	}, event, args)
	return err
}

// EmitWithAck is Socket.EmitWithAck.
func (em Emitter) EmitWithAck(ctx context.Context, event string, args ...any) (parser.Args, error) {
	type answer struct {
		args parser.Args
		err  error
	}
	answers := make(chan answer, 1)
	forget, err := em.socket.emit(em.flags, func(a parser.Args, err error) { answers <- answer{a, err} }, event, args)
	if err != nil {
		return parser.Args{}, err
	}
	select {
	case a := <-answers:
		return a.args, a.err
	case <-ctx.Done():
		forget()
		return parser.Args{}, fmt.Errorf("socketio: waiting for an acknowledgement: %w", ctx.Err())
	}
}

// An ackWait waits for an acknowledgement.
type ackWait struct {
	reply func(parser.Args, error) // called once, with mu held
	timer *time.Timer              // may be nil
}

// buffered is an event that waits for a connection.
type buffered struct {
	message engine.Message
	event   *Event // for OnAnyOutgoing, or nil
	size    int
	ack     uint64 // 0: none
}

// emit sends an event. reply, which may be nil, is called once with mu held; forget has it not be called any more.
func (s *Socket) emit(f flags, reply func(parser.Args, error), event string, args []any) (forget func(), err error) {
	if parser.IsReservedEvent(event) {
		return nil, fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	payload, attachments, err := parser.MarshalEvent(event, args)
	if err != nil {
		return nil, err
	}
	p := parser.Packet{Type: parser.Event, Namespace: s.namespace, Payload: payload, Attachments: attachments}
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opts.Retries > 0 && !f.volatile {
		return s.emitRetried(p, f, reply)
	}
	id, err := s.sendEvent(p, f, reply)
	if err != nil || reply == nil {
		return nil, err
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		s.takeAck(id)
		s.unbuffer(id)
	}, nil
}

// sendEvent sends an event now or later; id is that of the acknowledgement which reply waits for. mu is held.
func (s *Socket) sendEvent(p parser.Packet, f flags, reply func(parser.Args, error)) (id uint64, err error) {
	if reply != nil {
		id = s.lastAck + 1
		p.HasID, p.ID = true, float64(id-1) // Node.js counts from 0
	}
	m, err := s.conn.encode(p)
	if err != nil {
		return 0, err
	}
	m.Volatile, m.NoCompress = f.volatile, f.noCompress
	b := buffered{message: m, size: p.Size() + eventOverhead, ack: id, event: s.outgoing(&p)}
	if err := s.sendOrKeep(b, f.retried); err != nil {
		return 0, err
	}
	if reply != nil {
		s.lastAck = id
		s.awaitAck(id, f.timeout, reply)
	}
	return id, nil
}

// outgoing is p for the handlers of OnAnyOutgoing, or nil where there are none. mu is held.
func (s *Socket) outgoing(p *parser.Packet) *Event {
	if s.on == nil || len(s.on.outgoing) == 0 {
		return nil
	}
	in := parser.Packet{Type: parser.Event}
	if in.SetPayload(p.Payload, p.Attachments) != nil {
		return nil // it is nested more deeply than what may come in
	}
	return &Event{Args: in.Args(), socket: s, name: in.Event, size: in.Size() + eventOverhead}
}

// sendOrKeep is called with mu held.
func (s *Socket) sendOrKeep(b buffered, retried bool) error {
	if s.connected {
		switch err := s.conn.link.session.Send(b.message); {
		case err == nil:
			s.tellOutgoing(b.event)
			return nil
		case errors.Is(err, engine.ErrQueueFull):
			return ErrBufferFull
		}
		// The session has just ended, and the socket is about to know.
	}
	switch {
	case b.message.Volatile:
		return nil
	case retried:
		return errAway
	}
	if s.buffered > 0 && s.buffered+b.size > s.conn.opts.MaxBufferBytes {
		return ErrBufferFull
	}
	s.buffer = append(s.buffer, b)
	s.buffered += b.size
	return nil
}

// tellOutgoing has the handlers of OnAnyOutgoing run. mu is held.
func (s *Socket) tellOutgoing(e *Event) {
	if e == nil {
		return
	}
	c := s.conn
	if s.telling > c.opts.MaxInboundBytes {
		c.opts.Logger.Debug("socketio: handlers of OnAnyOutgoing are too slow to be told of all events")
		return
	}
	handlers := s.handlers().outgoing
	s.telling += e.size
	c.do(&s.tasks, taskFunc(func() {
		for _, h := range handlers {
			_ = s.guard(func() error { return h.f(e) })
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		s.telling -= e.size
	}))
}

// sendBuffer sends what has waited for the connection. mu is held.
func (s *Socket) sendBuffer() {
	for len(s.buffer) > 0 {
		b := s.buffer[0]
		if s.conn.link.session.Send(b.message) != nil {
			return // it waits for the next connection
		}
		s.tellOutgoing(b.event)
		s.buffered -= b.size
		s.buffer[0] = buffered{}
		s.buffer = s.buffer[1:]
	}
	s.buffer = nil
}

// unbuffer drops the event that waits for that acknowledgement, if it has not been sent. mu is held.
func (s *Socket) unbuffer(ack uint64) {
	for i := range s.buffer {
		if s.buffer[i].ack == ack {
			s.buffered -= s.buffer[i].size
			s.buffer = append(s.buffer[:i:i], s.buffer[i+1:]...)
			return
		}
	}
}

// awaitAck is called with mu held.
func (s *Socket) awaitAck(id uint64, timeout time.Duration, reply func(parser.Args, error)) {
	w := &ackWait{reply: reply}
	if timeout > 0 {
		c := s.conn
		w.timer = time.AfterFunc(timeout, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if s.takeAck(id) == w {
				s.unbuffer(id)
				reply(parser.Args{}, ErrAckTimeout)
			}
		})
	}
	if s.acks == nil {
		s.acks = make(map[uint64]*ackWait)
	}
	s.acks[id] = w
	s.conn.balance()
}

// takeAck removes and returns what waits for that acknowledgement, or nil. mu is held.
func (s *Socket) takeAck(id uint64) *ackWait {
	w := s.acks[id]
	if w == nil {
		return nil
	}
	if delete(s.acks, id); len(s.acks) == 0 {
		s.acks = nil
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	return w
}

// acknowledged takes an acknowledgement. One that nobody waits for is nothing to this side. mu is held.
func (s *Socket) acknowledged(p *parser.Packet) {
	if !p.HasID || p.ID != p.ID || p.ID < 0 || p.ID >= 1<<53 {
		return
	}
	if w := s.takeAck(uint64(p.ID) + 1); w != nil {
		w.reply(p.Args(), nil)
	}
}

// failAcks ends the waits for what went over the connection that has ended. mu is held.
func (s *Socket) failAcks() {
	kept := make(map[uint64]bool)
	for _, b := range s.buffer {
		kept[b.ack] = true
	}
	var gone []*ackWait
	for id := range s.acks {
		if !kept[id] {
			gone = append(gone, s.takeAck(id))
		}
	}
	for _, w := range gone {
		w.reply(parser.Args{}, ErrDisconnected)
	}
}

// encode makes a message of a packet.
func (c *Conn) encode(p parser.Packet) (engine.Message, error) {
	e, err := c.opts.Parser.Encode(p)
	return engine.Message{Data: e.Data, Binary: e.Binary, Attachments: e.Attachments}, err
}

// sendControl sends a packet that is neither an event nor an acknowledgement. mu is held.
func (s *Socket) sendControl(typ parser.Type, payload []byte) {
	m, err := s.conn.encode(parser.Packet{Type: typ, Namespace: s.namespace, Payload: payload})
	if err != nil {
		s.refused(err)
		return
	}
	_ = s.conn.link.session.Send(m) // where it is over, OnClose says so
}

// sendAck acknowledges an event.
func (s *Socket) sendAck(id float64, args []any) error {
	payload, attachments, err := parser.MarshalArgs(args)
	if err != nil {
		return err
	}
	m, err := s.conn.encode(parser.Packet{
		Type: parser.Ack, Namespace: s.namespace, HasID: true, ID: id, Payload: payload, Attachments: attachments,
	})
	if err != nil {
		return err
	}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if !s.connected {
		return ErrDisconnected
	}
	switch err := s.conn.link.session.Send(m); {
	case errors.Is(err, engine.ErrQueueFull):
		return ErrBufferFull
	case err != nil:
		return ErrDisconnected
	}
	return nil
}
