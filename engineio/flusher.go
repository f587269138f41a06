package engineio

// The flushers write the queues of WebSocket sessions, and the answers to polls that a loop has read. There is one for each
// core; a session belongs to one for life.
//
// A session whose queue is no longer empty stands on its flusher's list; the flusher goes through the list and writes
// each session's whole queue with as few system calls as it can. While the server is idle that is one write for one
// message, at once. While it is busy, queues have grown by the time the flusher comes round, so a message costs less
// the more of them there are. Nothing waits for a timer.
//
// A flusher never waits for a client. A connection that takes no more gets a goroutine of its own for as long as that
// lasts (Session.drain). So do, always, connections on which one cannot write without waiting, such as TLS.

import (
	"runtime"
	"sync"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

const (
	// gatherBytes bounds what is copied together for one write.
	gatherBytes = 64 << 10
	// aloneBytes is the size from which a message is written by itself rather than copied.
	aloneBytes = 16 << 10
	// keepQueue is the longest queue, in messages, whose memory is kept for the next session.
	keepQueue = 256
)

type flusher struct {
	loop    loop    // reads the same sessions' connections
	traffic traffic // of those sessions

	mu      sync.Mutex
	dirty   []*Session
	polls   []*poll // with an answer to write
	running bool

	// These belong to the running goroutine.
	work  []*Session
	given []*poll
	spare []*Message // an empty queue to swap for a full one
	tally tally
	gather
}

// add puts s on the list.
func (f *flusher) add(s *Session) {
	f.mu.Lock()
	f.dirty = append(f.dirty, s)
	f.start()
}

// addPoll puts a poll on the list that a loop has read.
func (f *flusher) addPoll(p *poll) {
	f.mu.Lock()
	f.polls = append(f.polls, p)
	f.start()
}

// start sees to it that the lists are worked on, by a goroutine that lives as long as there is work. It is called with mu
// held and unlocks it.
func (f *flusher) start() {
	started := f.running
	f.running = true
	f.mu.Unlock()
	if !started {
		go f.run()
	}
}

func (f *flusher) run() {
	for {
		f.mu.Lock()
		if len(f.dirty)+len(f.polls) == 0 {
			f.running = false
			f.mu.Unlock()
			return
		}
		f.work, f.dirty = f.dirty, f.work[:0]
		f.given, f.polls = f.polls, f.given[:0]
		f.mu.Unlock()
		for i, p := range f.given {
			f.given[i] = nil
			p.conn.answerPoll(p)
		}
		for i, s := range f.work {
			f.work[i] = nil
			f.flush(s)
		}
		f.traffic.sent(f.tally.messages, f.tally.bytes)
		f.tally = tally{}
		// Let the readers and the handlers fill the queues: this is what makes them long when the server is busy.
		runtime.Gosched()
	}
}

// flush writes what s has queued.
func (f *flusher) flush(s *Session) {
	s.mu.Lock()
	c, batch, size := s.ws, s.queue, s.queued
	s.queue = f.spare
	f.spare = nil
	s.mu.Unlock()

	i := 0
	for i < len(batch) {
		chunk, next := f.next(batch, i, 0, c.deflate)
		n, err := c.sock.write(chunk)
		f.tally.bytes += n
		if err != nil {
			s.cut(ReasonTransportClose)
			break
		}
		if n < len(chunk) {
			i, off := advance(batch, i, n, c.deflate)
			f.tally.messages += messagesIn(batch[:i])
			done := sizeOf(batch[:i])
			rest := append([]*Message(nil), batch[i:]...)
			f.recycle(batch)
			s.mu.Lock()
			s.queued -= done
			s.blocked = true
			s.mu.Unlock()
			go s.drain(c, rest, off)
			return
		}
		i = next
	}
	f.tally.messages += messagesIn(batch[:i])
	f.recycle(batch)
	if s.written(size) {
		f.add(s)
	}
}

// sizeOf is what messages count for in a queue. It is not what they have on the wire, where they may be compressed.
func sizeOf(messages []*Message) int {
	size := 0
	for _, m := range messages {
		size += m.size()
	}
	return size
}

// recycle keeps a written queue's memory for the next session.
func (f *flusher) recycle(batch []*Message) {
	if clear(batch); cap(batch) <= keepQueue {
		f.spare = batch[:0]
	}
}

// written takes n bytes off the account and reports whether more has been queued meanwhile.
func (s *Session) written(n int) (more bool) {
	s.mu.Lock()
	s.queued -= n
	if len(s.queue) > 0 {
		s.mu.Unlock()
		return true
	}
	s.scheduled, s.blocked = false, false
	hangUp := s.hangUp
	if s.state != stateOpen && s.reason == ReasonShutdown && !hangUp {
		s.giveUpAfter(min(farewell, s.srv.closeTimeout)) // nothing but the client's answer is due
	}
	s.mu.Unlock()
	if hangUp {
		s.ws.hangUp()
	}
	return false
}

// drain writes batch, its first message from off, and then all that has been queued, waiting for the client as long as
// it takes.
func (s *Session) drain(c *wsConn, batch []*Message, off int) {
	g := gathers.Get().(*gather)
	defer gathers.Put(g)
	for {
		for i := 0; i < len(batch); {
			chunk, next := g.next(batch, i, off, c.deflate)
			if err := c.writeAll(chunk); err != nil {
				s.cut(ReasonTransportClose)
				s.mu.Lock()
				s.scheduled = false
				s.mu.Unlock()
				return
			}
			s.flusher.traffic.sent(messagesIn(batch[i:next]), len(chunk))
			s.mu.Lock()
			s.queued -= sizeOf(batch[i:next])
			s.mu.Unlock()
			clear(batch[i:next]) // the client may take its time over the rest
			i, off = next, 0
		}
		if !s.written(0) {
			return
		}
		s.mu.Lock()
		batch, s.queue = s.queue, nil
		s.mu.Unlock()
	}
}

// A gather puts messages together for writing.
type gather struct{ buf []byte }

var gathers = sync.Pool{New: func() any { return new(gather) }}

// next returns the bytes to write next: messages from batch[i] on, the first without its first off bytes; i is then the
// index of the first message that is not among them. The bytes are valid until the next call.
func (g *gather) next(batch []*Message, i, off int, deflate *wsframe.Deflater) ([]byte, int) {
	first := batch[i].wire(deflate)[off:]
	if i++; i == len(batch) || len(first) >= aloneBytes {
		return first, i
	}
	g.buf = append(g.buf[:0], first...)
	for ; i < len(batch); i++ {
		b := batch[i].wire(deflate)
		if len(b) >= aloneBytes || len(g.buf)+len(b) > gatherBytes {
			break
		}
		g.buf = append(g.buf, b...)
	}
	return g.buf, i
}

// advance finds the place n bytes behind the start of batch[i].
func advance(batch []*Message, i, n int, deflate *wsframe.Deflater) (int, int) {
	for i < len(batch) {
		size := len(batch[i].wire(deflate))
		if n < size {
			break
		}
		n -= size
		i++
	}
	return i, n
}
