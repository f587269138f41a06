// Package recovery resumes sessions on any server of a cluster, over a log that the broker keeps: what the adapters
// with connection state recovery share.
package recovery

// How broadcasts get their offsets. sessions.go keeps sessions, resume.go resumes them, arrivals.go knows what came.

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A Log is what a broker keeps of one namespace: entries, each at an offset, two numbers with a hyphen, that grows; and
// sessions. Its methods may be called from any goroutine. Those with a context ask again where the broker has not
// answered, until ctx is done.
type Log interface {
	// Append puts a message in line, and returns its number among this server's. It does not wait for the broker. The
	// error is that of encoding it.
	Append(m cluster.Message) (seq uint64, err error)
	// Ahead is how many entries this server has numbered behind seq.
	Ahead(seq uint64) uint64
	// Has reports whether the log still has the entry at offset, and it is one of the namespace.
	Has(ctx context.Context, offset string) (bool, error)
	// Between calls f with the namespace's entries behind one offset and up to another, less those that make no sense.
	// They may be less than there are only where there is an error.
	Between(ctx context.Context, from, to string, f func(offset string, m *cluster.Message)) error

	// Keep saves a session, for so long, and Forget deletes it. They do not wait for the broker, and happen in order.
	Keep(pid, session string, d time.Duration)
	Forget(pid string)
	// Take takes a session out, for one caller alone; "" where there is none. Where its answer is lost, the session is
	// not.
	Take(ctx context.Context, pid string) (session string, err error)

	// Standing reports whether the broker is there, and how often a connection to it was made.
	Standing() (up bool, connects int64)
}

const (
	// LocalWait is how long this server's sockets wait for a broadcast when nothing comes back from the log.
	LocalWait = time.Second
	// caughtUp is when they wait for the log again after it was silent: at most so many of this server's entries are
	// on their way.
	caughtUp = 512
)

// An Adapter is a member of a cluster whose sessions can be resumed on any server of it, even when the one that they
// were on was killed: sessions are saved while they last, not only when they end.
//
// What sockets got without an offset, while the broker was away, they get once more if they resume from before it:
// nobody knows how much of it arrived.
type Adapter struct {
	*cluster.Adapter
	bus      cluster.Bus
	log      Log
	in       *Arrivals
	ns       *socketio.Namespace
	logger   *slog.Logger
	recovery socketio.ConnectionStateRecovery
	over     context.Context // ends with Close, or before
	end      context.CancelFunc

	mu       sync.Mutex
	pending  []ownPacket // this server's broadcasts that have not come back, oldest first
	returned time.Time   // when the last one came back
	stalled  bool        // the log is silent: nothing waits for it
	timer    *time.Timer
	sessions map[string]*liveSession // by sid

	// Of the inbox's goroutine.
	captures []*capture
	waiting  []*capture // that are to begin once this server has dealt with their offsets
	early    uint64     // the number of the last of this server's entries that was delivered before it came back
	back     uint64     // that of the last one that has come back
}

// An ownPacket is a broadcast of this server that waits for its offset, or behind one that does.
type ownPacket struct {
	seq    uint64 // of its entry; 0 where it is local and has none
	since  time.Time
	packet *socketio.Packet // encoded
	opts   socketio.BroadcastOptions
}

// New returns the Adapter of a member, its bus and the log that stands behind that. in are the bus' own Arrivals, which
// this has not been told of yet. Sessions are saved on a goroutine, until the Adapter is closed or ctx ends; run
// starts it.
func New(ctx context.Context, member *cluster.Adapter, bus cluster.Bus, log Log, in *Arrivals,
	recovery socketio.ConnectionStateRecovery, logger *slog.Logger, run func(func())) *Adapter {
	a := &Adapter{
		Adapter: member, bus: bus, log: log, in: in, ns: member.Namespace(), logger: logger, recovery: recovery,
		sessions: make(map[string]*liveSession),
	}
	a.over, a.end = context.WithCancel(ctx)
	if a.recovery.MaxDisconnectionDuration <= 0 {
		a.recovery.MaxDisconnectionDuration = DefaultDuration
	}
	in.recovering = a
	run(a.save)
	return a
}

// DefaultDuration is for how long a session is kept where MaxDisconnectionDuration is 0.
const DefaultDuration = 2 * time.Minute

// Longest is how long a session that lasts for d after its end is in the log at most, unless it is saved again.
func Longest(d time.Duration) time.Duration { return d + 2*refreshEvery }

// Close ends the subscriptions. What waits for its offset is delivered without one.
func (a *Adapter) Close(ctx context.Context) error {
	a.mu.Lock()
	if a.timer != nil {
		a.timer.Stop()
	}
	a.flush()
	a.mu.Unlock()
	a.end()
	return a.Adapter.Close(ctx)
}

// Broadcast adds p to the log. This server's sockets get it when it comes back. A local broadcast waits for those
// before it, so that the order stays.
func (a *Adapter) Broadcast(p *socketio.Packet, opts socketio.BroadcastOptions) error {
	own := ownPacket{since: time.Now(), packet: p, opts: opts}
	m, err := cluster.BroadcastMessage(p, opts)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !opts.Flags.Local {
		if own.seq, err = a.log.Append(m); err != nil {
			return err
		}
	}
	if a.stalled || opts.Flags.Local && len(a.pending) == 0 {
		a.deliverSoon(own)
		return nil
	}
	a.pending = append(a.pending, own)
	if len(a.pending) == 1 {
		a.arm(LocalWait)
	}
	return nil
}

func (a *Adapter) arm(d time.Duration) {
	if a.timer == nil {
		a.timer = time.AfterFunc(d, a.expire)
	} else {
		a.timer.Reset(d)
	}
}

// expire delivers what waits once nothing has come back for LocalWait.
func (a *Adapter) expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.pending) == 0 {
		return
	}
	since := a.pending[0].since
	if a.returned.After(since) {
		since = a.returned
	}
	if age := time.Since(since); age < LocalWait {
		a.arm(LocalWait - age)
		return
	}
	a.stalled = true
	a.flush()
}

// flush delivers all pending packets without an offset. It is called with mu held.
func (a *Adapter) flush() {
	for _, own := range a.pending {
		a.deliverSoon(own)
	}
	a.pending = nil
}

// deliverSoon puts a packet in line, without an offset.
func (a *Adapter) deliverSoon(own ownPacket) {
	payload, _, _ := own.packet.Payload() // it is encoded
	a.Enqueue(len(payload), func() {
		a.early = max(a.early, own.seq)
		a.deliver(own.opts, own.packet, "", own.seq)
	})
}

// Returned delivers a broadcast of this server that has come back. It delivers those before it too: they never will, as
// a full outbox has dropped them. It runs on the inbox's goroutine.
func (a *Adapter) Returned(offset string, seq uint64) {
	a.back = max(a.back, seq)
	a.mu.Lock()
	a.returned = time.Now()
	a.stalled = a.stalled && a.log.Ahead(seq) > caughtUp
	n := 0
	for n < len(a.pending) && a.pending[n].seq <= seq {
		n++
	}
	due := slices.Clone(a.pending[:n])
	clear(a.pending[:n])
	a.pending = a.pending[n:]
	a.mu.Unlock()
	for _, own := range due {
		at := ""
		if own.seq == seq {
			at = offset
		}
		a.deliver(own.opts, own.packet, at, own.seq)
	}
}

// Seen delivers a broadcast of another server. It runs on the inbox's goroutine.
func (a *Adapter) Seen(offset string, m *cluster.Message) error {
	p, err := a.ns.NewPayloadPacket(m.Payload, m.Attachments)
	if err == nil {
		a.deliver(m.Opts, p, offset, 0)
	}
	return err
}

// deliver sends an encoded packet to this server's sockets, with its offset, unless that is "" or the packet
// volatile. seq is the number of this server's entry, 0 where it is none. It runs on the inbox's goroutine.
func (a *Adapter) deliver(opts socketio.BroadcastOptions, p *socketio.Packet, offset string, seq uint64) {
	if !opts.Flags.Volatile {
		if offset != "" {
			p.AppendString(offset)
		}
		a.captureMissed(opts, p, seq)
	}
	if a.Reaches(opts) {
		if opts.Trace != "" {
			defer a.ns.Arrived("deliver", opts.Trace)()
		}
		_ = a.MemoryAdapter.Broadcast(p, opts) // it is encoded: nothing can fail
	}
}
