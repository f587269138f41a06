package client

// The settings of a session and their defaults.

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"
)

// The names of the transports.
const (
	Polling   = "polling"
	WebSocket = "websocket"
)

// Options configure a session. The zero value is usable: a zero field stands for the default that its comment names,
// which is that of Node.js' engine.io-client where that has the option too.
type Options struct {
	// Path is where the server answers. A URL with a path of its own has precedence. Default "/engine.io/".
	Path string
	// Transports are those to use, in the order of preference; the session opens with the first. Default Polling, then
	// WebSocket.
	Transports []string
	// TryAllTransports opens with the next of Transports where one fails.
	TryAllTransports bool
	// NoUpgrade keeps a session that polls from upgrading (Node.js: upgrade: false).
	NoUpgrade bool
	// ForceBase64 sends binary messages as base64, and has the server do so, on every transport.
	ForceBase64 bool

	// Query is added to the URL of every request.
	Query url.Values
	// Header is sent with every request, WebSocket handshakes too (Node.js: extraHeaders). A Host replaces the URL's.
	Header http.Header
	// Jar, if not nil, keeps the cookies that the server sets and gives them back (Node.js: withCredentials). Clients
	// may share one.
	Jar http.CookieJar
	// Protocols are offered as the WebSocket's subprotocols.
	Protocols []string
	// NoTimestamp leaves out the query's parameter "t", which keeps caches from answering a poll.
	NoTimestamp bool

	// DialContext makes connections, to a proxy too. Default that of a net.Dialer.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// TLSConfig is for https and wss, and for a proxy of https. Default a zero tls.Config.
	TLSConfig *tls.Config
	// Proxy chooses the proxy of a request, or none with a nil URL. WebSocket connections go through one of http or
	// https by CONNECT; the request that is asked about then has the scheme http or https. Default
	// http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)

	// PerMessageDeflate, if not nil, offers the WebSocket extension permessage-deflate (RFC 7692), without context
	// takeover.
	PerMessageDeflate *PerMessageDeflate

	// ProbeTimeout is how long an upgrade may take before the session goes on polling without it. Default 10 s.
	ProbeTimeout time.Duration
	// CloseTimeout is how long the server may take to end a connection that has said goodbye. Default 5 s.
	CloseTimeout time.Duration
	// WriteTimeout is how long a write to a connection may make no progress before the session ends with
	// ReasonTransportError. Default 30 s; negative: no bound but the heartbeat's.
	WriteTimeout time.Duration
	// MaxQueueBytes bounds what may wait to be sent, in bytes. Past it Send returns ErrQueueFull. A single message
	// may be longer where nothing waits. Default 16 MiB (Node.js has no bound).
	MaxQueueBytes int
	// MaxMessageBytes bounds a message of the server's, and the answer to a poll, in bytes, decompressed. A longer one
	// ends the session with ReasonTransportError. Default 100 MiB, which is that of Node.js' ws.
	MaxMessageBytes int

	// OnUpgrade, if not nil, is told that a session has changed to another transport, or with an error that it goes on
	// with the one it has. It must not block.
	OnUpgrade func(s *Session, transport string, err error)
	// OnPing, if not nil, is called at every ping of the server's, which is answered by itself. It must not block.
	OnPing func(s *Session)
}

// PerMessageDeflate configures the WebSocket extension permessage-deflate.
type PerMessageDeflate struct {
	// Threshold is the size in bytes from which a message is compressed. Default 1024.
	Threshold int
	// Level is the level of compress/flate, 1 to 9. Default: flate.DefaultCompression.
	Level int
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	o.Path = cmp.Or(o.Path, "/engine.io/")
	if len(o.Transports) == 0 {
		o.Transports = []string{Polling, WebSocket}
	}
	if o.DialContext == nil {
		o.DialContext = new(net.Dialer).DialContext
	}
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	if o.PerMessageDeflate != nil {
		d := *o.PerMessageDeflate
		d.Threshold = cmp.Or(d.Threshold, 1024)
		d.Level = cmp.Or(d.Level, -1)
		o.PerMessageDeflate = &d
	}
	o.ProbeTimeout = cmp.Or(o.ProbeTimeout, 10*time.Second)
	o.CloseTimeout = cmp.Or(o.CloseTimeout, 5*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 30*time.Second)
	o.MaxQueueBytes = cmp.Or(o.MaxQueueBytes, 16<<20)
	o.MaxMessageBytes = cmp.Or(o.MaxMessageBytes, 100<<20)
	return o
}
