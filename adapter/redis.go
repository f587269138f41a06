package adapter

// The connection to a Redis that all adapters of a process share: its options, its state, its end.

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/batchqueue"
	"github.com/brunossouza/websocket-escalonavel/internal/logthrottle"
)

// ErrIncomplete is matched by the error of a request that not all servers have answered in time. What has arrived is
// returned with it. It is socketio.ErrIncomplete.
var ErrIncomplete = cluster.ErrIncomplete

// An IncompleteError says who is missing in an answer. It matches ErrIncomplete.
type IncompleteError = cluster.IncompleteError

var errAway = errors.New("adapter: Redis cannot be reached")

// Options configure a Redis and the adapters on it. The zero value is usable: each field's comment names its default,
// which is Node.js's where Node.js has one.
type Options struct {
	// Prefix begins the names of all channels and streams (Node.js: key, channelPrefix, streamName). Default
	// "socket.io".
	Prefix string
	// RequestsTimeout bounds how long a request waits for the other servers' answers. Default 5 s.
	RequestsTimeout time.Duration
	// OutboxBytes bounds what may wait to be published. Past it messages are dropped, counted and logged. Default 64
	// MiB.
	OutboxBytes int
	// InboxBytes bounds what may wait to be delivered, in each namespace. Past it messages are dropped, counted and
	// logged. Default 64 MiB.
	InboxBytes int
	// SpecificResponses answers a request on the asking server's own channel rather than on everybody's (Node.js:
	// publishOnSpecificResponseChannel). It concerns PubSub only. Every Node.js server listens to both.
	SpecificResponses bool
	// OnRoundTrip, if not nil, is told the lag between servers: how long a message of this server takes through Redis
	// and back. It must not block. The user that the address names must be allowed channels that begin with Prefix
	// and "-probe#"; otherwise OnRoundTrip is never called, which is logged once.
	OnRoundTrip func(took time.Duration)
	// RoundTripEvery is how often the lag is measured. Default 5 s.
	RoundTripEvery time.Duration
	// Logger gets what happens to the connection. Lines that an outage or another server can cause in any number come
	// once in ten seconds. Default slog.Default().
	Logger *slog.Logger
}

// Redis is the connection to one Redis, Sentinel or Cluster deployment. The adapters of all namespaces share it. A
// Redis that is slow, gone or back never blocks a caller: what is published waits in a bounded outbox, in order.
type Redis struct {
	opts   Options
	client redis.UniversalClient
	listen redis.UniversalClient // the subscriber's
	name   string                // the address, without secrets
	outbox *batchqueue.Queue[command]
	events *subscriber
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	stats  counters
	local  atomic.Pointer[net.Addr]

	background sync.WaitGroup // goroutines that end with ctx

	log       *slog.Logger // Options.Logger
	throttled *slog.Logger // the same, for lines that an outage can cause in any number
	throttle  *logthrottle.Handler

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when up changes
	up      bool
	since   time.Time

	proven bool // of the outbox: the last command that was sent went through
}

// Stats are the present state of a Redis, and counts since it was opened.
type Stats struct {
	Up             bool          // there is a connection, and all subscriptions are confirmed
	Since          time.Time     // when Up last changed
	ConnectTime    time.Duration // what that took the last time, from the dial on
	Connects       int64         // how often it succeeded
	ConnectErrors  int64         // how often it failed
	Published      int64         // messages that Redis has taken
	PublishErrors  int64         // messages that a connection was lost with: Redis may have taken them or not
	Dropped        int64         // messages turned away by a full outbox
	Received       int64         // messages from other servers, also those for rooms without a member here
	ReceiveDropped int64         // messages turned away by a full inbox
	Malformed      int64         // messages that made no sense
	OutboxBytes    int           // what waits to be published
	OutboxMessages int           // the same, in messages
}

type counters struct {
	connectTime, connects, connectErrors atomic.Int64
	published, publishErrors, dropped    atomic.Int64
	received                             atomic.Int64
	inbound                              cluster.Counts
}

// Open returns a Redis for address: redis://, rediss:// (TLS) or unix://, with user, password, database and options as
// go-redis has them. Several hosts (redis://a:6379,b:6379 or ?addr=) mean a Cluster, ?master_name= means Sentinel. Open
// does not wait for the server: Stats and Changed tell when it is there. The error never contains the password.
func Open(address string, opts Options) (*Redis, error) {
	r := &Redis{since: time.Now(), changed: make(chan struct{})}
	var err error
	if r.client, r.name, err = newClient(address, r.noteAddress); err != nil {
		return nil, err
	}
	if opts.Prefix == "" {
		opts.Prefix = "socket.io"
	}
	if opts.RequestsTimeout == 0 {
		opts.RequestsTimeout = 5 * time.Second
	}
	if opts.OutboxBytes == 0 {
		opts.OutboxBytes = 64 << 20
	}
	if opts.InboxBytes == 0 {
		opts.InboxBytes = 64 << 20
	}
	if opts.RoundTripEvery <= 0 {
		opts.RoundTripEvery = 5 * time.Second
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	r.opts = opts
	r.log, r.throttle = opts.Logger, logthrottle.New(opts.Logger.Handler(), 1)
	r.throttled = slog.New(r.throttle)
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.outbox = batchqueue.New(opts.OutboxBytes, r.publishAll)
	r.events = newSubscriber(r)
	r.listen, _, err = newClient(address, func(c net.Conn) net.Conn {
		return newFilterConn(r.noteAddress(c), r.events.wants)
	})
	if err != nil {
		return nil, errors.Join(err, r.client.Close())
	}
	if opts.OnRoundTrip != nil {
		r.background.Go(r.measureLag)
	}
	return r, nil
}

// CheckAddress reports what is wrong with an address, as Open would. The error never contains the password.
func CheckAddress(address string) error {
	client, _, err := newClient(address, nil)
	if err == nil {
		err = client.Close()
	}
	return err
}

// SafeName is an address as it may be logged: without credentials and options. It is "" for what is no address.
func SafeName(address string) string {
	client, name, err := newClient(address, nil)
	if err != nil {
		return ""
	}
	_ = client.Close() // it has no connection yet
	return name
}

// Reachable reports whether a Redis answers at address, within a second.
func Reachable(ctx context.Context, address string) bool {
	client, _, err := newClient(address, nil)
	if err != nil {
		return false
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return client.Ping(ctx).Err() == nil
}

// Name is the address of the server, without credentials.
func (r *Redis) Name() string { return r.name }

// Client is the client that the adapters publish with, for a program's own commands. It sends each command once. Close
// closes it.
func (r *Redis) Client() redis.UniversalClient { return r.client }

// LocalAddr is this end of the newest connection to the server; nil before there has been one. Where the server is on
// another host, other hosts in its network reach this one at that address.
func (r *Redis) LocalAddr() net.Addr {
	if a := r.local.Load(); a != nil {
		return *a
	}
	return nil
}

func (r *Redis) noteAddress(c net.Conn) net.Conn {
	a := c.LocalAddr()
	r.local.Store(&a)
	return c
}

// Stats returns the present state and the counts.
func (r *Redis) Stats() Stats {
	r.mu.Lock()
	up, since := r.up, r.since
	r.mu.Unlock()
	messages, bytes := r.outbox.Depth()
	return Stats{
		Up: up, Since: since,
		ConnectTime:    time.Duration(r.stats.connectTime.Load()),
		Connects:       r.stats.connects.Load(),
		ConnectErrors:  r.stats.connectErrors.Load(),
		Published:      r.stats.published.Load(),
		PublishErrors:  r.stats.publishErrors.Load(),
		Dropped:        r.stats.dropped.Load(),
		Received:       r.stats.received.Load(),
		ReceiveDropped: r.stats.inbound.Dropped.Load(),
		Malformed:      r.stats.inbound.Malformed.Load(),
		OutboxBytes:    bytes,
		OutboxMessages: messages,
	}
}

// Changed returns a channel that is closed when Stats.Up next changes.
func (r *Redis) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

func (r *Redis) setUp(up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.up == up {
		return
	}
	r.up, r.since = up, time.Now()
	close(r.changed)
	r.changed = make(chan struct{})
}

// Close publishes what waits, until ctx is done, and ends the connections. Shut the servers down first.
func (r *Redis) Close(ctx context.Context) error {
	var err error
	select {
	case <-r.outbox.Drained():
	case <-ctx.Done():
		err = ctx.Err()
	}
	r.cancel()
	r.events.close()
	closeErr := errors.Join(r.client.Close(), r.listen.Close()) // wakes who publishes, and who reads a stream
	<-r.outbox.Drained()
	r.background.Wait()
	r.throttle.Flush()
	return cmp.Or(err, closeErr)
}

// countOthers adds up the subscribers that count finds on each server of the deployment, less this process.
func (r *Redis) countOthers(
	ctx context.Context, count func(context.Context, redis.Cmdable) (int64, error),
) (int, error) {
	r.mu.Lock()
	up := r.up
	r.mu.Unlock()
	if !up {
		return 0, errAway // nobody can be reached: do not wait
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.RequestsTimeout)
	defer cancel()
	var total atomic.Int64
	add := func(ctx context.Context, c redis.Cmdable) error {
		n, err := count(ctx, c)
		total.Add(n)
		return err
	}
	var err error
	if cluster, ok := r.client.(*redis.ClusterClient); ok {
		err = cluster.ForEachShard(ctx, func(ctx context.Context, c *redis.Client) error { return add(ctx, c) })
	} else {
		err = add(ctx, r.client)
	}
	return max(int(total.Load())-1, 0), err
}

// clusterOptions are the options of the adapters.
func (r *Redis) clusterOptions() cluster.Options {
	return cluster.Options{
		RequestsTimeout: r.opts.RequestsTimeout, InboxBytes: r.opts.InboxBytes, Counts: &r.stats.inbound, Logger: r.log,
	}
}

// newUID returns n random characters that identify a server or a request.
func newUID(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	for i := range b {
		b[i] = alphabet[b[i]&63]
	}
	return string(b)
}
