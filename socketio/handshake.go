package socketio

// What a socket knows of the request that opened its connection.

import (
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// A Handshake is what a client connected with. It must not be changed.
type Handshake struct {
	Headers http.Header
	Query   url.Values
	Auth    Raw       // the payload of the client's CONNECT packet, {} where it sent none
	Address string    // the peer's IP address
	Time    time.Time // when the connection began
	Secure  bool      // the connection is TLS
	XDomain bool      // the request had an Origin header
	URL     string    // as requested: path and query
	Host    string    // the Host header
}

// Auth is Handshake().Auth without the rest, which costs several times as much.
func (s *Socket) Auth() Raw { return authOf(s.auth) }

func authOf(auth string) Raw {
	if auth == "" {
		auth = "{}"
	}
	raw, _ := NewRaw([]byte(auth)) // the parser has checked it
	return raw
}

func newHandshake(h *engineio.Handshake, auth string) *Handshake {
	hs := &Handshake{Auth: authOf(auth)}
	if h == nil {
		return hs
	}
	hs.Headers, hs.Time, hs.Secure, hs.Host = h.Header, h.Time, h.Secure, h.Host
	hs.XDomain = h.Header.Get("Origin") != ""
	hs.Address = h.RemoteAddr
	if host, _, err := net.SplitHostPort(h.RemoteAddr); err == nil {
		hs.Address = host
	}
	if h.URL != nil {
		hs.URL, hs.Query = h.URL.RequestURI(), h.URL.Query()
	}
	return hs
}
