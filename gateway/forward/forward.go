package forward

// A Node: what tells a request for one of its own sessions from one that goes to another node, and takes it there.

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

const (
	// dialTimeout is how long an owner may take to accept a connection.
	dialTimeout = time.Second
	// idleTimeout is how long a connection is kept for the next request. It is less than the gateway keeps it at its end, so
	// that a request does not meet the end of its connection.
	idleTimeout = 30 * time.Second
	// maxIdleOwner bounds the connections that are kept for each owner.
	maxIdleOwner = 512
)

const (
	// ForwardedHeader marks a request as forwarded: the owner's key, a space, and the address of the client as the node that
	// forwards saw it. Whatever it says, the request is not forwarded again.
	ForwardedHeader = "X-Gateway-Forwarded"
	// nodeHeader has the owner's tag in its answer to another node. An answer without it is not an owner's.
	nodeHeader = "X-Gateway-Node"
)

// errNotOwner means that what listens at a node's address is not that node.
var errNotOwner = errors.New("forward: at the node's address is something else: ADVERTISE_ADDR must lead to that one node")

// Options configure a Node.
type Options struct {
	// Redis keeps the registry. It should try each command once.
	Redis redis.UniversalClient
	// Prefix begins the registry's keys. It is the same on all nodes.
	Prefix string
	// Address returns this node's "host:port" as the others reach it, or "" while that is not known; it is asked at every
	// heartbeat, and the node is not registered before it answers.
	Address func() string
	// Host names this node in the others' logs.
	Host string
	// AnswerTimeout is how long an owner may take to begin its answer. It must be longer than a poll may wait.
	AnswerTimeout time.Duration
	// Logger gets nodes that come and go, and, at most once every ten seconds each, what goes wrong. Default slog.Default().
	Logger *slog.Logger
}

// A Node is this process among the nodes of a cluster. Its methods may be called from any goroutine.
type Node struct {
	opts     Options
	tag, key string
	log      *logger
	registry *registry
	dialer   net.Dialer
	proxy    httputil.ReverseProxy
	idle     func() // closes the connections that are kept
	stats    counters

	registering context.Context // ends with Close
	stop        context.CancelFunc
	forwarding  context.Context // ends with Cut
	cut         context.CancelFunc
	running     sync.WaitGroup // the registry's goroutine, and the tunnels'

	mu      sync.Mutex
	tunnels map[*tunnel]struct{}
	over    bool // Cut has been called
}

// Stats are counts since a Node was made, and its present state.
type Stats struct {
	Requests int64 // forwarded to their owners, upgrades among them
	Answered int64 // of these, which the owner has begun to answer
	Failed   int64 // of these, for which no answer came from the owner, though the client waited for it
	Received int64 // forwarded to this node by others
	Unknown  int64 // for a session of which no node is the owner
	Tunnels  int   // WebSocket connections that lead to another node
	Nodes    int   // other nodes that are known
}

type counters struct{ requests, answered, failed, received, unknown atomic.Int64 }

// New returns a Node with a new tag. It is not registered before Start, and Close ends it.
func New(opts Options) *Node {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	n := &Node{
		opts: opts, tag: newTag(), key: randomText(secretBytes),
		log:     &logger{Logger: opts.Logger, last: make(map[string]time.Time)},
		dialer:  net.Dialer{Timeout: dialTimeout},
		tunnels: make(map[*tunnel]struct{}),
	}
	n.registering, n.stop = context.WithCancel(context.Background())
	n.forwarding, n.cut = context.WithCancel(context.Background())
	n.registry = newRegistry(opts.Redis, opts.Prefix, n.tag, n.record, n.log)
	transport := &http.Transport{
		// No Proxy: the environment's is not for the way between nodes.
		DialContext:           n.dialer.DialContext,
		MaxIdleConnsPerHost:   maxIdleOwner,
		IdleConnTimeout:       idleTimeout,
		ResponseHeaderTimeout: opts.AnswerTimeout,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // what the client accepts is between it and the owner
	}
	n.idle = transport.CloseIdleConnections
	n.proxy = httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { n.rewrite(p.Out, passingOf(p.In)) },
		Transport:      transport,
		FlushInterval:  -1,
		ErrorLog:       slog.NewLogLogger(opts.Logger.Handler(), slog.LevelDebug),
		BufferPool:     buffers{},
		ModifyResponse: func(r *http.Response) error { return n.answered(r, passingOf(r.Request)) },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			n.failed(w, passingOf(r), err)
		},
	}
	return n
}

// record is what this node registers, nil while it does not know its address.
func (n *Node) record() *record {
	address := n.opts.Address()
	if address == "" {
		return nil
	}
	return &record{Address: address, Key: n.key, Host: n.opts.Host}
}

// Start registers the node, and keeps it registered until Close. It waits until that has been done for the first time, Redis
// turns out to be away, or ctx is done: a client's second request may reach another node at once.
func (n *Node) Start(ctx context.Context) {
	n.running.Go(func() { n.registry.run(n.registering) })
	n.registry.await(ctx)
}

// Registered reports whether the others can find this node: it has once been registered. It goes on being true when Redis
// goes: the others remember.
func (n *Node) Registered() bool { return n.registry.isRegistered() }

// Stats returns the counts and the present state.
func (n *Node) Stats() Stats {
	n.registry.mu.RLock()
	nodes := len(n.registry.owners)
	n.registry.mu.RUnlock()
	n.mu.Lock()
	tunnels := len(n.tunnels)
	n.mu.Unlock()
	return Stats{
		Requests: n.stats.requests.Load(), Answered: n.stats.answered.Load(), Failed: n.stats.failed.Load(),
		Received: n.stats.received.Load(), Unknown: n.stats.unknown.Load(),
		Tunnels: tunnels, Nodes: nodes,
	}
}

// Cut ends what this node is forwarding, and forwards nothing from then on: to their clients it is the end of their
// connection, and they open another session. A node that stops calls it when its own sessions are gone, after Drain.
func (n *Node) Cut() {
	n.mu.Lock()
	n.over = true
	n.mu.Unlock()
	n.cut()
	for _, t := range n.allTunnels() {
		t.close()
	}
}

// Close takes the node out of the registry, as long as ctx lasts, and ends everything.
func (n *Node) Close(ctx context.Context) error {
	n.Cut()
	n.stop()
	n.running.Wait()
	n.idle()
	if !n.Registered() {
		return nil
	}
	return n.registry.leave(ctx)
}

// Handler returns next with the requests for other nodes' sessions taken out, which go to their owners. What comes from
// another node reaches next with the address of the client, as that node saw it, in RemoteAddr. Where a session's owner
// is not to be found or does not answer, the request is next's.
func (n *Node) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if marks, forwarded := r.Header[ForwardedHeader]; forwarded {
			n.receive(w, r, marks)
			next.ServeHTTP(w, r)
			return
		}
		tag := tagOf(engineio.SessionID(r))
		if tag == "" || tag == n.tag || r.Method == http.MethodOptions { // a preflight is the same everywhere
			next.ServeHTTP(w, r)
			return
		}
		n.forward(w, r, tag, next)
	})
}

// receive looks at what another node, or somebody who would like to be one, has added to a request.
func (n *Node) receive(w http.ResponseWriter, r *http.Request, marks []string) {
	delete(r.Header, ForwardedHeader)
	key, client, _ := strings.Cut(marks[0], " ")
	if len(marks) != 1 || subtle.ConstantTimeCompare([]byte(key), []byte(n.key)) != 1 {
		n.log.limited("a request claims to be forwarded, without this node's key", "remote", r.RemoteAddr)
		return
	}
	n.stats.received.Add(1)
	r.RemoteAddr = client
	w.Header().Set(nodeHeader, n.tag)
}

// A passing is a request on its way to its session's owner.
type passing struct {
	owner *owner
	in    *http.Request
	next  http.Handler // answers where the owner does not
}

type passingKey struct{}

func passingOf(r *http.Request) *passing {
	p, _ := r.Context().Value(passingKey{}).(*passing)
	return p
}

// forward takes a request to the node of a tag.
func (n *Node) forward(w http.ResponseWriter, r *http.Request, tag string, next http.Handler) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(n.forwarding, cancel)()
	o := n.registry.find(ctx, tag)
	if o == nil {
		n.stats.unknown.Add(1)
		next.ServeHTTP(w, r)
		return
	}
	n.stats.requests.Add(1)
	p := &passing{owner: o, in: r, next: next}
	if engineio.IsUpgrade(r) {
		n.upgrade(ctx, w, p)
		return
	}
	n.proxy.ServeHTTP(w, r.WithContext(context.WithValue(ctx, passingKey{}, p)))
}

// failed answers a request whose owner has not, as a node does that does not know the session.
func (n *Node) failed(w http.ResponseWriter, p *passing, err error) {
	if p.in.Context().Err() != nil { // the client has gone
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	n.stats.failed.Add(1)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, errNotOwner) {
		n.registry.drop(p.owner)
	}
	if n.forwarding.Err() == nil {
		n.log.limited("a request could not be forwarded", "node", p.owner.Host, "address", p.owner.Address, "error", err)
	}
	p.next.ServeHTTP(w, p.in)
}

// rewrite makes out, a copy of a request without its hop-by-hop headers, the request to the owner.
func (n *Node) rewrite(out *http.Request, p *passing) {
	in := p.in
	out.URL = &url.URL{
		Scheme: "http", Host: p.owner.Address,
		Path: in.URL.Path, RawPath: in.URL.RawPath, RawQuery: in.URL.RawQuery, ForceQuery: in.URL.ForceQuery,
	}
	out.Host = in.Host
	for _, name := range []string{"Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values, found := in.Header[name]; found {
			out.Header[name] = values
		}
	}
	peer, _, err := net.SplitHostPort(in.RemoteAddr)
	if err != nil {
		peer = in.RemoteAddr
	}
	through := append(slices.Clone(in.Header["X-Forwarded-For"]), peer)
	out.Header["X-Forwarded-For"] = []string{strings.Join(through, ", ")}
	out.Header[ForwardedHeader] = []string{p.owner.Key + " " + in.RemoteAddr}
}

// answered takes the answer to a request.
func (n *Node) answered(r *http.Response, p *passing) error {
	err := checkOwner(r, p.owner)
	if err == nil {
		n.stats.answered.Add(1)
	}
	return err
}

// checkOwner checks that an answer is the owner's, and takes off what is between nodes only.
func checkOwner(r *http.Response, o *owner) error {
	tags := r.Header[nodeHeader]
	delete(r.Header, nodeHeader)
	if len(tags) != 1 || tags[0] != o.tag {
		return errNotOwner
	}
	return nil
}

// buffers are for copying answers.
type buffers struct{}

func (buffers) Get() []byte  { return chunks.Get().(*chunk)[:] }
func (buffers) Put(b []byte) { chunks.Put((*chunk)(b)) }

type chunk [16 << 10]byte

var chunks = sync.Pool{New: func() any { return new(chunk) }}
