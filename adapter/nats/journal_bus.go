package nats

// A namespace's bus over the journal.

import (
	"context"
	"sync"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/recovery"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A journalBus carries one namespace's messages through the journal, but requests and answers, which are of no use
// later, by core NATS.
type journalBus struct {
	cluster.Codec
	adapter    *cluster.Adapter
	journal    *journal
	core       *bus
	recovering *recovery.Adapter // nil where there is none; set before begin

	seqMu sync.Mutex
	seq   uint64 // of this server's last message

	// Of the inbox's goroutine:
	received recovery.Arrivals
	partials map[string]*partial // by sender
	held     int                 // bytes of these
}

var (
	_ cluster.Bus      = (*journalBus)(nil)
	_ recovery.Log     = (*journalBus)(nil)
	_ socketio.Flusher = (*journalBus)(nil)
)

func newJournalBus(j *journal, a *cluster.Adapter) *journalBus {
	b := &journalBus{
		Codec: cluster.NewCodec(a), adapter: a, journal: j, core: newBus(j.broker, a),
		partials: make(map[string]*partial),
	}
	b.received = recovery.Arrivals{Own: a.ID(), Missed: &j.broker.stats.missed, Warn: b.warnMissed}
	b.core.heard = b.noteResumed
	return b
}

// begin subscribes. What is said comes from behind a sequence on. It is called with journal.mu held.
func (b *journalBus) begin(last uint64) {
	b.adapter.Enqueue(0, func() { b.received.DealtWith(offsetOf(last+1, 0)) })
	b.core.begin()
}

// Publish adds a message to the journal, or publishes one that is a request.
func (b *journalBus) Publish(m cluster.Message) error {
	if m.RequestID != "" || m.Type == cluster.ServerSideEmit {
		return b.core.send(b.core.subject, m)
	}
	_, err := b.Append(m)
	return err
}

// Respond sends m to a server's own subject.
func (b *journalBus) Respond(to string, m cluster.Message) error { return b.core.Respond(to, m) }

// Decode reads a message that came by core NATS.
func (b *journalBus) Decode(subject string, data []byte, m *cluster.Message) error {
	return b.core.Decode(subject, data, m)
}

// Others is how many other processes have this namespace.
func (b *journalBus) Others(ctx context.Context) (int, error) { return b.core.Others(ctx) }

// Flush implements socketio.Flusher.
func (b *journalBus) Flush(ctx context.Context) { b.core.Flush(ctx) }

// Close ends the subscriptions.
func (b *journalBus) Close() {
	b.journal.remove(b)
	b.core.Close()
}

// Ahead implements recovery.Log.
func (b *journalBus) Ahead(seq uint64) uint64 {
	b.seqMu.Lock()
	defer b.seqMu.Unlock()
	return b.seq - min(seq, b.seq)
}

// Standing implements recovery.Log.
func (b *journalBus) Standing() (up bool, times int64) {
	st := b.journal.broker.Stats()
	return st.Up && st.JournalUp, st.Connects + b.journal.times.Load()
}

// take puts a message of the journal in line. Where the line is full it waits: nothing is lost, as the journal keeps
// what follows.
func (b *journalBus) take(sequence uint64, data []byte) {
	_ = b.adapter.EnqueueWait(b.journal.broker.ctx, len(data), func() { // one that is too large is counted there
		b.receive(sequence, data)
	})
}

// receive delivers what is in a chunk.
func (b *journalBus) receive(sequence uint64, data []byte) {
	c, err := parseChunk(data)
	if err != nil {
		b.adapter.Malformed(b.journal.subject+b.core.namespace, err)
		return
	}
	b.journal.broker.stats.received.Add(int64(len(c.entries)))
	if c.part.count > 0 {
		whole, ok := b.together(&c)
		if !ok {
			return
		}
		c.entries[0].data = whole
	}
	for i := range c.entries {
		offset := offsetOf(sequence, i+1)
		b.deliver(offset, c.sender, &c.entries[i])
		b.received.DealtWith(offset)
	}
}

// together returns the data of an entry of which c is the last part.
func (b *journalBus) together(c *chunk) ([]byte, bool) {
	p := b.partials[c.sender]
	if p == nil {
		if len(b.partials) >= rememberedSenders { // servers that are gone
			clear(b.partials)
			b.held = 0
		}
		p = new(partial)
		b.partials[c.sender] = p
	}
	limit := b.journal.broker.opts.InboxBytes
	whole, ok, more := p.take(c, limit-b.held+len(p.data))
	b.held += more
	return whole, ok
}

// deliver delivers an entry, once.
func (b *journalBus) deliver(offset, sender string, e *chunkEntry) {
	if b.received.IsRepeated(offset, sender, e.seq) {
		return
	}
	if sender == b.adapter.ID() {
		if b.recovering != nil {
			b.recovering.Returned(offset, e.seq)
		}
		return
	}
	m, err := b.decodeEntry(sender, e)
	switch {
	case err != nil:
	case b.recovering != nil && m.Type == cluster.Broadcast:
		err = b.recovering.Seen(offset, &m)
	default:
		b.noteResumed(&m)
		err = b.adapter.Handle(m)
	}
	if err != nil {
		b.adapter.Malformed(sender, err)
	}
}

func (b *journalBus) decodeEntry(sender string, e *chunkEntry) (cluster.Message, error) {
	m := cluster.Message{Type: e.typ, Sender: sender}
	return m, b.DecodeData(e.data, &m)
}

// noteResumed tells who keeps sessions that m is about some that go on at another server.
func (b *journalBus) noteResumed(m *cluster.Message) {
	if m.Type == cluster.DisconnectSockets && m.Resumed && b.recovering != nil {
		b.recovering.TakenOver(m.Opts.Rooms)
	}
}

// warnMissed logs that another server's messages were cut off the journal before this server had read them, or that it
// could not add them.
func (b *journalBus) warnMissed(sender string, missed, total int64) {
	b.journal.broker.throttled.Warn("another server's messages are not in the stream any more",
		"stream", b.journal.name, "from", sender, "missed", missed, "missed_total", total)
}
