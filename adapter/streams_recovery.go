package adapter

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

const (
	// localWait is how long this server's sockets wait for a broadcast to come back from a stream that is silent.
	localWait = time.Second
	// caughtUp is how many of this server's entries may be on their way for its sockets to wait for the stream again,
	// after it was silent.
	caughtUp = 512
)

// recoveringAdapter is a streams adapter whose sessions can be resumed on any server of the cluster, also when the one
// that they were on was killed: sessions are saved while they last, not only when they end.
//
// What this server's sockets have got without an offset, because Redis was away, they get once more if they resume
// from before it: nobody can say what of it has arrived.
type recoveringAdapter struct {
	*streamsBus
	recovery socketio.ConnectionStateRecovery
	over     chan struct{} // closed by Close

	mu       sync.Mutex
	pending  []ownPacket // broadcasts of this server that have not come back, oldest first
	returned time.Time   // when the last one came back
	stalled  bool        // the stream does not answer: nothing waits for it
	timer    *time.Timer
	sessions map[string]*liveSession // by sid

	captures []*capture // of the inbox's goroutine
}

// An ownPacket is a broadcast that waits for its offset, or behind one that does.
type ownPacket struct {
	seq    uint64 // 0 where it is for this server alone
	since  time.Time
	packet *socketio.Packet // encoded
	opts   socketio.BroadcastOptions
}

// A capture collects what a session misses while it is being resumed.
type capture struct {
	rooms  []string
	missed []*socketio.Packet
	until  time.Time
}

func newRecoveringAdapter(b *streamsBus) *recoveringAdapter {
	a := &recoveringAdapter{
		streamsBus: b, recovery: *b.streams.opts.Recovery, over: make(chan struct{}),
		sessions: make(map[string]*liveSession),
	}
	if a.recovery.MaxDisconnectionDuration <= 0 {
		a.recovery.MaxDisconnectionDuration = 2 * time.Minute
	}
	b.own, b.seen, b.resumed = a.ownReturned, a.broadcastSeen, a.takenOver
	b.redis.background.Go(a.save)
	return a
}

// Close ends the subscriptions. What waits for its offset is delivered without.
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
	return a.clusterAdapter.Close(ctx)
}

// Broadcast adds p to the stream; this server's sockets get it when it comes back, in the order of the stream. What is
// for them alone keeps its place in that order.
func (a *recoveringAdapter) Broadcast(p *socketio.Packet, opts socketio.BroadcastOptions) error {
	if _, _, err := p.Payload(); err != nil {
		return err
	}
	own := ownPacket{since: time.Now(), packet: p, opts: opts}
	var m outMessage
	var err error
	if !opts.Flags.Local {
		if m, err = a.broadcastMessage(p, opts, ""); err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !opts.Flags.Local {
		if own.seq, err = a.append(m); err != nil {
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

// expire delivers what waits once nothing has come back for too long: the stream does not answer.
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
	a.enqueue(inbound{run: func() { a.deliver(own.opts, own.packet, "") }}, len(payload))
}

// ownReturned delivers a broadcast of this server that has come back, and what of before it never will: a full outbox
// has turned it away. It runs on the inbox's goroutine.
func (a *recoveringAdapter) ownReturned(entry redis.XMessage, seq uint64) {
	a.mu.Lock()
	a.returned = time.Now()
	a.stalled = a.stalled && a.ahead(seq) > caughtUp
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
func (a *recoveringAdapter) broadcastSeen(entry redis.XMessage, m clusterMessage) {
	p, opts, err := readStreamed(a.ns, m)
	if err != nil {
		a.malformed(m.UID, err)
		return
	}
	a.deliver(opts, p, entry.ID)
}

// readStreamed reads the broadcast that an entry holds. The packet is encoded.
func readStreamed(ns *socketio.Namespace, m clusterMessage) (p *socketio.Packet, opts socketio.BroadcastOptions, err error) {
	var d clusterData
	var w wirePacket
	if err := json.Unmarshal(m.Data, &d); err != nil {
		return nil, opts, err
	}
	if err := json.Unmarshal(d.Packet, &w); err != nil {
		return nil, opts, err
	}
	if d.Opts == nil {
		return nil, opts, errShort
	}
	p, err = ns.NewPayloadPacket(w.Data, m.attachments)
	return p, d.Opts.options(), err
}

// deliver sends an encoded packet, behind whose arguments goes its offset if it has one, to this server's sockets. It
// runs on the inbox's goroutine.
func (a *recoveringAdapter) deliver(opts socketio.BroadcastOptions, p *socketio.Packet, offset string) {
	if !opts.Flags.Volatile {
		if offset != "" {
			p.AppendString(offset)
		}
		a.captureMissed(opts, p)
	}
	if a.mayReach(opts) {
		_ = a.MemoryAdapter.Broadcast(p, opts) // it is encoded: nothing can fail
	}
}

func (a *recoveringAdapter) captureMissed(opts socketio.BroadcastOptions, p *socketio.Packet) {
	if len(a.captures) == 0 {
		return
	}
	now := time.Now()
	a.captures = slices.DeleteFunc(a.captures, func(c *capture) bool { return now.After(c.until) })
	for _, c := range a.captures {
		if reaches(opts, c.rooms) {
			c.missed = append(c.missed, p)
		}
	}
}

// reaches reports whether a socket in these rooms is among those that opts select.
func reaches(opts socketio.BroadcastOptions, rooms []string) bool {
	for _, room := range opts.Except {
		if slices.Contains(rooms, room) {
			return false
		}
	}
	return len(opts.Rooms) == 0 ||
		slices.ContainsFunc(opts.Rooms, func(room string) bool { return slices.Contains(rooms, room) })
}

// idLess compares the ids of two entries.
func idLess(a, b string) bool {
	parse := func(id string) (ms, seq uint64) {
		left, right, _ := strings.Cut(id, "-")
		ms, _ = strconv.ParseUint(left, 10, 64)
		seq, _ = strconv.ParseUint(right, 10, 64)
		return ms, seq
	}
	am, as := parse(a)
	bm, bs := parse(b)
	return am < bm || am == bm && as < bs
}
