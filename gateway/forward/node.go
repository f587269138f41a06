package forward

// A Node: this process among the others, from New to Close.

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/mux"
	"github.com/brunossouza/websocket-escalonavel/internal/logthrottle"
)

const (
	// dialTimeout is how long an owner may take to accept a connection.
	dialTimeout = time.Second
	// askTimeout is how long a node may take to say who it is.
	askTimeout = 5 * time.Second
	// idleTimeout is how long a connection is kept for the next request. It is less than the gateway keeps it at its
	// end, so that no request is sent just as its connection is closed.
	idleTimeout = 30 * time.Second
	// maxIdleOwner bounds the connections that are kept for each owner.
	maxIdleOwner = 512
)

// Options configure a Node.
type Options struct {
	// Registry is where the nodes find each other. Required.
	Registry Registry
	// Address returns this node's "host:port" as the others reach it, or "" while that is not known; AddressOf finds
	// it. It is asked at every heartbeat, and the node is not registered before it answers. Required.
	Address func() string
	// Host names this node in the others' logs. Default os.Hostname.
	Host string
	// AnswerTimeout is how long an owner may take to begin its answer. It must be longer than a poll may wait, which is
	// PingInterval and PingTimeout together. Default 60 s.
	AnswerTimeout time.Duration
	// Path is where the nodes' handlers are reached. Default "/socket.io/".
	Path string
	// MaxHeaderBytes is that of the nodes' http.Servers: a request that would be longer than its owner takes is refused
	// here, with 431. Default http.DefaultMaxHeaderBytes.
	MaxHeaderBytes int
	// MaxFile, if not 0, keeps connections to owners from descriptors of that number on, which are for health checks,
	// metrics and Redis: requests that would need one get 503.
	MaxFile int
	// Certificate, if not nil, says that the listener at Address has TLS, and shows this one to who asks for
	// ServerName; see NewCertificate.
	Certificate *tls.Certificate
	// Logger gets nodes that come and go, and what goes wrong: at most one line with the same message in 10 s, and then
	// one that says how many more there were. Default slog.Default().
	Logger *slog.Logger
}

// A Node is this process among the nodes of a cluster. Its methods may be called from any goroutine.
type Node struct {
	opts      Options
	tag, key  string
	directory *directory
	dialer    net.Dialer
	proxy     httputil.ReverseProxy
	transport *http.Transport
	stats     counters

	throttle *logthrottle.Handler
	limited  *slog.Logger // behind throttle, for what clients can cause

	registering context.Context // ends with Close
	stop        context.CancelFunc
	forwarding  context.Context // ends with Cut
	cut         context.CancelFunc
	running     sync.WaitGroup // the directory's goroutine, and the links'
	loop        *mux.Loop      // reads the clients of tunnels

	mu      sync.Mutex
	tunnels map[*tunnel]struct{}
	links   map[string]*link          // to owners, by tag
	carried map[*mux.Session]struct{} // the links of other nodes
	doubted map[string]struct{}       // tags of nodes that are being asked who they are
	over    bool                      // Cut has been called
	closed  bool                      // Close has been called
}

// Stats are counts since a Node was made, and its present state.
type Stats struct {
	Requests int64 // forwarded to their owners, upgrades among them
	Answered int64 // of these, which the owner has begun to answer
	Failed   int64 // of these, for which no answer came from the owner, though the client waited for it
	Received int64 // forwarded to this node by others
	Unknown  int64 // for a session of which no node is the owner
	TooLong  int64 // refused, because they would have been longer than the owner takes
	NoFiles  int64 // refused, because there are no descriptors for them; see Options.MaxFile
	Tunnels  int   // WebSocket connections that lead to another node
	Nodes    int   // other nodes that are known
}

type counters struct{ requests, answered, failed, received, unknown, tooLong, noFiles atomic.Int64 }

// New returns a Node with a new tag. It is not registered before Start, and Close ends it.
func New(opts Options) *Node {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Host == "" {
		opts.Host, _ = os.Hostname() // a name for people, which may be missing
	}
	opts.AnswerTimeout = cmp.Or(opts.AnswerTimeout, time.Minute)
	opts.Path = cmp.Or(opts.Path, "/socket.io/")
	opts.MaxHeaderBytes = cmp.Or(opts.MaxHeaderBytes, http.DefaultMaxHeaderBytes)
	n := &Node{
		opts: opts, tag: newTag(), key: randomText(secretBytes),
		dialer:   net.Dialer{Timeout: dialTimeout},
		throttle: logthrottle.New(opts.Logger.Handler(), 1),
		tunnels:  make(map[*tunnel]struct{}),
		links:    make(map[string]*link),
		carried:  make(map[*mux.Session]struct{}),
		loop:     mux.NewLoop(opts.AnswerTimeout),
		doubted:  make(map[string]struct{}),
	}
	if opts.MaxFile > 0 {
		n.dialer.Control = n.keepReserve
	}
	n.limited = slog.New(n.throttle)
	n.registering, n.stop = context.WithCancel(context.Background())
	n.forwarding, n.cut = context.WithCancel(context.Background())
	n.directory = &directory{
		registry: opts.Registry, tag: n.tag, own: n.record, log: opts.Logger, limited: n.limited,
		wanted: make(chan struct{}, 1), owners: make(map[string]*owner), next: make(chan struct{}),
	}
	n.transport = &http.Transport{
		// No Proxy: the environment's is not for the way between nodes.
		DialContext:           n.dialer.DialContext,
		DialTLSContext:        n.dialTLS,
		MaxIdleConnsPerHost:   maxIdleOwner,
		IdleConnTimeout:       idleTimeout,
		ResponseHeaderTimeout: opts.AnswerTimeout,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // what the client accepts is between it and the owner
	}
	n.proxy = httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { n.rewrite(p.Out, proxied(p.In)) },
		Transport:      lengthChecked{n},
		FlushInterval:  -1,
		ErrorLog:       slog.NewLogLogger(opts.Logger.Handler(), slog.LevelDebug),
		BufferPool:     buffers{},
		ModifyResponse: func(r *http.Response) error { return n.answered(r, proxied(r.Request)) },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			n.failed(w, proxied(r), err)
		},
	}
	return n
}

// record is what this node registers, nil while it does not know its address.
func (n *Node) record() *Record {
	address := n.opts.Address()
	if address == "" {
		return nil
	}
	return &Record{Address: address, Key: n.key, Host: n.opts.Host, Certificate: n.ownFingerprint()}
}

// Start registers the node, and keeps it registered until Close. It waits until that has been done for the first time,
// the registry turns out to be away, or ctx is done: a client's second request may reach another node at once.
func (n *Node) Start(ctx context.Context) {
	n.running.Go(func() { n.directory.run(n.registering) })
	n.directory.await(ctx)
}

// Registered reports whether the others can find this node, since it has once been registered. It stays true when the
// registry goes: the others remember.
func (n *Node) Registered() bool { return n.directory.isRegistered() }

// Stats returns the counts and the present state.
func (n *Node) Stats() Stats {
	n.mu.Lock()
	tunnels := len(n.tunnels)
	n.mu.Unlock()
	return Stats{
		Requests: n.stats.requests.Load(), Answered: n.stats.answered.Load(), Failed: n.stats.failed.Load(),
		Received: n.stats.received.Load(), Unknown: n.stats.unknown.Load(),
		TooLong: n.stats.tooLong.Load(), NoFiles: n.stats.noFiles.Load(), Tunnels: tunnels, Nodes: n.directory.size(),
	}
}

// Cut ends what this node is forwarding, and forwards nothing from then on. For their clients it is the end of their
// connection, and they open another session. A node that stops calls it when its own sessions are gone, after Drain.
func (n *Node) Cut() {
	n.mu.Lock()
	n.over = true
	n.mu.Unlock()
	n.cut()
	for _, t := range n.allTunnels() {
		t.joint.Close()
	}
}

// Close takes the node out of the registry, as long as ctx lasts, and ends everything.
func (n *Node) Close(ctx context.Context) error {
	n.Cut()
	n.endCarried()
	n.stop()
	n.running.Wait()
	n.transport.CloseIdleConnections()
	n.throttle.Flush()
	if !n.Registered() {
		return nil
	}
	return n.opts.Registry.Remove(ctx, n.tag)
}
