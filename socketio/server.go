package socketio

// The server: namespaces on an Engine.IO server.

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/internal/logthrottle"
	"github.com/brunossouza/websocket-escalonavel/internal/timeouts"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// A Server is a Socket.IO server: an http.Handler for everything under Options.Path. Its methods for handlers and
// broadcasts are those of its main namespace, "/"; Of returns others. All methods may be called from any goroutine.
type Server struct {
	main   *Namespace
	opts   Options
	engine *engineio.Server
	bundle *clientBundle
	// newMessage is the function of that name; tests without an Engine.IO server replace it.
	newMessage func(parser.Encoded, engineio.MessageOptions) *engineio.Message

	recovery recoveryLog // of NewRecoveryAdapter's adapters

	errors  *slog.Logger      // for those of the program's code
	around  []EventMiddleware // of every event: Options.Tracer, or nothing
	workers workers           // run the sockets' handlers
	silent  *timeouts.Set[*conn]
	closing atomic.Bool     // Shutdown has been called
	life    context.Context // ends with Shutdown
	endLife context.CancelFunc

	ends      [len(reasons)]atomic.Int64 // sockets that have been disconnected, by their reasons' places in reasons
	limited   [len(limits)]atomic.Int64  // clients that have come to a limit, by its place in limits
	invalid   atomic.Int64               // see Stats.InvalidEvents
	listeners atomic.Uint64              // added so far, for their ids
	epoch     time.Time                  // of partial.begunAt

	mu          sync.RWMutex
	namespaces  map[string]*Namespace
	parents     []dynamicParent
	onNamespace []func(*Namespace)
}

var _ http.Handler = (*Server)(nil)

// NewServer returns a Server with its main namespace. Shutdown ends it.
func NewServer(opts Options) *Server {
	srv := newServer(opts)
	srv.engine = engineio.NewServer(srv.opts.engine(), func(s *engineio.Session) engineio.Handler {
		return srv.newConn(s)
	})
	return srv
}

// newServer is NewServer without an Engine.IO server below.
func newServer(opts Options) *Server {
	srv := &Server{
		opts:       opts.withDefaults(),
		newMessage: newMessage,
		silent:     timeouts.New((*conn).connectTimeout),
		epoch:      time.Now(),
		namespaces: make(map[string]*Namespace),
	}
	srv.life, srv.endLife = context.WithCancel(context.Background())
	srv.errors = srv.throttled()
	srv.recovery.max = defaultRecoveryBytes
	if t := srv.opts.Tracer; t != nil {
		srv.around = []EventMiddleware{t.Handle}
	}
	if r := srv.opts.ConnectionStateRecovery; r != nil {
		srv.recovery.max = r.MaxBytes
	}
	if srv.opts.Client != nil {
		srv.bundle = newClientBundle(srv.opts)
	}
	srv.main = srv.create(parser.MainNamespace, nil, false)
	return srv
}

func (srv *Server) log() *slog.Logger {
	if srv.opts.Logger != nil {
		return srv.opts.Logger
	}
	return slog.Default()
}

// ServeHTTP serves Engine.IO, and the browser bundles of Options.Client.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if srv.bundle != nil && srv.bundle.serve(w, r) {
		return
	}
	srv.engine.ServeHTTP(w, r)
}

// Path is Options.Path: where the server answers.
func (srv *Server) Path() string { return srv.engine.Path() }

// ServeStream serves a client on a connection of another transport; see engineio.Server.ServeStream.
func (srv *Server) ServeStream(conn net.Conn, f engineio.Framing, r *http.Request) error {
	return srv.engine.ServeStream(conn, f, r)
}

// Listener returns a listener for an http.Server that serves srv, on which connections and polling cost a fraction; see
// engineio.Server.Listener.
func (srv *Server) Listener(l net.Listener, except ...string) net.Listener {
	return srv.engine.Listener(l, except...)
}

// ListenerFor is Listener for connections that hs is to serve, whose BaseContext and ConnContext count for
// Socket.Context; see engineio.Server.ListenerFor.
func (srv *Server) ListenerFor(hs *http.Server, l net.Listener, except ...string) net.Listener {
	return srv.engine.ListenerFor(hs, l, except...)
}

// Engine is the Engine.IO server below: what Node.js has as io.engine.
func (srv *Server) Engine() *engineio.Server { return srv.engine }

// Of returns the namespace of that name. If there is none, it makes one. A name that does not begin with a slash gets
// one.
func (srv *Server) Of(name string) *Namespace {
	if name == "" || name[0] != '/' {
		name = "/" + name
	}
	srv.mu.RLock()
	ns := srv.namespaces[name]
	var parent *Namespace
	for _, p := range srv.parents {
		if parent == nil && p.pattern != nil && p.pattern.MatchString(name) {
			parent = p.namespace
		}
	}
	srv.mu.RUnlock()
	if ns != nil {
		return ns
	}
	return srv.create(name, parent, false)
}

// Namespace is the namespace of that name, or nil where there is none: it makes none, as Of does.
func (srv *Server) Namespace(name string) *Namespace {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	return srv.namespaces[name]
}

// OnNewNamespace adds a handler for namespaces that are made from now on, dynamic ones above all. No socket connects to
// a new namespace before the handler has returned.
func (srv *Server) OnNewNamespace(f func(*Namespace)) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.onNamespace = append(srv.onNamespace[:len(srv.onNamespace):len(srv.onNamespace)], f)
}

// Namespaces are all namespaces, in no order.
func (srv *Server) Namespaces() []*Namespace {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	list := make([]*Namespace, 0, len(srv.namespaces))
	for _, ns := range srv.namespaces {
		list = append(list, ns)
	}
	return list
}

// Sessions is the number of open Engine.IO sessions.
func (srv *Server) Sessions() int { return srv.engine.Sessions() }

// Drain lets the clients go. It refuses new ones and ends the sessions one after the other, spread over window; a
// session goes on as usual until its turn comes. Then it is closed as soon as its handlers have run for all that the
// client has sent, and the client has acknowledged all that it was asked to, or after 3 s. An acknowledgement that a
// handler gives after it has returned is not waited for.
//
// The client sees its transport close. socket.io-client then connects again, to another server if there is a balancer.
// Handlers of OnDisconnect get ReasonServerShutdown. Drain returns nil when all clients are gone, or ctx's error if ctx
// is done first. Call Shutdown afterwards.
func (srv *Server) Drain(ctx context.Context, window time.Duration) error {
	if srv.engine == nil {
		return nil
	}
	if err := srv.engine.Drain(ctx, window); err != nil {
		return err
	}
	srv.workers.stop()
	return srv.workers.wait(ctx)
}

// Shutdown ends the server. It disconnects every socket with ReasonServerShutdown, runs the handlers of OnDisconnect,
// drops events that no handler has begun, closes the adapters once what is queued for other servers has gone out, and
// closes the connections once what is queued for them is written. It returns when all of that is done, or ctx's error
// if ctx is done first. An http.Server around it is to be shut down afterwards: before, it would wait for polls that
// nobody ends. See Drain for a gentler end, and Serve for all of that in the right order.
func (srv *Server) Shutdown(ctx context.Context) error {
	srv.closing.Store(true)
	srv.endLife()
	srv.workers.stop()
	for _, ns := range srv.Namespaces() {
		for _, s := range ns.sockets.list() {
			s.close(ReasonServerShutdown, nil)
		}
	}
	firstErr := srv.workers.wait(ctx)
	if h, ok := srv.errors.Handler().(*logthrottle.Handler); ok {
		h.Flush()
	}
	for _, ns := range srv.Namespaces() {
		if f, ok := ns.adapter.(Flusher); ok {
			f.Flush(ctx)
		}
		if err := ns.adapter.Close(ctx); err != nil && firstErr == nil {
			firstErr = err
		}
	}
	if srv.engine != nil {
		if err := srv.engine.Shutdown(ctx); err != nil && firstErr == nil {
			firstErr = err
		}
		if err := srv.workers.wait(ctx); err != nil && firstErr == nil {
			firstErr = err
		}
	}
	return firstErr
}
