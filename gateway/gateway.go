package gateway

// The life of a gateway: put together by New, listening after Listen, serving during Run.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/adapter/adaptermetrics"
	"github.com/brunossouza/websocket-escalonavel/adapter/nats"
	"github.com/brunossouza/websocket-escalonavel/adapter/nats/natsmetrics"
	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/gateway/auth"
	"github.com/brunossouza/websocket-escalonavel/gateway/forward"
	"github.com/brunossouza/websocket-escalonavel/public"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/admin"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiometrics"
)

// Limits on what a connection may cost before it has said anything useful. Node.js has some of them; the values are
// ours.
const (
	readHeaderTimeout = 10 * time.Second
	// bodyTimeout is how long a request's body may take: at 17 kB/s enough for the largest that the defaults allow, 1
	// MB.
	bodyTimeout = 60 * time.Second
	// idleTimeout is how long a connection is kept for the next request. It is longer than the balancers in front keep
	// theirs by default (Traefik 90 s, nginx and most clouds 60 s): if a connection is closed here just as the balancer
	// sends a POST on it, the client gets a 502.
	idleTimeout = 2 * time.Minute
	// writeGrace is how long an answer may take to be written, beside the time for which a polling request may wait.
	writeGrace = 30 * time.Second
	// redisCloseTimeout is how long a node that stops tries to publish what its clients have sent.
	redisCloseTimeout = 2 * time.Second
	// maxHeaderBytes is Node.js's limit.
	maxHeaderBytes = 16 << 10
)

// SocketPath is where Socket.IO answers. Everything below it is Socket.IO's.
const SocketPath = "/socket.io/"

// ErrPortInUse is wrapped by the error of Listen, and so of Run, where another program listens on the port.
var ErrPortInUse = errors.New("the port is already in use")

// A Gateway is one node of a service. Listen and Run are called once each, from one goroutine; Addr may be called from
// any goroutine once Listen has returned.
type Gateway struct {
	cfg      Config
	log      *slog.Logger
	hostname string
	started  time.Time

	drainStage atomic.Pointer[drainState] // nil until the end begins; see drained

	io       *socketio.Server
	redis    *adapter.Redis     // nil on a node that stands alone, or is joined by NATS
	nats     *nats.Broker       // nil unless it is
	forward  *forward.Node      // nil where other nodes' sessions are not served
	presence *presence.Presence // nil unless PRESENCE is on
	// closePresence ends what it has at NATS; nil where that is nothing.
	closePresence func()
	http          *http.Server
	parts         Parts   // the service's
	traces        *traces // nil without a collector

	certificate *serverCertificate // nil without TLS

	guard    *auth.Guard    // nil without AUTH
	verifier *auth.Verifier // the same

	admin     *admin.Admin // nil where the Admin UI is off
	adminPage *adminPage   // the same

	ioMetrics     *socketiometrics.Metrics // nil without metrics
	redisMetrics  *adaptermetrics.Metrics  // the same, and without a Redis
	natsMetrics   *natsmetrics.Metrics     // the same, and without a NATS
	metrics       http.Handler             // nil without metrics
	metricsServer *metricsServer           // nil without a listener of their own
	api           *apiServer               // nil without API_ADDR

	endRegistry func() // ends what the registry of nodes has at NATS

	listener net.Listener
}

// New puts a gateway together and starts the service, with the configuration that LoadConfig has read for it. It opens
// no port yet, but it has goroutines, which end with Run. Its log lines, and the service's, go to logger, each with
// the attribute hostname.
func New(cfg Config, logger *slog.Logger, service Service) (*Gateway, error) {
	hostname, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("gateway: find the host's name: %w", err)
	}
	g := &Gateway{cfg: cfg, log: logger.With("hostname", hostname), hostname: hostname, started: time.Now()}
	g.endRegistry = func() {}

	opts := socketio.Options{
		Path:                       SocketPath,
		AllowEIO3:                  cfg.AllowEIO3,
		PingInterval:               cfg.PingInterval,
		PingTimeout:                cfg.PingTimeout,
		UpgradeTimeout:             cfg.UpgradeTimeout,
		MaxHTTPBufferSize:          cfg.MaxPayload,
		MaxQueueBytes:              cfg.MaxQueue,
		MaxTotalQueueBytes:         cfg.MaxTotalQueue,
		WriteTimeout:               cfg.WriteTimeout,
		MaxConnections:             cfg.MaxConnections,
		MaxConnectionsPerAddress:   cfg.MaxConnectionsPerAddress,
		MaxSessions:                cfg.MaxSessions,
		MaxSessionsPerAddress:      cfg.MaxSessionsPerAddress,
		HandshakeRate:              float64(cfg.HandshakeRate),
		MessageRate:                float64(cfg.MessageRate),
		ByteRate:                   float64(cfg.ByteRate),
		MemoryShare:                float64(cfg.MemoryShare) / 100,
		TrustedProxies:             cfg.TrustedProxies,
		CORS:                       &engineio.CORS{Origins: cfg.CORSOrigins},
		OnConnectionError:          g.connectionError,
		Logger:                     g.log,
		ConnectTimeout:             cfg.ConnectTimeout,
		MaxInboundBytes:            cfg.MaxInbound,
		MaxAuthBytes:               cfg.MaxAuth,
		MaxNamespacesPerConnection: cfg.MaxNamespaces,
		// Clients choose the names of dynamic namespaces.
		CleanupEmptyChildNamespaces: true,
	}
	if bundles, embedded := public.Client(); embedded {
		opts.Client, opts.ClientVersion = bundles, public.ClientVersion
	}
	g.measure(&opts)
	if err := g.prepare(&opts); err != nil {
		g.endAuth()
		g.traces.close()
		return nil, err
	}
	g.io = socketio.NewServer(opts)
	g.beginPresence()
	g.http = &http.Server{
		Handler:           boundBody(bodyTimeout, g.routes()),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		// A poll waits for at most one heartbeat, which frees it or ends its session.
		WriteTimeout:   cfg.PingInterval + cfg.PingTimeout + writeGrace,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
		// OPTIONS * is answered like any other path.
		DisableGeneralOptionsHandler: true,
	}
	if err := g.start(service); err != nil {
		return nil, errors.Join(err, g.giveUp())
	}
	return g, nil
}

// prepare makes what the server is to work with.
func (g *Gateway) prepare(opts *socketio.Options) error {
	if err := g.readCertificate(); err != nil {
		return err
	}
	for _, step := range []func(*socketio.Options) error{
		g.guardDoor, g.traceEvents, g.joinCluster, g.beginForwarding,
	} {
		if err := step(opts); err != nil {
			return err
		}
	}
	return nil
}

// start starts the Admin UI and the service, and makes the metrics of what they have.
func (g *Gateway) start(service Service) error {
	if err := g.beginAdmin(); err != nil {
		return err
	}
	parts, err := service.Start(g.io, Node{
		Hostname: g.hostname, Log: g.log, Presence: g.presence, Traces: g.traces.followed(),
	})
	if err != nil {
		return err
	}
	g.parts = parts
	g.traces.followed().Watch(g.io, parts.Events...)
	if err := g.makeAPI(); err != nil {
		return err
	}
	return g.serveMetrics()
}

// Listen opens the port, and METRICS_ADDR and API_ADDR where those are addresses. The error wraps ErrPortInUse where
// that is the reason; the gateway is of no use after it.
func (g *Gateway) Listen(ctx context.Context) error {
	address := net.JoinHostPort(g.cfg.Host, strconv.Itoa(g.cfg.Port))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err == nil {
		// Requests with that header pass through the handlers, where forward.Node looks at them first.
		g.listener = g.certificate.listen(g.io.Listener(listener, forward.ForwardedHeader))
		if err = cmp.Or(g.listenForMetrics(ctx), g.listenForAPI(ctx)); err == nil {
			return nil
		}
		return errors.Join(err, g.giveUp())
	}
	if isAddressInUse(err) {
		err = ErrPortInUse
	}
	return errors.Join(fmt.Errorf("gateway: cannot listen on %s: %w", address, err), g.giveUp())
}

// Addr is the address that the gateway listens on, nil before Listen.
func (g *Gateway) Addr() net.Addr {
	if g.listener == nil {
		return nil
	}
	return g.listener.Addr()
}

// Run serves until ctx is done; it calls Listen first if that has not been done. Then the gateway is not ready any
// more, serves on for DrainDelay, and lets its clients go over DrainWindow. Run returns nil when all are gone, or when
// ShutdownTimeout has passed since and the rest has been cut. Delay and window are skipped where the cause of ctx's
// end is ErrInterrupted. The error says why the gateway could not serve, or is that of Parts.Close.
func (g *Gateway) Run(ctx context.Context) error {
	g.log.Info("starting", "version", g.cfg.Version, "environment", g.cfg.NodeEnv, "pid", os.Getpid())
	defer g.flushLog()
	g.logConfiguration()
	g.warn()
	if g.listener == nil {
		if err := g.Listen(ctx); err != nil {
			return err
		}
	}
	g.log.Info("listening", "url", g.url(), "address", g.Addr().String())

	g.metricsServer.serve(g.log)
	g.certificate.watch(certificateEvery)
	g.serveAPI()
	g.startForwarding(ctx)
	served := make(chan error, 1)
	go func() { served <- g.http.Serve(g.listener) }()
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("gateway: serve: %w", err), g.giveUp())
	case <-ctx.Done():
	}
	err := g.drain(context.Cause(ctx), served)
	if errors.Is(err, context.DeadlineExceeded) {
		g.log.Warn("stopped: not every client or request ended in time, the rest was cut")
		return nil
	}
	g.log.Info("stopped")
	return err
}

// warn says what an operator should know about this configuration.
func (g *Gateway) warn() {
	if g.cfg.MaxQueue < g.cfg.MaxPayload {
		g.log.Warn(
			"MAX_QUEUE is less than MAX_PAYLOAD: a message that a client may send can disconnect all that receive it",
			"max_queue", g.cfg.MaxQueue, "max_payload", g.cfg.MaxPayload)
	}
	g.warnOfAuth()
}

// giveUp is stop for a gateway that cannot serve.
func (g *Gateway) giveUp() error {
	ctx, cancel := context.WithTimeout(context.Background(), g.cfg.ShutdownTimeout)
	defer cancel()
	return g.stop(ctx)
}

// stop closes the server API, the sessions, the HTTP server, the service and the connections to Redis, in this order.
// What has not ended when ctx does is cut. Redis has redisCloseTimeout of its own.
func (g *Gateway) stop(ctx context.Context) error {
	defer g.metricsServer.close()
	defer g.endAuth()
	defer g.certificate.end()
	err := g.shutdownAPI(ctx)
	g.endAdmin()
	// The sessions first: a client between two polls learns of the end from its next, which needs the listener.
	err = errors.Join(err, g.io.Shutdown(ctx))
	g.cutForwarding() // or the HTTP server would wait for it
	if httpErr := g.http.Shutdown(ctx); httpErr != nil {
		g.http.Close()
		err = errors.Join(err, httpErr)
	}
	if g.listener != nil {
		g.listener.Close() // where nothing has been served on it
	}
	if g.parts.Close != nil {
		err = errors.Join(err, g.parts.Close(ctx))
	}
	var tracing sync.WaitGroup
	defer tracing.Wait()
	tracing.Go(g.traces.close)
	last, cancel := context.WithTimeout(context.Background(), redisCloseTimeout)
	defer cancel()
	g.endPresence(last)
	g.endForwarding(last)
	if g.nats != nil {
		g.closeNATS(g.nats)
	}
	if g.redis != nil {
		if redisErr := g.redis.Close(last); redisErr != nil {
			g.log.Warn("Redis closed with messages unpublished", "error", redisErr)
		}
	}
	return err
}

// url is where a browser on this machine finds the gateway.
func (g *Gateway) url() string {
	host, port, err := net.SplitHostPort(g.Addr().String())
	if err != nil {
		return g.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return g.cfg.BaseURL(net.JoinHostPort(host, port))
}
