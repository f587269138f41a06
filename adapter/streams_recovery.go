package adapter

// The Streams protocol with recovery: how broadcasts get their offsets. streams_sessions.go keeps sessions,
// streams_resume.go resumes them.

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const (
	// localWait is how long this server's sockets wait for a broadcast when nothing comes back from the stream.
	localWait = time.Second
	// caughtUp is when they wait for the stream again after it was silent: at most so many of this server's entries are
	// on their way.
	caughtUp = 512
)

// recoveringAdapter is a streams adapter whose sessions can be resumed on any server of the cluster, even when the
// one that they were on was killed: sessions are saved while they last, not only when they end.
//
// What sockets got without an offset, while Redis was away, they get once more if they resume from before it: nobody
// knows how much of it arrived.
type recoveringAdapter struct {
	*cluster.Adapter
	bus      *streamsBus
	ns       *socketio.Namespace
	redis    *Redis
	recovery socketio.ConnectionStateRecovery
	over     chan struct{} // closed by Close

	mu       sync.Mutex
	pending  []ownPacket // this server's broadcasts that have not come back, oldest first
	returned time.Time   // when the last one came back
	stalled  bool        // the stream is silent: nothing waits for it
	timer    *time.Timer
	sessions map[string]*liveSession // by sid

	// Of the inbox's goroutine.
	captures []*capture
	waiting  []*capture // that are to begin once this server has dealt with their offsets
}

// An ownPacket is a broadcast of this server that waits for its offset, or behind one that does.
type ownPacket struct {
	seq    uint64 // of its entry; 0 where it is local and has none
	since  time.Time
	packet *socketio.Packet // encoded
	opts   socketio.BroadcastOptions
}

func newRecoveringAdapter(member *cluster.Adapter, b *streamsBus) *recoveringAdapter {
	a := &recoveringAdapter{
		Adapter: member, bus: b, ns: member.Namespace(), redis: b.redis, recovery: *b.streams.opts.Recovery,
		over: make(chan struct{}), sessions: make(map[string]*liveSession),
	}
	if a.recovery.MaxDisconnectionDuration <= 0 {
		a.recovery.MaxDisconnectionDuration = 2 * time.Minute
	}
	in := &b.received
	in.own, in.seen, in.resumed, in.advanced = a.ownReturned, a.broadcastSeen, a.takenOver, a.beginCaptures
	b.redis.background.Go(a.save)
	return a
}

// Close ends the subscriptions. What waits for its offset is delivered without one.
func (a *recoveringAdapter) Close(ctx context.Context) error {
	a.mu.Lock()
	if a.timer != nil {
		a.timer.Stop()
	}
	a.flush()
	a.mu.Unlock()
	select {
	case <-a.over:
	default:
		close(a.over)
	}
	return a.Adapter.Close(ctx)
}

// Broadcast adds p to the stream. This server's sockets get it when it comes back. A local broadcast waits for those
// before it, so that the order stays.
func (a *recoveringAdapter) Broadcast(p *socketio.Packet, opts socketio.BroadcastOptions) error {
	own := ownPacket{since: time.Now(), packet: p, opts: opts}
	m, err := cluster.BroadcastMessage(p, opts)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !opts.Flags.Local {
		if own.seq, err = a.bus.append(m); err != nil {
			return err
		}
	}
	if a.stalled || opts.Flags.Local && len(a.pending) == 0 {
		a.deliverSoon(own)
		return nil
	}
	a.pending = append(a.pending, own)
	if len(a.pending) == 1 {
		a.arm(localWait)
	}
	return nil
}

func (a *recoveringAdapter) arm(d time.Duration) {
	if a.timer == nil {
		a.timer = time.AfterFunc(d, a.expire)
	} else {
		a.timer.Reset(d)
	}
}

// expire delivers what waits once nothing has come back for localWait.
func (a *recoveringAdapter) expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.pending) == 0 {
		return
	}
	since := a.pending[0].since
	if a.returned.After(since) {
		since = a.returned
	}
	if age := time.Since(since); age < localWait {
		a.arm(localWait - age)
		return
	}
	a.stalled = true
	a.flush()
}

// flush delivers all pending packets without an offset. It is called with mu held.
func (a *recoveringAdapter) flush() {
	for _, own := range a.pending {
		a.deliverSoon(own)
	}
	a.pending = nil
}

// deliverSoon puts a packet in line, without an offset.
func (a *recoveringAdapter) deliverSoon(own ownPacket) {
	payload, _, _ := own.packet.Payload() // it is encoded
	a.Enqueue(len(payload), func() { a.deliver(own.opts, own.packet, "") })
}

// ownReturned delivers a broadcast of this server that has come back. It delivers those before it too: they never
// will, as a full outbox has dropped them. It runs on the inbox's goroutine.
func (a *recoveringAdapter) ownReturned(entry redis.XMessage, seq uint64) {
	a.mu.Lock()
	a.returned = time.Now()
	a.stalled = a.stalled && a.bus.ahead(seq) > caughtUp
	n := 0
	for n < len(a.pending) && a.pending[n].seq <= seq {
		n++
	}
	due := slices.Clone(a.pending[:n])
	clear(a.pending[:n])
	a.pending = a.pending[n:]
	a.mu.Unlock()
	for _, own := range due {
		offset := ""
		if own.seq == seq {
			offset = entry.ID
		}
		a.deliver(own.opts, own.packet, offset)
	}
}

// broadcastSeen delivers a broadcast of another server. It runs on the inbox's goroutine.
func (a *recoveringAdapter) broadcastSeen(entry redis.XMessage, m *cluster.Message) {
	p, err := streamedPacket(a.ns, m)
	if err != nil {
		a.Malformed(m.Sender, err)
		return
	}
	a.deliver(m.Opts, p, entry.ID)
}

// streamedPacket returns the packet of a broadcast that came through the stream.
func streamedPacket(ns *socketio.Namespace, m *cluster.Message) (*socketio.Packet, error) {
	return ns.NewPayloadPacket(m.Payload, m.Attachments)
}

// deliver sends an encoded packet to this server's sockets, with its offset, unless that is "" or the packet
// volatile. It runs on the inbox's goroutine.
func (a *recoveringAdapter) deliver(opts socketio.BroadcastOptions, p *socketio.Packet, offset string) {
	if !opts.Flags.Volatile {
		if offset != "" {
			p.AppendString(offset)
		}
		a.captureMissed(opts, p)
	}
	if a.Reaches(opts) {
		if opts.Trace != "" {
			defer a.ns.Arrived("deliver", opts.Trace)()
		}
		_ = a.MemoryAdapter.Broadcast(p, opts) // it is encoded: nothing can fail
	}
}
