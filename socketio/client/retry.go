package client

// Options.Retries: events that are sent one after the other, each until it has been acknowledged.

import "github.com/brunossouza/websocket-escalonavel/socketio/parser"

// A retried is an event in that queue.
type retried struct {
	packet  parser.Packet
	flags   flags
	reply   func(parser.Args, error) // may be nil; called once, with mu held
	tries   int
	pending bool // it has been sent, and is not acknowledged
	size    int
}

// emitRetried puts an event in the queue. mu is held.
func (s *Socket) emitRetried(p parser.Packet, f flags, reply func(parser.Args, error)) (forget func(), err error) {
	f.retried = true
	r := &retried{packet: p, flags: f, reply: reply, size: p.Size() + eventOverhead}
	if s.buffered > 0 && s.buffered+r.size > s.conn.opts.MaxBufferBytes {
		return nil, ErrBufferFull
	}
	s.buffered += r.size
	s.retries = append(s.retries, r)
	s.drainRetries(false)
	return func() { // it is still sent
		s.conn.mu.Lock()
		defer s.conn.mu.Unlock()
		r.reply = nil
	}, nil
}

// drainRetries sends the first event of the queue, unless it has been sent; force sends it again. mu is held.
func (s *Socket) drainRetries(force bool) {
	if !s.connected || len(s.retries) == 0 || s.retries[0].pending && !force {
		return
	}
	r := s.retries[0]
	r.pending = true
	r.tries++
	_, err := s.sendEvent(r.packet, r.flags, func(a parser.Args, err error) { s.retryOver(r, a, err) })
	switch err {
	case nil:
	case errAway: // the socket is about to know
		r.pending = false
		r.tries--
	default: // it is the parser's, or the connection takes no more
		s.retryOver(r, parser.Args{}, err)
	}
}

// retryOver takes the outcome of one try. mu is held.
func (s *Socket) retryOver(r *retried, a parser.Args, err error) {
	if len(s.retries) == 0 || s.retries[0] != r { // another try has had an answer
		return
	}
	r.pending = false
	if err == nil || r.tries > s.conn.opts.Retries {
		s.retries[0] = nil
		s.retries = s.retries[1:]
		s.buffered -= r.size
		if r.reply != nil {
			r.reply(a, err)
		}
	}
	s.drainRetries(false)
}
