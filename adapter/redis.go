package adapter

// The connection to a Redis that all adapters of a process share: its options, its state, its end.

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
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
	// RequestsTimeout bounds how long a request waits for the other servers' answers, or for a further page of one.
	// Default 5 s.
	RequestsTimeout time.Duration
	// OutboxBytes bounds what may wait to be published, and with Streams what may wait to be stored. Past it messages
	// are dropped, counted and logged. Default 64 MiB.
	OutboxBytes int
	// InboxBytes bounds what may wait to be delivered, in each namespace. Past it messages are dropped, counted and
	// logged. Default 64 MiB.
	InboxBytes int
	// SpecificResponses answers a request on the asking server's own channel rather than on everybody's (Node.js:
	// publishOnSpecificResponseChannel). It concerns PubSub only. Every Node.js server of redis-adapter 8.x listens to
	// both. Pages (cluster.Page) go to the asking server alone in any case.
	SpecificResponses bool
	// OnRoundTrip, if not nil, is told the lag between servers: how long a message of this server takes through Redis
	// and back. It must not block. The user that the address names must be allowed channels that begin with Prefix
	// and "-probe#"; otherwise OnRoundTrip is never called, which is logged once.
	OnRoundTrip func(took time.Duration)
	// RoundTripEvery is how often the lag is measured. Default 5 s.
	RoundTripEvery time.Duration
	// TLS, if not nil, is the configuration for an address that begins with rediss://: certificate authorities, a
	// client's certificate. The server's name is the address's unless this says one.
	TLS *tls.Config
	// Logger gets what happens to the connection. Lines that an outage or another server can cause in any number come
	// once in ten seconds. Default slog.Default().
	Logger *slog.Logger
}

// Redis is the connection to one Redis, Sentinel or Cluster deployment. The adapters of all namespaces share it. A
// Redis that is slow, gone or back never blocks a caller: what is published waits in a bounded outbox, in order.
type Redis struct {
	opts   Options
	client redis.UniversalClient
	sender redis.UniversalClient // the outboxes': client, but on a Redis Cluster
	listen redis.UniversalClient // the subscriber's
	name   string                // the address, without secrets
	outbox *outbox               // what is published
	stores *outbox               // what is stored
	events *subscriber
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	stats  counters
	local  atomic.Pointer[net.Addr]

	background sync.WaitGroup // goroutines that end with ctx
	gaveUp     atomic.Bool    // flush has waited in vain

	log       *slog.Logger // Options.Logger
	throttled *slog.Logger // the same, for lines that an outage can cause in any number
	throttle  *logthrottle.Handler

	mu        sync.Mutex
	condition condition
	turned    chan struct{} // closed, and replaced, when condition changes
	changed   chan struct{} // closed, and replaced, when condition.up does
}

// Stats are the present state of a Redis, and counts since it was opened.
type Stats struct {
	// Up says that messages come and go: all subscriptions are confirmed and alive, and what is published can be sent.
	Up    bool
	Since time.Time // when Up last changed
	// Refusal is the code with which Redis refuses to store anything (MISCONF, OOM, READONLY, NOREPLICAS); "" while it
	// does not. Such a Redis is up: it passes on what is published.
	Refusal        string
	ConnectTime    time.Duration // what that took the last time, from the dial on
	Connects       int64         // how often it succeeded
	ConnectErrors  int64         // how often it failed
	Published      int64         // messages that Redis has taken
	PublishErrors  int64         // messages that a connection was lost with: Redis may have taken them or not
	Dropped        int64         // messages turned away by a full outbox
	Refusals       int64         // commands that Redis has refused to store, each time they were sent
	NotStored      int64         // sessions that have not been saved for that reason
	Trims          int64         // times that a stream was cut because Redis's memory was full
	Missed         int64         // entries that were cut off a stream before this server had read them
	Received       int64         // messages from other servers, also those for rooms without a member here
	ReceiveDropped int64         // messages turned away by a full inbox
	Malformed      int64         // messages that made no sense
	OutboxBytes    int           // what waits to be published
	OutboxMessages int           // the same, in messages
}

type counters struct {
	connectTime, connects, connectErrors atomic.Int64
	published, publishErrors, dropped    atomic.Int64
	refusals, notStored, trims, missed   atomic.Int64
	received                             atomic.Int64
	inbound                              cluster.Counts
}

// Open returns a Redis for address: redis://, rediss:// (TLS) or unix://, with user, password, database and options as
// go-redis has them. Several hosts (redis://a:6379,b:6379 or ?addr=) mean a Cluster, ?master_name= means Sentinel. Open
// does not wait for the server: Stats and Changed tell when it is there. The error never contains the password.
func Open(address string, opts Options) (*Redis, error) {
	newClient, name, err := newMaker(address, opts.TLS)
	if err != nil {
		return nil, err
	}
	return newRedis(newClient, name, opts), nil
}

// New is Open for a deployment that the program has a client to, a *redis.Client (Sentinel's too) or a
// *redis.ClusterClient. The Redis has clients of its own with that one's options: address, TLS, credentials and their
// providers, dialer, pool. It does not use client, whose hooks it has not, and does not close it; one of Sentinel's
// must stay open as long as the Redis, which asks it for the master. Retries are the Redis's own, and time-outs are
// at most 2 s. Options.TLS is not used.
func New(client redis.UniversalClient, opts Options) (*Redis, error) {
	newClient, name, err := makerOf(client)
	if err != nil {
		return nil, err
	}
	return newRedis(newClient, name, opts), nil
}

func newRedis(newClient maker, name string, opts Options) *Redis {
	r := &Redis{name: name, changed: make(chan struct{}), turned: make(chan struct{})}
	r.condition.since = time.Now()
	r.client = newClient(r.noteAddress)
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
	r.outbox, r.stores = newOutbox(r), newOutbox(r)
	r.events = newSubscriber(r)
	r.listen = newClient(func(ctx context.Context, c net.Conn) net.Conn {
		heard, _ := ctx.Value(heardKey{}).(*atomic.Int64) // a link's
		return newFilterConn(r.noteAddress(ctx, c), r.events.wants, heard)
	})
	r.sender = r.newSender()
	if opts.OnRoundTrip != nil {
		r.background.Go(r.measureLag)
	}
	return r
}

// CheckAddress reports what is wrong with an address, as Open would. The error never contains the password.
func CheckAddress(address string) error {
	_, _, err := newMaker(address, nil)
	return err
}

// SafeName is an address as it may be logged: without credentials and options. It is "" for what is no address.
func SafeName(address string) string {
	_, name, _ := newMaker(address, nil)
	return name
}

// Reachable reports whether a Redis answers at address, within a second.
func Reachable(ctx context.Context, address string) bool {
	newClient, _, err := newMaker(address, nil)
	if err != nil {
		return false
	}
	client := newClient(nil)
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

func (r *Redis) noteAddress(_ context.Context, c net.Conn) net.Conn {
	a := c.LocalAddr()
	r.local.Store(&a)
	return c
}

// Stats returns the present state and the counts.
func (r *Redis) Stats() Stats {
	r.mu.Lock()
	condition := r.condition
	r.mu.Unlock()
	messages, bytes := r.outbox.queue.Depth()
	storing, storingBytes := r.stores.queue.Depth()
	return Stats{
		Up: condition.up(), Since: condition.since, Refusal: condition.refusal,
		ConnectTime:    time.Duration(r.stats.connectTime.Load()),
		Connects:       r.stats.connects.Load(),
		ConnectErrors:  r.stats.connectErrors.Load(),
		Published:      r.stats.published.Load(),
		PublishErrors:  r.stats.publishErrors.Load(),
		Dropped:        r.stats.dropped.Load(),
		Received:       r.stats.received.Load(),
		ReceiveDropped: r.stats.inbound.Dropped.Load(),
		Malformed:      r.stats.inbound.Malformed.Load(),
		Refusals:       r.stats.refusals.Load(),
		NotStored:      r.stats.notStored.Load(),
		Trims:          r.stats.trims.Load(),
		Missed:         r.stats.missed.Load(),
		OutboxBytes:    bytes + storingBytes,
		OutboxMessages: messages + storing,
	}
}

// newSender returns the outboxes' client. On a Redis Cluster it is one that does not follow a slot to its new master by
// itself: nobody may be subscribed there yet.
func (r *Redis) newSender() redis.UniversalClient {
	r.client.AddHook(storeWatch{r})
	cluster, ok := r.client.(*redis.ClusterClient)
	if !ok {
		return r.client
	}
	opts := *cluster.Options()
	opts.MaxRedirects, opts.MaxRetries, opts.PipelinePoolSize = -1, -1, -1
	sender := redis.NewClusterClient(&opts)
	sender.AddHook(storeWatch{r})
	return sender
}

// flush waits until nothing waits to be published any more, for a while.
func (r *Redis) flush(ctx context.Context) {
	patience := 2 * time.Second
	if r.gaveUp.Load() {
		patience = 0 // of another namespace's flush it was in vain
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for _, o := range []*outbox{r.outbox, r.stores} {
		select {
		case <-o.queue.Drained():
			continue
		case <-late.C:
		case <-ctx.Done():
		}
		r.gaveUp.Store(true)
		r.throttled.Warn("a server ends before Redis has all that it said: without Redis.Close the rest is lost",
			"redis", r.name, "messages", r.Stats().OutboxMessages)
		return
	}
}

// Close publishes what waits, until ctx is done, and ends the connections. Shut the servers down first.
//
// A server's Shutdown has waited for 2 s until everything was published. A program that ends without either loses what
// waits; one without a server is better off with an Emitter, whose methods return when Redis has the message.
func (r *Redis) Close(ctx context.Context) error {
	var err error
	outboxes := []*outbox{r.outbox, r.stores}
	for _, o := range outboxes {
		select {
		case <-o.queue.Drained():
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	r.cancel()
	r.events.close()
	closeErr := errors.Join(r.client.Close(), r.listen.Close()) // wakes who publishes, and who reads a stream
	if r.sender != r.client {
		closeErr = errors.Join(closeErr, r.sender.Close())
	}
	for _, o := range outboxes {
		<-o.queue.Drained()
	}
	r.background.Wait()
	r.throttle.Flush()
	return cmp.Or(err, closeErr)
}

// countOthers adds up the subscribers that count finds, less this process. On a Redis Cluster those of a sharded
// channel are all at its master; shard is the channel, or "" for a plain one. The error means that there may be more.
func (r *Redis) countOthers(
	ctx context.Context, shard string, count func(context.Context, redis.Cmdable) (int64, error),
) (int, error) {
	if up, _ := r.upFor(); up == 0 {
		return 0, errAway // nobody can be reached: do not wait
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.RequestsTimeout)
	defer cancel()
	var total int64
	var err error
	switch cluster, ok := r.client.(*redis.ClusterClient); {
	case !ok:
		total, err = count(ctx, r.client)
	case shard != "":
		var master *redis.Client
		if master, err = cluster.MasterForKey(ctx, shard); err == nil {
			total, err = count(ctx, master)
		}
	default:
		total, err = countAll(ctx, cluster, count)
	}
	return max(int(total)-1, 0), err
}

// countAll adds up what count finds on all masters. Replicas are asked too, as Node.js's clients may subscribe there,
// but not waited for: one that is gone has nobody, and no server of ours.
func countAll(
	ctx context.Context, cluster *redis.ClusterClient, count func(context.Context, redis.Cmdable) (int64, error),
) (int64, error) {
	const patience = 100 * time.Millisecond
	var onMasters, onReplicas atomic.Int64
	add := func(to *atomic.Int64) func(context.Context, *redis.Client) error {
		return func(ctx context.Context, c *redis.Client) error {
			n, err := count(ctx, c)
			to.Add(n)
			return err
		}
	}
	replicas := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(replicas)
		_ = cluster.ForEachSlave(ctx, add(&onReplicas))
	}()
	err := cluster.ForEachMaster(ctx, add(&onMasters))
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-replicas:
	case <-late.C:
	}
	return onMasters.Load() + onReplicas.Load(), err
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
