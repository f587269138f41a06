package engineio

// WebSocket compression with context takeover. Each connection compresses for itself, once and in the order in which
// messages go out, so what it is going to write leaves the queue before: what is compressed has to be written.

import "github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"

// A takeover is the state of one connection, of which either direction may be nil.
type takeover struct {
	out  *wsframe.Compressor
	in   *wsframe.Inflater
	next []*Message // compressed, to be written next; guarded by the session's mu
}

// takeover is the stream's, or nil.
func (c *stream) takeover() *takeover {
	if c.form == nil {
		return nil
	}
	return c.form.takeover
}

// negotiate answers a client's offers of extensions. Where the agreement has a context, endContext is to follow.
func (srv *Server) negotiate(offers []string, q query) wsframe.Agreement {
	o := srv.opts.PerMessageDeflate
	if o == nil {
		return wsframe.Agreement{}
	}
	// A client that takes text only gets nothing compressed.
	if !o.ContextTakeover || q.textOnly || len(offers) == 0 {
		return srv.deflater.Negotiate(offers, false)
	}
	agreed := srv.deflater.Negotiate(offers, srv.contexts.Add(1) <= int64(o.MaxContexts))
	srv.endContext(!agreed.TakesOver())
	return agreed
}

// endContext counts a connection less that has a context, if it had one.
func (srv *Server) endContext(had bool) {
	if had {
		srv.contexts.Add(-1)
	}
}

// agree has the connection compressed as has been agreed upon.
func (c *webSocket) agree(agreed wsframe.Agreement) {
	if !agreed.Deflates() {
		return
	}
	srv := c.session.srv
	c.frames.Deflate = true
	switch {
	case c.form != nil: // nothing is compressed, which is the sender's to decide
	case !agreed.TakesOver():
		c.form = srv.deflated
	default:
		t := new(takeover)
		c.form = &form{deflater: srv.deflater, takeover: t}
		if agreed.ServerTakesOver {
			t.out = srv.deflater.NewCompressor()
		}
		if agreed.ClientTakesOver {
			t.in = new(wsframe.Inflater)
		}
	}
}

// Inflate decompresses a message of the client's.
func (c *webSocket) Inflate(data []byte, limit int) ([]byte, error) {
	if t := c.takeover(); t != nil && t.in != nil {
		return t.in.Inflate(data, limit)
	}
	return wsframe.Inflate(data, limit)
}

// compressor is that of a stream with a context of its own, or nil.
func (c *stream) compressor() *wsframe.Compressor {
	if t := c.takeover(); t != nil {
		return t.out
	}
	return nil
}

// takeForContext takes the queue if something in it is to be compressed in the stream's context, which is for the
// backlog; else it returns nil. The session's mu is held.
func (c *stream) takeForContext() []*Message {
	if c.compressor() == nil || c.takeover().next != nil || !c.anyDeflates(c.session.queue) {
		return nil
	}
	batch := c.session.takeQueue(nil)
	c.draining = &batch
	return batch
}

// compressInContext makes of a batch what takeCompressed returns.
func (c *stream) compressInContext(batch []*Message) {
	next := c.inContext(batch)
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	c.takeover().next = next
}

// takeCompressed returns what has been compressed and is to be written next, with what it counts for, or nil. The
// session's mu is held.
func (c *stream) takeCompressed() ([]*Message, int) {
	t := c.takeover()
	if t == nil || t.next == nil {
		return nil, 0
	}
	next := t.next
	t.next = nil
	return next, sizeOf(next)
}

func (c *stream) anyDeflates(queue []*Message) bool {
	for _, m := range queue {
		if m.deflates(c.form) {
			return true
		}
	}
	return false
}

// inContext returns batch with the messages replaced that are compressed. What it returns counts for as much as batch,
// and all of it has to be written, in its order.
func (c *stream) inContext(batch []*Message) []*Message {
	out := make([]*Message, len(batch))
	for i, m := range batch {
		out[i] = m
		if m.deflates(c.form) {
			made := &derived{b: c.compressor().Compress(m.frames)}
			made.made.Store(true)
			out[i] = &Message{frames: m.frames, messages: m.messages}
			out[i].deflated.Store(made)
		}
	}
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	c.draining = &out
	return out
}
