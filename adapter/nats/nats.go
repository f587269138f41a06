package nats

// The connection to NATS that all adapters of a process share: its options, its beginning and its end.

import (
	"cmp"
	"context"
	cryptorand "crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	natsio "github.com/nats-io/nats.go"

	"github.com/brunossouza/websocket-escalonavel/adapter/cluster"
	"github.com/brunossouza/websocket-escalonavel/internal/logthrottle"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

var (
	errAway      = errors.New("nats: there is no connection to NATS")
	errUnsettled = errors.New("nats: who else is there is not known yet")
)

// Options configure a Broker and the adapters on it. The zero value is usable: each field's comment names its default.
type Options struct {
	// Prefix begins all subjects; see ValidPrefix. Clusters that share a NATS have different ones. Default "socket.io".
	Prefix string
	// RequestsTimeout bounds how long a request waits for the other servers' answers. Default 5 s.
	RequestsTimeout time.Duration
	// OutboxBytes bounds what may wait to be published. Past it messages are dropped, counted and logged. Default 64
	// MiB.
	OutboxBytes int
	// InboxBytes bounds what may wait to be delivered, in each namespace, and what messages may hold of which not all
	// parts have come yet. Past it messages are dropped, counted and logged. Default 64 MiB.
	InboxBytes int
	// PendingMessages is how many messages may wait in the NATS client, for all subjects together. What finds it full
	// is dropped, counted (Stats.SlowDropped) and logged. They leave it for the inboxes without waiting for anything,
	// so that few wait there unless this process gets no time. Default 65,536.
	PendingMessages int

	// Name is what NATS' monitoring calls the connection. Default "socket.io". It and what follows down to TLS are for
	// Open.
	Name string
	// Credentials, if not "", is a file with a user's JWT and seed, as nsc makes it.
	Credentials string
	// User and Password, if User is not "", are for URLs without any.
	User, Password string
	// Token, if not "", is the token of a server that wants one, for URLs without any.
	Token string
	// TLS, if not nil, is the configuration of the connection, which then has TLS whatever the URL says.
	TLS *tls.Config

	// OnRoundTrip, if not nil, is told every second how long the NATS server has taken to answer. It must not block.
	OnRoundTrip func(took time.Duration)
	// Logger gets what happens to the connection. Lines that an outage or another server can cause in any number come
	// once in ten seconds. Default slog.Default().
	Logger *slog.Logger
}

func (o *Options) setDefaults() {
	o.Prefix = cmp.Or(o.Prefix, "socket.io")
	o.RequestsTimeout = cmp.Or(o.RequestsTimeout, 5*time.Second)
	o.OutboxBytes = cmp.Or(o.OutboxBytes, 64<<20)
	o.InboxBytes = cmp.Or(o.InboxBytes, 64<<20)
	o.PendingMessages = cmp.Or(o.PendingMessages, 1<<16)
	o.Name = cmp.Or(o.Name, "socket.io")
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// A Broker is the connection to a NATS server or cluster. The adapters of all namespaces of one server share it; two
// servers of one process need one each, as a Broker does not hear itself. A NATS that is slow, gone or back never
// blocks a caller: what is published waits in a bounded outbox, in order.
type Broker struct {
	opts Options
	id   process
	conn *natsio.Conn
	own  bool // Close closes conn

	state     state
	outbox    *outbox
	listeners *listeners
	members   *members
	journal   atomic.Pointer[journal] // nil without JetStream
	stats     counters

	ctx        context.Context // ends with Close
	cancel     context.CancelFunc
	background sync.WaitGroup // goroutines that end with ctx
	ended      sync.Once

	log       *slog.Logger // Options.Logger
	throttled *slog.Logger // the same, for lines that an outage can cause in any number
	throttle  *logthrottle.Handler
}

// Times of the connection.
const (
	// ioTimeout bounds a write to NATS, and how long it may take to answer.
	ioTimeout = 2 * time.Second
	// dialTimeout bounds a connection attempt to one server.
	dialTimeout = 2 * time.Second
	// firstWait and longestWait are for how long the client waits when it has tried all servers.
	firstWait   = 50 * time.Millisecond
	longestWait = 2 * time.Second
)

// Open returns a Broker for urls, which are separated by commas: nats://, tls://, ws:// or wss://, with
// user:password@ or token@, and a port where that is not 4222. They are servers of one cluster; others of it are
// found by themselves. Open tries each once, for 2 s at most, and goes on trying without end: Stats tells whether
// there is a connection. The error is about urls, Options.Prefix or Options.Credentials, and never contains a password.
func Open(urls string, opts Options) (*Broker, error) {
	if err := CheckURLs(urls); err != nil {
		return nil, err
	}
	if opts.Credentials != "" {
		if err := CheckCredentials(opts.Credentials); err != nil {
			return nil, err
		}
	}
	b, err := newBroker(opts)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	settings := []natsio.Option{
		natsio.Name(b.opts.Name),
		natsio.NoEcho(),
		natsio.RetryOnFailedConnect(true),
		natsio.MaxReconnects(-1),
		natsio.IgnoreAuthErrorAbort(), // an operator may be about to mend it
		natsio.CustomReconnectDelay(reconnectDelay),
		natsio.ReconnectBufSize(-1), // the outbox keeps what is said meanwhile
		natsio.Timeout(dialTimeout),
		natsio.FlusherTimeout(ioTimeout),
		natsio.PingInterval(20 * time.Second), // heartbeats notice an end before
		natsio.SetCustomDialer(noting{dialer, &b.state}),
		natsio.ConnectHandler(b.connected),
		natsio.ReconnectHandler(b.connected),
		natsio.DisconnectErrHandler(b.disconnected),
		natsio.ClosedHandler(b.closed),
		natsio.ReconnectErrHandler(b.notConnected),
		natsio.ErrorHandler(b.asyncError),
	}
	if opts.Credentials != "" {
		settings = append(settings, natsio.UserCredentials(opts.Credentials))
	}
	if opts.User != "" {
		settings = append(settings, natsio.UserInfo(opts.User, opts.Password))
	}
	if opts.Token != "" {
		settings = append(settings, natsio.Token(opts.Token))
	}
	if opts.TLS != nil {
		settings = append(settings, natsio.Secure(opts.TLS))
	}
	conn, err := natsio.Connect(urls, settings...)
	if err != nil {
		b.cancel()
		return nil, fmt.Errorf("nats: %w", err)
	}
	b.own = true
	b.begin(conn)
	return b, nil
}

// New is Open for a program that has a connection, which it shares with the Broker. Close does not close it. Its
// handlers of connection events (natsio.Conn.SetReconnectHandler and so on) are called after those that the Broker puts
// before them; set others before New. The connection should have MaxReconnects(-1): one that gives up ends the Broker.
// It may have NoEcho.
func New(conn *natsio.Conn, opts Options) (*Broker, error) {
	b, err := newBroker(opts)
	if err != nil {
		return nil, err
	}
	b.listenTo(conn)
	b.begin(conn)
	return b, nil
}

func newBroker(opts Options) (*Broker, error) {
	opts.setDefaults()
	if !ValidPrefix(opts.Prefix) {
		return nil, fmt.Errorf("nats: prefix %q: want tokens of letters, digits, -, _ and :, with dots between them",
			opts.Prefix)
	}
	b := &Broker{opts: opts, log: opts.Logger, throttle: logthrottle.New(opts.Logger.Handler(), 1)}
	_, _ = cryptorand.Read(b.id[:]) // never fails (crypto/rand)
	b.throttled = slog.New(b.throttle)
	b.state.init()
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.outbox, b.listeners, b.members = newOutbox(b), newListeners(b), newMembers(b)
	return b, nil
}

// begin starts what a Broker with a connection does.
func (b *Broker) begin(conn *natsio.Conn) {
	b.conn = conn
	b.listeners.conn, b.members.conn = conn, conn
	b.background.Go(b.listeners.run)
	b.members.listen()
	b.background.Go(b.members.run)
	if conn.IsConnected() {
		b.connected(conn)
	}
}

// reconnectDelay is how long the client waits when it has tried all servers so many times: twice as long each time, and
// a little more or less, so that not all come at one moment.
func reconnectDelay(attempts int) time.Duration {
	wait := longestWait
	if attempts < 6 {
		wait = min(firstWait<<max(attempts-1, 0), longestWait)
	}
	return wait/2 + rand.N(wait/2+1)
}

// ID names this process in subjects: 16 hexadecimal digits, new at each start.
func (b *Broker) ID() string { return hex.EncodeToString(b.id[:]) }

// Conn is the connection, for a program's own subjects.
func (b *Broker) Conn() *natsio.Conn { return b.conn }

// LocalAddr is this end of the newest connection that Open has made; nil before there has been one. Where the NATS
// server is on another host, other hosts in its network reach this one at that address.
func (b *Broker) LocalAddr() net.Addr { return b.state.localAddr() }

// Adapter returns the constructor of adapters, for socketio.Options.Adapter.
func (b *Broker) Adapter() func(*socketio.Namespace) socketio.Adapter {
	return func(ns *socketio.Namespace) socketio.Adapter {
		return cluster.New(ns, b.clusterOptions(), func(a *cluster.Adapter) cluster.Bus {
			bus := newBus(b, a)
			bus.begin()
			return bus
		})
	}
}

func (b *Broker) clusterOptions() cluster.Options {
	return cluster.Options{
		RequestsTimeout: b.opts.RequestsTimeout, InboxBytes: b.opts.InboxBytes, Counts: &b.stats.inbound, Logger: b.log,
	}
}

// drained waits until nothing waits to be published any more, or ctx is done, and reports whether that is so.
func (b *Broker) drained(ctx context.Context) bool {
	queues := []<-chan struct{}{b.outbox.queue.Drained()}
	if j := b.journal.Load(); j != nil {
		queues = append(queues, j.queue.Drained())
		if j.sessions != nil {
			queues = append(queues, j.sessions.queue.Drained())
		}
	}
	for _, drained := range queues {
		select {
		case <-drained:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// flush waits until nothing waits to be published any more, for a while.
func (b *Broker) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if !b.drained(ctx) {
		b.throttled.Warn("a server ends before NATS has all that it said: without Broker.Close the rest is lost",
			"messages", b.Stats().OutboxMessages)
	}
}

// Close publishes what waits, until ctx is done, tells the others that this process leaves, and ends the connection if
// Open has made it. Shut the server down first. The error is ctx's. Further calls do nothing.
func (b *Broker) Close(ctx context.Context) (err error) {
	b.ended.Do(func() {
		if !b.drained(ctx) {
			err = ctx.Err()
		}
		b.listeners.settle(ctx)
		b.members.leave(ctx)
		b.cancel()
		if b.own {
			b.conn.Close() // wakes who publishes
		}
		b.drained(context.Background())
		b.background.Wait()
		b.throttle.Flush()
	})
	return err
}
