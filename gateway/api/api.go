package api

// The API as a whole: its options, what a request goes through, serving and ending.

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Bounds that are no settings.
const (
	headerTimeout  = 10 * time.Second
	bodyTimeout    = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
	// clusterTimeout is how long the other nodes may take to answer.
	clusterTimeout = 5 * time.Second
	// writeTimeout is for all of a request: its body, the longest wait for acknowledgements, and its answer.
	writeTimeout = bodyTimeout + maxAckTimeout + 30*time.Second
)

// Options configure an API. IO and Tokens are needed; the zero value of everything else is usable.
type Options struct {
	// IO is the server whose clients, and whose cluster's, the API is about.
	IO *socketio.Server
	// Tokens are those of which a request must have one. Nil lets everybody in.
	Tokens *Tokens

	// MaxBodyBytes bounds a request's body. Default 1,000,000.
	MaxBodyBytes int
	// MaxConnections bounds the connections at once. Past it those go first that have shown no token. Default 512.
	MaxConnections int

	// Redis, if not nil, keeps the answers to requests with an Idempotency-Key for all nodes, under names that begin
	// with RedisPrefix. Without it each node keeps its own.
	Redis       redis.UniversalClient
	RedisPrefix string
	// Presence, if not nil, returns who knows which users are online in a namespace, nil where nobody does.
	Presence func(namespace string) Presence
	// UserRoom is the room in which all sockets of a user are, and UserOf the user of a socket, "" where there is none.
	// Without UserRoom nothing can be sent to users.
	UserRoom func(user string) string
	UserOf   func(socketio.DataHolder) string
	// State is what this node is like now. Default: alone, and well.
	State func() State

	// Version and Hostname name this node.
	Version, Hostname string
	// Logger gets what an operator should know. Default slog.Default().
	Logger *slog.Logger
	// OnRequest, if not nil, is told of each request that has been answered: the path of its route, "" where there is
	// none, the answer's status, and how long that took.
	OnRequest func(route string, status int, took time.Duration)
}

// A State is what a node is like.
type State struct {
	// Redis is "up", "down", or "none" on a node that stands alone.
	Redis string
	// Draining is whether the node is being stopped.
	Draining bool
}

// An API answers requests of backends. Its methods may be called from any goroutine.
type API struct {
	opts     Options
	log      *slog.Logger
	started  time.Time
	huma     huma.API
	mux      *http.ServeMux
	spec     []byte // the OpenAPI description
	failures *failures
	answers  answers
	bodyTime time.Duration // that a body may take
	asking   chan struct{} // has a value for each request that asks all nodes for a list
	acks     ackBudget
	conns    *connections
	server   *http.Server
}

// New returns an API, which serves nothing yet.
func New(opts Options) *API {
	opts.MaxBodyBytes = cmp.Or(opts.MaxBodyBytes, 1_000_000)
	opts.MaxConnections = cmp.Or(opts.MaxConnections, 512)
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.State == nil {
		opts.State = func() State { return State{Redis: "none"} }
	}
	if opts.UserOf == nil {
		opts.UserOf = func(socketio.DataHolder) string { return "" }
	}
	a := &API{
		opts: opts, log: opts.Logger, started: time.Now(), mux: http.NewServeMux(), failures: newFailures(),
		bodyTime: bodyTimeout,
		asking:   make(chan struct{}, maxAsking), conns: newConnections(opts.MaxConnections),
	}
	if opts.Redis != nil {
		a.answers = newRedisAnswers(opts.Redis, opts.RedisPrefix)
	} else {
		a.answers = newMemoryAnswers()
	}
	a.register()
	a.server = &http.Server{
		Handler: a.handler(), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, WriteTimeout: writeTimeout,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
		DisableGeneralOptionsHandler: true,
		ConnContext:                  a.conns.context, ConnState: a.conns.changed,
	}
	return a
}

// register declares all operations.
func (a *API) register() {
	config := huma.DefaultConfig("Gateway server API", "1")
	config.Info.Description = description
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.RejectUnknownQueryParameters = true
	config.Transformers = []huma.Transformer{withoutValues}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "One of API_TOKENS or of the lines of API_TOKENS_FILE."},
	}
	config.Security = []map[string][]string{{"token": {}}}
	a.huma = humago.New(a.mux, config)
	a.registerEmit()
	a.registerMembers()
	a.registerSockets()
	a.registerRooms()
	a.registerPresence()
	a.registerCluster()
	a.spec = a.describe()
}

// Handler answers requests, also on a server of the caller's, which then sees to the bounds of connections.
func (a *API) Handler() http.Handler { return a.server.Handler }

// Serve answers requests on a listener until Shutdown. It returns nil then, or why it cannot go on.
func (a *API) Serve(l net.Listener) error {
	if err := a.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown takes no more requests, and waits for those that are being answered until ctx is done, when they are cut.
func (a *API) Shutdown(ctx context.Context) error {
	err := a.server.Shutdown(ctx)
	if err != nil {
		_ = a.server.Close()
	}
	return err
}
