package socketio

// The configuration of a Server.

import (
	"io/fs"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// Options configure a Server. The zero value is usable and has Node's defaults.
type Options struct {
	// Options are those of the Engine.IO server below: path, transports, heartbeat, limits, CORS, logger. Path is
	// "/socket.io/" by default.
	engineio.Options
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
	// Client holds the browser bundles (socket.io.js, socket.io.min.js, ..., and their maps) at its root. They are then
	// served under Path. Default none.
	Client fs.FS
	// ClientVersion is the version of those bundles; it is their ETag.
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
	// OnEvent, if not nil, is told how long the handlers of each event of a client took. Events without a handler
	// count too, so their names are whatever clients choose. It is called on the goroutine of the handlers, which wait
	// for it.
	OnEvent func(ns *Namespace, event string, took time.Duration)
	// OnBroadcast, if not nil, is told of each broadcast to sockets of this server, whichever server made it, and to
	// how many it has been sent. It may be called with locks held: it must not block, nor use this package.
	OnBroadcast func(ns *Namespace, recipients int)
	// OnError, if not nil, gets the errors that handlers return and, as a *PanicError, what they panic with, after they
	// are logged. The socket is nil where the handler belongs to none.
	OnError func(*Socket, error)
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
