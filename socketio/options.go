package socketio

// The configuration of a Server.

import (
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// Options configure a Server. The zero value is usable and has Node's defaults.
type Options struct {
	// ConnectTimeout is how long a client may be connected without having joined a namespace. Default 45 s.
	ConnectTimeout time.Duration
	// Adapter makes each namespace's adapter. Default NewMemoryAdapter, or NewRecoveryAdapter with
	// ConnectionStateRecovery. It is called with no lock held, before the namespace is visible to anyone.
	Adapter func(*Namespace) Adapter
	// Parser is the wire format of packets, which the clients must use too (Node: parser). Default parser.Default{}.
	Parser parser.Parser
	// ConnectionStateRecovery, if not nil, lets clients resume their session after a short loss of connection: same
	// id, rooms and data, and the packets that they missed.
	ConnectionStateRecovery *ConnectionStateRecovery
	// CleanupEmptyChildNamespaces removes a dynamic namespace when its last socket has left.
	CleanupEmptyChildNamespaces bool
	// Client holds the browser bundles (socket.io.js, socket.io.min.js, ..., and their maps) at its root, each as it is
	// or compressed with gzip (socket.io.js.gz). They are then served under Path. Default none. This puts them in a
	// folder, for os.DirFS or go:embed; it needs npm:
	//
	//	go run github.com/brunossouza/websocket-escalonavel/cmd/clientjs client
	Client fs.FS
	// ClientVersion is the version of those bundles; it is their ETag. Default what they say themselves.
	ClientVersion string
	// MaxInboundBytes bounds what waits for the handlers of one client's sockets, in bytes of packets. Past it nothing
	// more is read from the client until they catch up. One packet is always taken, however large. What a client has
	// connected its sockets with is bounded by the same number. Default 1 MiB, at most 1 GiB.
	MaxInboundBytes int
	// MaxAuthBytes bounds what a client may send with its CONNECT packet (in the browser: auth), in bytes of JSON; a
	// socket keeps that for as long as it lives. Past it the client gets a connect_error, "Auth payload too large".
	// Default 64 KiB.
	MaxAuthBytes int
	// MaxNamespacesPerConnection bounds the namespaces that one client may be in at once, "/" among them. Past it the
	// client gets a connect_error, "Too many namespaces". Default 100.
	MaxNamespacesPerConnection int
	// PacketTimeout is how long the attachments of a packet may take to come. A client that takes longer is
	// disconnected with ReasonParseError. Default ConnectTimeout.
	PacketTimeout time.Duration
	// Gate, if not nil, sees every socket before its namespace does, and every event before any handler does.
	Gate Gate
	// OnEvent, if not nil, is told how long the handlers of each event of a client took. Events without a handler
	// count too, so their names are whatever clients choose. It is called on the goroutine of the handlers, which wait
	// for it.
	OnEvent func(ns *Namespace, event string, took time.Duration)
	// OnBroadcast, if not nil, is told of each broadcast to sockets of this server, whichever server made it, and to
	// how many it has been sent. It may be called with locks held: it must not block, nor use this package.
	OnBroadcast func(ns *Namespace, recipients int)
	// Tracer, if not nil, follows what clients cause, through handlers and to other servers. Package
	// socketio/socketiotrace sets it.
	Tracer Tracer
	// OnError, if not nil, gets the errors that handlers return and, as a *PanicError, what they panic with, after they
	// are logged. The socket is nil where the handler belongs to none.
	OnError func(*Socket, error)

	// What follows is the Engine.IO server's below, engineio.Options.

	// Path is where the server answers; requests elsewhere get 404. It gets a slash at its end if it has none. Default
	// "/socket.io/".
	Path string
	// NoTrailingSlash leaves Path as it is: where it ends in no slash, whatever begins with it is the server's
	// (Node.js: addTrailingSlash: false).
	NoTrailingSlash bool
	// Transports are those that a client may use: "polling", "websocket", and the names of Framings. Default: the first
	// two.
	Transports []string
	// PingInterval is the time from one pong to the next ping. Default 25 s.
	PingInterval time.Duration
	// PingTimeout is how long a client may take to answer a ping before its session is closed. Default 20 s.
	PingTimeout time.Duration
	// UpgradeTimeout is how long an upgrade may take, from its request to its end. Default 10 s.
	UpgradeTimeout time.Duration
	// MaxHTTPBufferSize is the largest message, or body of a POST, that a client may send, in bytes. Default 1,000,000.
	MaxHTTPBufferSize int
	// AllowEIO3 serves clients of revision 3 of the protocol too, those of Socket.IO 1 and 2 (Node.js: allowEIO3).
	// Without it they are refused with code 5.
	AllowEIO3 bool
	// NoUpgrades keeps polling sessions from upgrading to another transport (Node.js: allowUpgrades: false).
	NoUpgrades bool
	// AllowRequest, if not nil, is asked before a session is opened, and after the limits below have let its client in.
	// An error refuses the request with 403, code 4 and the error's text.
	AllowRequest func(*http.Request) error
	// TrustedProxies are the networks of proxies whose X-Forwarded-For is believed (Express: trust proxy). The client's
	// address then replaces the proxy's in RemoteAddr, with port 0. Clients must not be in these networks: they could
	// claim any address. Default: none.
	TrustedProxies []netip.Prefix
	// CORS, if not nil, answers preflight requests, sets the Access-Control headers, and has requests of pages of
	// other origins than it names refused. Without it every page may connect, as with Node.js.
	CORS *engineio.CORS
	// Cookie, if not nil, is the template of a cookie that the answer to a polling handshake sets to the session's id.
	// Empty fields get Node.js's defaults: name "io", path "/", SameSite Lax. Set HttpOnly, which is Node.js's too.
	Cookie *http.Cookie
	// HTTPCompression is the size in bytes from which the answer to a poll is compressed, for clients that accept gzip.
	// Default 1024; negative: never.
	HTTPCompression int
	// PerMessageDeflate, if not nil, offers the WebSocket extension permessage-deflate (RFC 7692), by default without
	// context takeover, so that a broadcast is compressed once for all its recipients.
	PerMessageDeflate *engineio.PerMessageDeflate
	// NewID makes the ids of sessions. Whoever knows an id can use its session, so it must be unique and impossible to
	// guess (128 random bits, say). Use characters that a URL's query takes unescaped (RFC 3986, section 3.4). It is
	// called from many goroutines at once. Default: engineio.NewID.
	NewID func() string
	// GenerateID, if not nil, makes the id of the session that a request opens in NewID's place (Node.js:
	// engine.generateId). It may block, and is called on a goroutine of the request. An error, an empty id or that of
	// another session refuses the request with BadRequest.
	GenerateID func(*http.Request) (string, error)
	// OnInitialHeaders and OnHeaders, if not nil, may add to the header of an answer: the first to that of the one that
	// opens a session, the second, after it, to that of every poll, POST and WebSocket handshake (Node.js: the events
	// initial_headers and headers). Fields of CORS and the cookie are in it already. Those that a transport needs, such
	// as Content-Type, are its own. They are called when the request has been accepted, a poll before it waits, on a
	// goroutine of the request. Refusals go out without them.
	OnInitialHeaders func(http.Header, *http.Request)
	OnHeaders        func(http.Header, *http.Request)
	// MaxQueueBytes bounds what may wait for one client, in bytes. Past it volatile messages are dropped, then the
	// session is closed with ReasonSlowClient. Default 16 MiB (Node.js has no bound).
	MaxQueueBytes int
	// MaxTotalQueueBytes bounds the memory of what waits for all clients together, in bytes; a message that waits for
	// many counts once. Past it sessions are closed with ReasonSlowClient, those first for which the most waits, until
	// an eighth of it is free. Default a third of the Go runtime's memory limit (GOMEMLIMIT), or 1 GiB where that is
	// not set; negative: no bound.
	MaxTotalQueueBytes int64
	// WriteTimeout is how long a write to a client, on a connection or as a poll's answer, may make no progress before
	// the session is closed with ReasonSlowClient. A client that reads, however slowly, is not meant. Default 30 s;
	// negative: no bound.
	WriteTimeout time.Duration

	// What a client may cost: of the limits that follow, 0 is the default and a negative one is none. Past one a
	// handshake is refused, with 503 where it is the server's and 429 where it is the address', and OnConnectionError
	// is told which. An address is what TrustedProxies make of it; of IPv6 it is the first 64 bits.

	// MaxConnections bounds the TCP connections of what Listener returns. Further ones get 503 and are closed, but for
	// a few from this host itself, for health checks. Default what the limit of open files leaves beside a reserve of a
	// 16th, at least 128 and at most 1024 files. On Linux a positive MaxConnections keeps it too.
	MaxConnections int
	// MaxConnectionsPerAddress bounds those from one address that is none of TrustedProxies. Default three quarters of
	// MaxConnections.
	MaxConnectionsPerAddress int
	// MaxSessions bounds the open sessions. Default 250,000.
	MaxSessions int
	// MaxSessionsPerAddress bounds those from one address. Default 20,000, which is for all clients of a proxy that is
	// none of TrustedProxies, too.
	MaxSessionsPerAddress int
	// HandshakeRate is how many sessions an address may open per second, HandshakeBurst how many at one moment. Default
	// 1,000 and five times the rate.
	HandshakeRate  float64
	HandshakeBurst int
	// MaxHandshakeBytes bounds the request that opens a session: URL, Host and header, which Session.Handshake keeps.
	// A longer one is refused with 431. Default 16 KiB, which is Node.js's bound on headers.
	MaxHandshakeBytes int
	// MemoryShare is how much of the memory limit (GOMEMLIMIT, runtime/debug.SetMemoryLimit) may be in use for a
	// session to be opened: garbage does not count. Default 0.8; nothing where there is no memory limit.
	MemoryShare float64
	// MessageRate is how many messages a client may send per second, MessageBurst how many more it may at one moment.
	// One that sends more is made to wait (Session.Pause). Default 1,000 and five times the rate.
	MessageRate  float64
	MessageBurst int
	// ByteRate and ByteBurst are the same in bytes of messages. Default 1,000,000 and eight times the rate.
	ByteRate  float64
	ByteBurst int

	// OnSession, if not nil, gets each new session before its first message, to listen to its events, say (Node.js: the
	// event connection of the engine). It is called on goroutines that serve other clients too: it must not block.
	OnSession func(*engineio.Session)
	// OnConnectionError, if not nil, is told of each refused request before it is answered, with what the client will
	// learn (Node.js: the event connection_error). It may be called from many goroutines at once, and as often as
	// clients like. Default: a log line at debug level.
	OnConnectionError func(engineio.ConnectionError)
	// Logger gets refused requests at debug level, and slow clients that were closed and failures to accept connections
	// as warnings. Default: slog.Default().
	Logger *slog.Logger
}

// ConnectionStateRecovery configures the resumption of sessions.
type ConnectionStateRecovery struct {
	// MaxDisconnectionDuration is how long a client may be away. Default 2 min.
	MaxDisconnectionDuration time.Duration
	// RunMiddlewares runs the namespace's middlewares for resumed sessions too (Node: skipMiddlewares: false).
	RunMiddlewares bool
	// MaxBytes bounds what NewRecoveryAdapter's adapters of a server keep in memory, sessions and packets of all
	// namespaces, in bytes. Past it the oldest go, and a client that has missed one of those begins a new session.
	// Default 64 MiB.
	MaxBytes int
}

const (
	defaultPath                     = "/socket.io/"
	defaultConnectTimeout           = 45 * time.Second
	defaultMaxInboundBytes          = 1 << 20
	mostInboundBytes                = 1 << 30 // which are counted in 32 bits
	defaultMaxAuthBytes             = 64 << 10
	defaultMaxNamespaces            = 100
	defaultMaxDisconnectionDuration = 2 * time.Minute
)

// withDefaults returns o with every default filled in.
func (o Options) withDefaults() Options {
	if o.Path == "" {
		o.Path = defaultPath
	}
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = defaultConnectTimeout
	}
	if o.Parser == nil {
		o.Parser = parser.Default{}
	}
	if o.MaxInboundBytes <= 0 {
		o.MaxInboundBytes = defaultMaxInboundBytes
	}
	o.MaxInboundBytes = min(o.MaxInboundBytes, mostInboundBytes)
	if o.MaxAuthBytes <= 0 {
		o.MaxAuthBytes = defaultMaxAuthBytes
	}
	if o.MaxNamespacesPerConnection <= 0 {
		o.MaxNamespacesPerConnection = defaultMaxNamespaces
	}
	if o.PacketTimeout <= 0 {
		o.PacketTimeout = o.ConnectTimeout
	}
	if r := o.ConnectionStateRecovery; r != nil {
		c := *r
		if c.MaxDisconnectionDuration <= 0 {
			c.MaxDisconnectionDuration = defaultMaxDisconnectionDuration
		}
		if c.MaxBytes <= 0 {
			c.MaxBytes = defaultRecoveryBytes
		}
		o.ConnectionStateRecovery = &c
	}
	if o.Adapter == nil {
		o.Adapter = func(ns *Namespace) Adapter { return NewMemoryAdapter(ns) }
		if r := o.ConnectionStateRecovery; r != nil {
			o.Adapter = func(ns *Namespace) Adapter { return NewRecoveryAdapter(ns, r.MaxDisconnectionDuration) }
		}
	}
	return o
}

// engine are the options of the Engine.IO server below. A test sees to it that none is forgotten.
func (o *Options) engine() engineio.Options {
	return engineio.Options{
		Path:                     o.Path,
		NoTrailingSlash:          o.NoTrailingSlash,
		AllowEIO3:                o.AllowEIO3,
		Transports:               o.Transports,
		PingInterval:             o.PingInterval,
		PingTimeout:              o.PingTimeout,
		UpgradeTimeout:           o.UpgradeTimeout,
		MaxHTTPBufferSize:        o.MaxHTTPBufferSize,
		NoUpgrades:               o.NoUpgrades,
		AllowRequest:             o.AllowRequest,
		TrustedProxies:           o.TrustedProxies,
		CORS:                     o.CORS,
		Cookie:                   o.Cookie,
		HTTPCompression:          o.HTTPCompression,
		PerMessageDeflate:        o.PerMessageDeflate,
		NewID:                    o.NewID,
		GenerateID:               o.GenerateID,
		OnInitialHeaders:         o.OnInitialHeaders,
		OnHeaders:                o.OnHeaders,
		MaxQueueBytes:            o.MaxQueueBytes,
		MaxTotalQueueBytes:       o.MaxTotalQueueBytes,
		WriteTimeout:             o.WriteTimeout,
		MaxConnections:           o.MaxConnections,
		MaxConnectionsPerAddress: o.MaxConnectionsPerAddress,
		MaxSessions:              o.MaxSessions,
		MaxSessionsPerAddress:    o.MaxSessionsPerAddress,
		HandshakeRate:            o.HandshakeRate,
		HandshakeBurst:           o.HandshakeBurst,
		MaxHandshakeBytes:        o.MaxHandshakeBytes,
		MemoryShare:              o.MemoryShare,
		MessageRate:              o.MessageRate,
		MessageBurst:             o.MessageBurst,
		ByteRate:                 o.ByteRate,
		ByteBurst:                o.ByteBurst,
		OnSession:                o.OnSession,
		OnConnectionError:        o.OnConnectionError,
		Logger:                   o.Logger,
	}
}
