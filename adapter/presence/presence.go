package presence

// A server's share in presence: its options, its life.

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/internal/logthrottle"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

var (
	// ErrName is wrapped by the error of Track for a name that no user can have: one of 0 bytes, or of more than 255.
	ErrName = errors.New("presence: a user's name has 1 to 255 bytes")
	// ErrTracked is returned by Track for a socket that is another user's already.
	ErrTracked = errors.New("presence: the socket is another user's")
	// ErrFull is returned by Track where Options.MaxRecords are there: the user is not counted as online.
	ErrFull = errors.New("presence: there are too many users on this server")
	// ErrCursor is returned by Users for a cursor that no page has had.
	ErrCursor = errors.New("presence: not the cursor of a page")
	// ErrClosed is returned by Track after Close.
	ErrClosed = errors.New("presence: closed")
)

// maxName is the longest name of a user, and of a room that is tracked, in bytes.
const maxName = 255

// Options configure presence. The zero value is usable. All servers of a cluster have the same Lease.
type Options struct {
	// Rooms says in which rooms users are to be known; a socket's own room is never asked about. It must not block.
	// Nil: in none.
	Rooms func(room string) bool
	// Grace is how long a user whose last socket on this server has gone still counts as there: a page that is loaded
	// again is no absence. Default 5 s, negative: none. What the program does itself, Socket.Leave and Untrack, counts
	// at once.
	Grace time.Duration
	// Lease is how long a server may be silent, killed or frozen or cut off, before its users count as gone. It
	// begins again for all when nobody could reach the store. Default 10 s.
	Lease time.Duration
	// Linger is how long changes are gathered before they are written together, and before what others have written is
	// read. Default 100 ms, negative: none.
	Linger time.Duration
	// MaxRecords bounds what this server tracks: its users, and each user once more for each of their rooms. Default
	// 1,000,000, about 250 MB.
	MaxRecords int
	// MaxRooms bounds the rooms that are tracked of one socket. Those past it are not. Default 64.
	MaxRooms int
	// Logger gets what happens to the store. Default slog.Default().
	Logger *slog.Logger
}

// Presence is a server's share in who is online. Its methods may be called from any goroutine.
type Presence struct {
	ns    *socketio.Namespace
	store Store
	opts  Options
	id    string // of this server, the beginning of its generations' names

	log      *slog.Logger
	throttle *logthrottle.Handler

	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	running   sync.WaitGroup
	listeners []socketio.Listener

	local  local
	writer writer

	standing atomic.Pointer[Standing] // the last; nil while the store cannot be reached
	counts   counters

	watching sync.Once
	tellMu   sync.Mutex
	tell     []func(Change)
}

// New begins presence on a server. Sockets of any namespace can be tracked; the rooms are those of ns, whose adapter
// has to embed a socketio.MemoryAdapter, as all of this project do. It does not wait for the store. Close ends it.
func New(ns *socketio.Namespace, store Store, opts Options) *Presence {
	opts.Grace = max(cmp.Or(opts.Grace, 5*time.Second), 0)
	opts.Lease = cmp.Or(opts.Lease, 10*time.Second)
	opts.Linger = max(cmp.Or(opts.Linger, 100*time.Millisecond), 0)
	opts.MaxRecords = cmp.Or(opts.MaxRecords, 1_000_000)
	opts.MaxRooms = cmp.Or(opts.MaxRooms, 64)
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	p := &Presence{ns: ns, store: store, opts: opts, id: rand.Text()[:10]}
	p.throttle = logthrottle.New(opts.Logger.Handler(), 1)
	p.log = slog.New(p.throttle)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.local.init(opts.Grace, opts.MaxRecords)
	p.writer = writer{p: p, retry: backoff{longest: opts.Lease / 8}}
	if opts.Rooms != nil {
		moved := func(room string, s *socketio.Socket) { p.roomChanged(room, s) }
		p.listeners = append(p.listeners, ns.OnJoinRoom(moved), ns.OnLeaveRoom(moved))
	}
	p.running.Go(p.writer.run)
	return p
}

// Close ends presence on this server. Shut the server down first. Its users have Grace to come back on another one; who
// does not is cleared by one of those, or by the next that starts. The error is the store's, which then waits for the
// Lease to end.
func (p *Presence) Close(ctx context.Context) error {
	if !p.local.close() {
		return nil
	}
	for _, l := range p.listeners {
		l.Off()
	}
	p.cancel()
	p.running.Wait()
	defer p.throttle.Flush()
	return p.store.Leave(ctx, p.writer.generation, p.opts.Grace)
}

// isOwn reports whether a generation is one of this server's.
func (p *Presence) isOwn(generation string) bool {
	return len(generation) > len(p.id) && generation[:len(p.id)] == p.id
}

// sleep waits for d, or until wake. It reports false where presence is closed.
func (p *Presence) sleep(d time.Duration, wake <-chan struct{}) bool {
	if d <= 0 {
		return p.ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-p.ctx.Done():
	}
	return p.ctx.Err() == nil
}

// A backoff is how long to wait before the next attempt.
type backoff struct{ last, longest time.Duration }

func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, 20*time.Millisecond), min(max(b.longest, 20*time.Millisecond), time.Second))
	return b.last
}

func (b *backoff) reset() { b.last = 0 }
