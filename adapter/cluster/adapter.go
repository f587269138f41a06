package cluster

// The Adapter: a namespace's member of the cluster.

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/batchqueue"
	"github.com/brunossouza/websocket-escalonavel/internal/logthrottle"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Options configure an Adapter. The zero value is usable: each field's comment names its default.
type Options struct {
	// RequestsTimeout bounds how long a request waits for the other servers' answers, or for a further page of one.
	// Default 5 s.
	RequestsTimeout time.Duration
	// InboxBytes bounds what may wait to be delivered. Past it messages are dropped, counted and logged.
	// Default 64 MiB.
	InboxBytes int
	// NewID makes the ids of this server and of its requests, which must differ from all others in the cluster.
	// Default 16 random hexadecimal digits, as in Node.js.
	NewID func() string
	// Counts, if not nil, count what goes wrong. Several adapters may share them.
	Counts *Counts
	// Logger is told what other servers do wrong, of each kind once in ten seconds. Default slog.Default().
	Logger *slog.Logger
}

// Counts are what has gone wrong with messages from other servers.
type Counts struct {
	Dropped   atomic.Int64 // messages turned away by a full inbox
	Malformed atomic.Int64 // messages that made no sense
}

// An Adapter is one namespace's member of a cluster, on any Bus. Its operations act on this server's sockets at once,
// and go to the other servers through the bus. What comes from those stands in one line: a socket that is put into a
// room gets what is then sent to the room, and one that is disconnected gets what was sent before.
//
// Requests wait for an answer from each other server. Where some are missing, what has arrived is returned with an
// error that matches ErrIncomplete.
type Adapter struct {
	*socketio.MemoryAdapter
	opts   Options
	id     string
	bus    Bus           // set when ready is closed
	ready  chan struct{} // closed when New is done
	ctx    context.Context
	cancel context.CancelFunc

	inbox    *batchqueue.Queue[inbound]
	handlers *batchqueue.Queue[func()] // of server-side emits
	requests requests
	message  Message // being dealt with; belongs to the inbox's goroutine

	log      *slog.Logger
	throttle *logthrottle.Handler
}

var (
	_ socketio.Adapter    = (*Adapter)(nil)
	_ socketio.RoomIndex  = (*Adapter)(nil)
	_ socketio.RoomLister = (*Adapter)(nil)
	_ socketio.Flusher    = (*Adapter)(nil)
)

// An inbound is something in line: a message as it came, or a function.
type inbound struct {
	channel string
	data    []byte
	run     func()
}

// inboundOverhead is how many bytes an inbound counts for beside its data.
const inboundOverhead = 128

// New returns an adapter for ns, on the bus that join makes for it. The bus may call Receive at once, in join
// already; if it is a RoomFollower it is told of rooms. Close ends both; the server's Shutdown calls it.
func New(ns *socketio.Namespace, opts Options, join func(*Adapter) Bus) *Adapter {
	opts.RequestsTimeout = cmp.Or(opts.RequestsTimeout, 5*time.Second)
	opts.InboxBytes = cmp.Or(opts.InboxBytes, 64<<20)
	if opts.NewID == nil {
		opts.NewID = newID
	}
	if opts.Counts == nil {
		opts.Counts = new(Counts)
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	a := &Adapter{
		MemoryAdapter: socketio.NewMemoryAdapter(ns), opts: opts, id: opts.NewID(), ready: make(chan struct{}),
		throttle: logthrottle.New(opts.Logger.Handler(), 1),
	}
	a.log = slog.New(a.throttle).With("namespace", ns.Name())
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.requests.init(opts.RequestsTimeout)
	a.inbox = batchqueue.New(opts.InboxBytes, a.receiveAll)
	a.handlers = batchqueue.New(opts.InboxBytes, runAll)
	a.bus = join(a)
	if f, ok := a.bus.(RoomFollower); ok {
		a.OnRoomChange(f.RoomChanged)
	}
	close(a.ready)
	return a
}

// newID returns 16 random hexadecimal digits.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

func runAll(batch []func()) {
	for _, f := range batch {
		f()
	}
}

// ID is this server's id in this namespace.
func (a *Adapter) ID() string { return a.id }

// Flush waits until the bus has sent what was published, if the bus is a Flusher.
func (a *Adapter) Flush(ctx context.Context) {
	if f, ok := a.bus.(socketio.Flusher); ok {
		f.Flush(ctx)
	}
}

// Close ends the subscriptions and all requests.
func (a *Adapter) Close(context.Context) error {
	a.bus.Close()
	a.requests.close()
	a.cancel()
	a.throttle.Flush()
	return nil
}

// Receive puts a message in line, as it came from a channel of the bus. It does not wait: where the line is full the
// message is dropped, counted and logged. The adapter keeps data, which must not be changed.
func (a *Adapter) Receive(channel string, data []byte) {
	if !a.inbox.Add(inbound{channel: channel, data: data}, len(channel)+len(data)+inboundOverhead) {
		a.dropped()
	}
}

// Enqueue puts a function in line, which counts for so many bytes. It does not wait: where the line is full it reports
// false, and counts and logs a dropped message.
func (a *Adapter) Enqueue(size int, f func()) bool {
	if !a.inbox.Add(inbound{run: f}, size+inboundOverhead) {
		a.dropped()
		return false
	}
	return true
}

// EnqueueWait is Enqueue that waits for room until ctx is done. The error is ctx's, or means that the line will never
// have room for so much, which counts as a dropped message.
func (a *Adapter) EnqueueWait(ctx context.Context, size int, f func()) error {
	err := a.inbox.AddWait(ctx, inbound{run: f}, size+inboundOverhead)
	if errors.Is(err, batchqueue.ErrTooLarge) {
		a.dropped()
	}
	return err
}

// Idle reports whether nothing is in line, nor being dealt with.
func (a *Adapter) Idle() bool { return a.inbox.AtRest() }

// Awaits reports whether the answer to a request of this server is awaited.
func (a *Adapter) Awaits(requestID string) bool { return a.requests.has(requestID) }

// Reaches reports whether opts may select a socket of this server. A bus asks before it decodes a broadcast.
func (a *Adapter) Reaches(opts socketio.BroadcastOptions) bool {
	return len(opts.Rooms) == 0 || slices.ContainsFunc(opts.Rooms, a.HasRoom)
}

func (a *Adapter) dropped() {
	a.log.LogAttrs(a.ctx, slog.LevelWarn, "more messages from other servers than can be delivered: some are dropped",
		slog.Int64("dropped_total", a.opts.Counts.Dropped.Add(1)))
}

// Malformed counts and logs a message that made no sense. from is its sender, or the channel that it came from. It is
// for a bus that does not use Receive: the adapter calls it where Decode returns an error.
func (a *Adapter) Malformed(from string, err error) {
	a.log.LogAttrs(a.ctx, slog.LevelWarn, "malformed message from another server", slog.String("from", from),
		slog.Any("error", err), slog.Int64("malformed_total", a.opts.Counts.Malformed.Add(1)))
}
