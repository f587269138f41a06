package client

// The settings of a connection and their defaults.

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	engine "github.com/brunossouza/websocket-escalonavel/engineio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// Options configure a connection and the socket that New returns. The zero value is usable: a zero field stands for the
// default that its comment names, which is that of Node.js' socket.io-client where that has the option too.
type Options struct {
	// Auth is sent with the CONNECT packet of the socket that New returns: anything that marshals to a JSON object, or
	// nil. See also AuthFunc and SocketOptions.
	Auth any
	// AuthFunc, if not nil, is asked for it at each connection. It may block until ctx is done. An error is given to
	// the handlers of OnConnectError, and the socket tries again as after a lost connection.
	AuthFunc func(ctx context.Context) (any, error)

	// NoReconnection leaves a connection that is lost, or cannot be opened, as it is.
	NoReconnection bool
	// ReconnectionAttempts is how often opening is tried again before giving up. Default no bound.
	ReconnectionAttempts int
	// ReconnectionDelay is the time before the first attempt; it doubles with each. Default 1 s.
	ReconnectionDelay time.Duration
	// ReconnectionDelayMax bounds it. Default 5 s.
	ReconnectionDelayMax time.Duration
	// RandomizationFactor is by which part of it, at most, the time is longer or shorter. Default 0.5; negative: none.
	RandomizationFactor float64
	// ConnectTimeout bounds the opening of a connection, and then the server's answer to the CONNECT packets and the
	// coming of a packet's attachments (Node.js: timeout, which has the first only). Default 20 s.
	ConnectTimeout time.Duration

	// AckTimeout bounds the wait for an acknowledgement. Default no bound but ctx's.
	AckTimeout time.Duration
	// Retries is how often an event is sent again that has not been acknowledged, once AckTimeout has passed or the
	// connection was lost. With it every event that is not volatile asks for an acknowledgement, and goes out when
	// the one before it has been acknowledged or given up. Default 0: an event is sent once.
	Retries int
	// MaxBufferBytes bounds what each socket keeps to be sent once it is connected, and what its Retries wait for, in
	// bytes. Past it Emit returns ErrBufferFull. Default 1 MiB (Node.js has no bound).
	MaxBufferBytes int
	// MaxInboundBytes bounds what waits for the handlers of all sockets, in bytes of packets. Past it nothing more is
	// read from the server until they catch up; while an acknowledgement is awaited eight times as much may wait, as
	// it may be a handler that waits for it. One packet is always taken, however large. Default 1 MiB.
	MaxInboundBytes int

	// Parser is the wire format of packets, which the server must use too. Default parser.Default{}.
	Parser parser.Parser
	// Dialer, if not nil, is shared by connections so that they need no goroutine each; see package engineio/client.
	Dialer *engine.Dialer
	// OnError, if not nil, gets what handlers return and, as a *PanicError, what they panic with, after that is logged.
	OnError func(*Socket, error)
	// Logger gets errors of handlers, and at debug level what the server does wrong. Default slog.Default().
	Logger *slog.Logger

	// What follows is as in engineio/client.Options.

	// Path is where the server answers. Default "/socket.io/".
	Path string
	// Transports are those to use, the first for opening. Default "polling", then "websocket".
	Transports []string
	// TryAllTransports opens with the next of Transports where one fails.
	TryAllTransports bool
	// RememberUpgrade opens a connection again with WebSocket where the one before has had it, if Transports have it.
	RememberUpgrade bool
	// NoUpgrade keeps a connection that polls from upgrading to WebSocket.
	NoUpgrade bool
	// ForceBase64 sends attachments as base64, and has the server do so.
	ForceBase64 bool
	// Query is added to the URL of every request.
	Query url.Values
	// Header is sent with every request (Node.js: extraHeaders).
	Header http.Header
	// Jar, if not nil, keeps the cookies that the server sets and gives them back (Node.js: withCredentials).
	Jar http.CookieJar
	// Protocols are offered as the WebSocket's subprotocols.
	Protocols []string
	// DialContext makes connections, to a proxy too. Default that of a net.Dialer.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// TLSConfig is for https and wss.
	TLSConfig *tls.Config
	// Proxy chooses the proxy of a request. Default http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)
	// PerMessageDeflate, if not nil, offers the WebSocket extension permessage-deflate.
	PerMessageDeflate *engine.PerMessageDeflate
	// WriteTimeout is how long a write may make no progress before the connection counts as lost. Default 30 s.
	WriteTimeout time.Duration
	// MaxQueueBytes bounds what waits to be written, in bytes. Past it Emit returns ErrBufferFull. Default 16 MiB.
	MaxQueueBytes int
	// MaxMessageBytes bounds a message of the server's, in bytes. Default 100 MiB.
	MaxMessageBytes int
}

// SocketOptions are those of one socket of a connection.
type SocketOptions struct {
	// Auth and AuthFunc are as in Options.
	Auth     any
	AuthFunc func(ctx context.Context) (any, error)
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	if o.ReconnectionAttempts <= 0 {
		o.ReconnectionAttempts = math.MaxInt
	}
	o.ReconnectionDelay = cmp.Or(o.ReconnectionDelay, time.Second)
	o.ReconnectionDelayMax = cmp.Or(o.ReconnectionDelayMax, 5*time.Second)
	o.RandomizationFactor = min(max(cmp.Or(o.RandomizationFactor, 0.5), 0), 1)
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 20*time.Second)
	o.MaxBufferBytes = cmp.Or(o.MaxBufferBytes, 1<<20)
	o.MaxInboundBytes = cmp.Or(o.MaxInboundBytes, 1<<20)
	o.Path = cmp.Or(o.Path, "/socket.io/")
	if o.Parser == nil {
		o.Parser = parser.Default{}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// engineOptions are the options of the Engine.IO sessions.
func (c *Conn) engineOptions() engine.Options {
	o := &c.opts
	c.mu.Lock()
	transports := o.Transports
	if c.upgraded {
		transports = []string{engine.WebSocket, engine.Polling}
	}
	c.mu.Unlock()
	return engine.Options{
		Path: o.Path, Transports: transports, TryAllTransports: o.TryAllTransports, NoUpgrade: o.NoUpgrade,
		ForceBase64: o.ForceBase64, Query: o.Query, Header: o.Header, Jar: o.Jar, Protocols: o.Protocols,
		DialContext: o.DialContext, TLSConfig: o.TLSConfig, Proxy: o.Proxy, PerMessageDeflate: o.PerMessageDeflate,
		WriteTimeout: o.WriteTimeout, MaxQueueBytes: o.MaxQueueBytes, MaxMessageBytes: o.MaxMessageBytes,
		OnPing:    func(*engine.Session) { c.pinged() },
		OnUpgrade: func(_ *engine.Session, _ string, err error) { c.remember(err == nil) },
	}
}

// remember notes whether WebSocket works, for RememberUpgrade.
func (c *Conn) remember(works bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	both := len(c.opts.Transports) == 0 ||
		slices.Contains(c.opts.Transports, engine.WebSocket) && slices.Contains(c.opts.Transports, engine.Polling)
	c.upgraded = works && both && c.opts.RememberUpgrade
}
