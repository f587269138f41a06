package engineio

// The flushers write the queues of streams, and the answers to polls that a loop has read. There is one for each
// core; a session belongs to one for life.
//
// A stream whose queue is no longer empty stands on its flusher's list; the flusher goes through the list and writes
// each queue with as few system calls as it can. While the server is idle that is one write for one message, at once.
// While it is busy, queues have grown by the time the flusher comes round, so a message costs less the more of them
// there are. Nothing waits for a timer.
//
// A flusher never waits for a client. A connection that takes no more gets a goroutine of its own for as long as that
// lasts (stream.drain).

import (
	"runtime"
	"sync"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/netloop"
)

const (
	// gatherBytes bounds what is copied together for one write.
	gatherBytes = 64 << 10
	// aloneBytes is the size from which a message is written by itself rather than copied.
	aloneBytes = 16 << 10
	// longBytes is the size from which a queue takes too long to write for a flusher.
	longBytes = 512 << 10
	// keepQueue is the longest queue, in messages, whose memory is kept for the next session.
	keepQueue = 256
)

type flusher struct {
	loop    netloop.Loop // reads the same sessions' connections
	traffic traffic      // of those sessions

	mu      sync.Mutex
	due     []flushable
	running bool

	// These belong to the running goroutine.
	work []flushable
	pen
}

// A pen is what a goroutine needs that writes queues.
type pen struct {
	spare []*Message // an empty queue to swap for a full one
	round roundCounts
	gather
}

// A flushable has something to be written: a stream, or a connection with a poll's answer.
type flushable interface {
	// flush writes it, and does not wait for the client.
	flush(f *flusher)
}

// add puts w on the list, and sees to it that there is a goroutine that works on it, for as long as there is work.
func (f *flusher) add(w flushable) {
	f.mu.Lock()
	f.due = append(f.due, w)
	start := !f.running
	f.running = true
	f.mu.Unlock()
	if start {
		go f.run()
	}
}

func (f *flusher) run() {
	for {
		f.mu.Lock()
		if len(f.due) == 0 {
			f.running = false
			f.mu.Unlock()
			return
		}
		f.work, f.due = f.due, f.work[:0]
		f.mu.Unlock()
		for i, w := range f.work {
			f.work[i] = nil
			w.flush(f)
		}
		f.traffic.sent(f.round.messages, f.round.bytes)
		f.round = roundCounts{}
		// Let the readers and the handlers fill the queues: this is what makes them long when the server is busy.
		runtime.Gosched()
	}
}

// flush writes what the session has queued.
func (c *stream) flush(f *flusher) {
	s := c.session
	s.mu.Lock()
	if later := c.takeForContext(); later != nil {
		s.mu.Unlock()
		s.srv.backlog.add(func() {
			c.compressInContext(later)
			f.add(c)
		})
		return
	}
	if first := c.uncompressed(s.queue); first != nil {
		s.mu.Unlock()
		s.srv.backlog.add(func() {
			c.compress(first)
			f.add(c)
		})
		return
	}
	if s.queued >= longBytes {
		s.mu.Unlock()
		s.srv.backlog.add(func() {
			var p pen
			s.mu.Lock()
			batch, size := c.take(&p)
			s.mu.Unlock()
			c.write(f, &p, batch, size)
			f.traffic.sent(p.round.messages, p.round.bytes)
		})
		return
	}
	batch, size := c.take(&f.pen)
	s.mu.Unlock()
	c.write(f, &f.pen, batch, size)
}

// take takes the queue, and returns what it has on the session's account. mu is held.
func (c *stream) take(p *pen) (batch []*Message, size int) {
	if batch, size = c.takeCompressed(); batch != nil {
		return batch, size
	}
	s := c.session
	batch, size = s.takeQueue(p.spare), s.queued-s.polling.underway()
	p.spare = nil
	return batch, size
}

// write writes a queue, as much as the connection takes. The flusher is told where there is more by then.
func (c *stream) write(f *flusher, p *pen, batch []*Message, size int) {
	s := c.session
	i := 0
	for i < len(batch) {
		chunk, next := p.next(batch, i, 0, c.form)
		n, err := c.conn.TryWrite(chunk)
		p.round.bytes += n
		if err != nil {
			c.broke()
			break
		}
		if n < len(chunk) {
			i, off := advance(batch, i, n, c.form)
			p.round.messages += messagesIn(batch[:i])
			done := sizeOf(batch[:i])
			rest := append([]*Message(nil), batch[i:]...)
			p.recycle(batch)
			s.mu.Lock()
			s.wrote(done)
			c.blocked, c.draining = true, &rest
			s.mu.Unlock()
			go c.drain(rest, off)
			return
		}
		i = next
	}
	p.round.messages += messagesIn(batch[:i])
	p.recycle(batch)
	if c.written(size) {
		f.add(c)
		return
	}
	s.tellDrain()
}

// recycle keeps a written queue's memory for the next session.
func (p *pen) recycle(batch []*Message) {
	if clear(batch); cap(batch) <= keepQueue {
		p.spare = batch[:0]
	}
}

// wrote takes n bytes off the account. mu is held.
func (s *Session) wrote(n int) {
	s.account(-min(n, s.queued)) // a session that has been cut has none any more
}

// sizeOf is what messages count for in a queue. It is not what they have on the wire, where they may be compressed.
func sizeOf(messages []*Message) int {
	size := 0
	for _, m := range messages {
		size += m.size()
	}
	return size
}

// A gather puts messages together for writing.
type gather struct{ buf []byte }

var gathers = sync.Pool{New: func() any { return new(gather) }}

// next returns the bytes to write next: messages from batch[i] on, the first without its first off bytes; i is then the
// index of the first message that is not among them. The bytes are valid until the next call.
func (g *gather) next(batch []*Message, i, off int, f *form) ([]byte, int) {
	first := batch[i].wire(f)[off:]
	if i++; i == len(batch) || len(first) >= aloneBytes {
		return first, i
	}
	g.buf = append(g.buf[:0], first...)
	for ; i < len(batch); i++ {
		b := batch[i].wire(f)
		if len(b) >= aloneBytes || len(g.buf)+len(b) > gatherBytes {
			break
		}
		g.buf = append(g.buf, b...)
	}
	return g.buf, i
}

// advance finds the place n bytes behind the start of batch[i].
func advance(batch []*Message, i, n int, f *form) (int, int) {
	for i < len(batch) {
		size := len(batch[i].wire(f))
		if n < size {
			break
		}
		n -= size
		i++
	}
	return i, n
}
