package engineio

import (
	"net/http"
	"net/url"
	"time"
)

// A Handler gets what a session receives. Its methods are never called with a lock of this package held.
type Handler interface {
	// OnMessage gets each message in the order in which the client sent them, never two at once. data belongs to the
	// handler from then on. While OnMessage blocks, nothing more is read from the client (it feels back-pressure) and
	// its heartbeat is not held against it.
	OnMessage(data []byte, binary bool)
	// OnClose is called exactly once, when the session is over. No call of OnMessage begins after it, but one that is
	// still running may overlap it.
	OnClose(reason Reason)
}

// A Reason says why a session ended, in the words that Socket.IO's users know.
type Reason string

const (
	ReasonTransportClose Reason = "transport close"
	ReasonTransportError Reason = "transport error"
	ReasonPingTimeout    Reason = "ping timeout"
	ReasonParseError     Reason = "parse error"
	ReasonForcedClose    Reason = "forced close"
	ReasonSlowClient     Reason = "slow client"
	ReasonShutdown       Reason = "server shutting down"
)

// A Handshake is what is kept of the request that opened a session. It is immutable.
type Handshake struct {
	Header     http.Header
	URL        *url.URL  // as requested: path and query
	Host       string    // the Host header
	RemoteAddr string    // "IP:port" of the peer, as net/http gives it
	Secure     bool      // the connection is TLS
	Time       time.Time // when the session began
}

// A Session is one Engine.IO connection with a client; it outlives a change of transport. All its methods may be called
// from any goroutine.
type Session struct{}

// ID is the session's identifier, "sid" on the wire.
func (s *Session) ID() string { panic("stub") }

// Handshake is the request that opened the session.
func (s *Session) Handshake() *Handshake { panic("stub") }

// Transport is the name of the transport in use now: "polling" or "websocket".
func (s *Session) Transport() string { panic("stub") }

// Send queues m and returns at once; it never waits for the client. What one goroutine sends arrives in that order. It
// reports false where the message will not be sent: the session is closing or closed, or m is volatile and the client
// is not keeping up.
func (s *Session) Send(m *Message) bool { panic("stub") }

// Close ends the session: nothing more is read, what is queued is still sent, then the transport is closed the way the
// protocol asks for. It returns at once; the handler's OnClose gets reason when it is done. Later calls do nothing.
func (s *Session) Close(reason Reason) { panic("stub") }
