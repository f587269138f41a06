package engineio

// The settings of a Server and their defaults.

import (
	"cmp"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Options configure a Server. The zero value is usable: a zero field stands for the default that its comment names,
// which is that of Node.js's engine.io where that has the option too.
type Options struct {
	// Path is where the server answers; requests elsewhere get 404. It gets a slash at its end if it has none. Default
	// "/engine.io/".
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
	CORS *CORS
	// Cookie, if not nil, is the template of a cookie that the answer to a polling handshake sets to the session's id.
	// Empty fields get Node.js's defaults: name "io", path "/", SameSite Lax. Set HttpOnly, which is Node.js's too.
	Cookie *http.Cookie
	// HTTPCompression is the size in bytes from which the answer to a poll is compressed, for clients that accept gzip.
	// Default 1024; negative: never.
	HTTPCompression int
	// PerMessageDeflate, if not nil, offers the WebSocket extension permessage-deflate (RFC 7692), by default without
	// context takeover, so that a broadcast is compressed once for all its recipients.
	PerMessageDeflate *PerMessageDeflate
	// NewID makes the ids of sessions. Whoever knows an id can use its session, so it must be unique and impossible to
	// guess (128 random bits, say). Use characters that a URL's query takes unescaped (RFC 3986, section 3.4). It is
	// called from many goroutines at once. Default: the function NewID of this package.
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
	OnSession func(*Session)
	// OnConnectionError, if not nil, is told of each refused request before it is answered, with what the client will
	// learn (Node.js: the event connection_error). It may be called from many goroutines at once, and as often as
	// clients like. Default: a log line at debug level.
	OnConnectionError func(ConnectionError)
	// netHTTPOnly has Listener leave all requests to net/http; for tests.
	netHTTPOnly bool
	// Logger gets refused requests at debug level, and slow clients that were closed and failures to accept connections
	// as warnings. Default: slog.Default().
	Logger *slog.Logger
}

// PerMessageDeflate configures the WebSocket extension permessage-deflate.
type PerMessageDeflate struct {
	// Threshold is the size in bytes from which a message is compressed. Default 1024.
	Threshold int
	// Level is the level of compress/flate, 1 to 9. Default: flate.DefaultCompression.
	Level int
	// ContextTakeover has each connection compress a message against those before it, in both directions, unless the
	// client does not want it. What is alike gets smaller, and a broadcast is compressed for every recipient anew. A
	// connection takes about 0.85 MB for it, once as much as Threshold has been sent (that is what compress/flate
	// needs), and 32 KiB for what it receives. In Node.js it is so by default.
	ContextTakeover bool
	// MaxContexts bounds the connections that have ContextTakeover at once. The others are compressed without. Default
	// 128, which is about 110 MB.
	MaxContexts int
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	o.Path = cmp.Or(o.Path, "/engine.io/")
	if !o.NoTrailingSlash && !strings.HasSuffix(o.Path, "/") {
		o.Path += "/"
	}
	if len(o.Transports) == 0 {
		o.Transports = []string{transportPolling, transportWebSocket}
	}
	o.PingInterval = cmp.Or(o.PingInterval, 25*time.Second)
	o.PingTimeout = cmp.Or(o.PingTimeout, 20*time.Second)
	o.UpgradeTimeout = cmp.Or(o.UpgradeTimeout, 10*time.Second)
	o.MaxHTTPBufferSize = cmp.Or(o.MaxHTTPBufferSize, 1_000_000)
	o.HTTPCompression = cmp.Or(o.HTTPCompression, 1024)
	o.MaxQueueBytes = cmp.Or(o.MaxQueueBytes, 16<<20)
	o.MaxTotalQueueBytes = cmp.Or(o.MaxTotalQueueBytes, defaultTotalQueue())
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 30*time.Second)
	o.MaxSessions = cmp.Or(o.MaxSessions, 250_000)
	o.MaxSessionsPerAddress = cmp.Or(o.MaxSessionsPerAddress, 20_000)
	o.HandshakeRate = cmp.Or(o.HandshakeRate, 1000)
	o.HandshakeBurst = burst(o.HandshakeBurst, o.HandshakeRate, 5)
	o.MaxHandshakeBytes = cmp.Or(o.MaxHandshakeBytes, 16<<10)
	o.MemoryShare = cmp.Or(o.MemoryShare, 0.8)
	o.MessageRate = cmp.Or(o.MessageRate, 1000)
	o.MessageBurst = burst(o.MessageBurst, o.MessageRate, 5)
	o.ByteRate = cmp.Or(o.ByteRate, 1_000_000)
	o.ByteBurst = burst(o.ByteBurst, o.ByteRate, 8)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.NewID == nil {
		o.NewID = NewID
	}
	if o.PerMessageDeflate != nil {
		d := *o.PerMessageDeflate
		d.Threshold = cmp.Or(d.Threshold, 1024)
		d.Level = cmp.Or(d.Level, -1)
		d.MaxContexts = cmp.Or(d.MaxContexts, 128)
		o.PerMessageDeflate = &d
	}
	if o.Cookie != nil {
		c := *o.Cookie
		c.Name = cmp.Or(c.Name, "io")
		c.Path = cmp.Or(c.Path, "/")
		c.SameSite = cmp.Or(c.SameSite, http.SameSiteLaxMode)
		o.Cookie = &c
	}
	return o
}

// burst is what a burst is that was left out: so many seconds of its rate. Where there is no rate it has no end.
func burst(given int, rate float64, seconds int) int {
	switch {
	case rate < 0:
		return math.MaxInt
	case given > 0:
		return given
	}
	return max(int(rate*float64(seconds)), 1)
}

func (o *Options) allows(transport string) bool { return slices.Contains(o.Transports, transport) }
