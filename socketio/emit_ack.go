package socketio

// Acknowledgements that come to a callback, so that nobody waits for them.

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// broadcastAckTimeout is how long a broadcast's callback waits that has no Timeout: other servers may never answer.
const broadcastAckTimeout = time.Minute

// EmitAck sends the client an event and returns at once. f gets the acknowledgement, or an error that matches
// ErrDisconnected where the socket has ended before; Timeout(d).EmitAck bounds the wait. After an error of EmitAck,
// those of EmitWithAck, f is never called, else once.
//
// f is called as one of the socket's handlers: never while another of them runs, in the order in which the client has
// sent the acknowledgement and its events, and before OnDisconnect. A handler that must not go on without the answer
// uses EmitWithAck, which waits for it.
func (s *Socket) EmitAck(event string, f func(Args, error), args ...any) error {
	return s.emitter().EmitAck(event, f, args...)
}

// EmitAck is Socket.EmitAck. f gets an error that matches ErrAckTimeout once Timeout has passed.
func (em Emitter) EmitAck(event string, f func(Args, error), args ...any) error {
	s := em.socket
	id := s.namespace.nextAckID()
	var timer atomic.Pointer[time.Timer]
	reply := func(args Args, err error) {
		if t := timer.Load(); t != nil {
			t.Stop()
		}
		s.pushCallback(args, func() { f(args, err) })
	}
	if err := em.ask(id, reply, event, args); err != nil || em.timeout <= 0 {
		return err
	}
	timer.Store(time.AfterFunc(em.timeout, func() { // it finds nothing where the answer has come meanwhile
		if late := s.acks.take(s, id); late != nil {
			late(Args{}, ErrAckTimeout)
		}
	}))
	return nil
}

// ask sends an event with an acknowledgement id. reply is called once, unless there is an error.
func (em Emitter) ask(id uint64, reply func(Args, error), event string, args []any) error {
	s := em.socket
	if parser.IsReservedEvent(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	p := s.namespace.NewPacket(event, args...)
	p.ackID, p.hasAckID = id, true
	m, err := p.Message(em.flags)
	if err != nil {
		return err
	}
	if !s.acks.wait(s, id, reply) {
		return ErrDisconnected
	}
	if err := s.send(m, em.flags.Volatile); err != nil {
		if s.acks.take(s, id) == nil {
			return nil // the end of the socket was faster, and has told reply
		}
		return err
	}
	if s.overheard.Load() {
		tellOutgoing(p, s)
	}
	return nil
}

// pushCallback puts a callback of EmitAck in the inbox, behind the events that have come before its answer. args are
// what it keeps.
func (s *Socket) pushCallback(args Args, f func()) {
	s.mu.Lock()
	start := s.append(&Event{Args: args, socket: s, more: &eventMore{call: f}})
	s.mu.Unlock()
	if start {
		s.conn.server.workers.dispatch(s)
	}
}

// isCallback reports whether e is a callback of EmitAck.
func (e *Event) isCallback() bool { return e.more != nil && e.more.call != nil }

// EmitAck sends an event to the selected sockets and returns at once. f is called once, with what EmitWithAck would
// return, on a goroutine of its own: when all have answered or are gone, when Timeout has passed (a minute where none
// has been set), or when the server is shut down. It is not called after an error of EmitAck.
func (b BroadcastOperator) EmitAck(event string, f func([]Args, error), args ...any) error {
	srv := b.namespace.server
	if b.timeout <= 0 {
		b.timeout = broadcastAckTimeout
	}
	ctx, cancel := withAckTimeout(srv.life, b.timeout)
	c, err := b.ask(ctx, event, args)
	if err != nil {
		cancel()
		return err
	}
	srv.workers.spawn(func() {
		defer cancel()
		replies, err := b.await(ctx, c)
		if err := srv.call(func() error { f(replies, err); return nil }); err != nil {
			srv.report(nil, err)
		}
	})
	return nil
}

// ask sends an event whose acknowledgements c gathers, until ctx is done.
func (b BroadcastOperator) ask(ctx context.Context, event string, args []any) (c *ackCollector, err error) {
	if parser.IsReservedEvent(event) {
		return nil, fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	c = &ackCollector{servers: -1, done: make(chan struct{})}
	p := b.namespace.NewPacket(event, args...)
	return c, b.namespace.adapter.BroadcastWithAck(ctx, p, b.optsIn(ctx), c.count, c.reply)
}

// await waits for what c gathers.
func (b BroadcastOperator) await(ctx context.Context, c *ackCollector) ([]Args, error) {
	servers := 1
	if !b.opts.Flags.Local {
		var err error
		if servers, err = b.namespace.adapter.ServerCount(ctx); errors.Is(err, ErrIncomplete) {
			c.reply(Args{}, err)
		} else if err != nil {
			return nil, err
		}
	}
	c.setServers(servers)
	select {
	case <-c.done:
		return c.result(nil)
	case <-ctx.Done():
		return c.result(ackError(ctx))
	}
}
