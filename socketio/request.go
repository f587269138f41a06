package socketio

// What code that knows net/http and log/slog wants of a socket.

import (
	"log/slog"
	"net/http"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// Request is the request that opened the socket's connection, for whatever reads requests (cookies, Basic
// authentication, client certificates): a copy of its method, URL, header, Host, remote address (the client's, behind
// Options.TrustedProxies) and TLS state, without its body, with the socket's Context. It is put together at every call,
// and is the caller's own but for TLS. See Handshake for what only Socket.IO has.
func (s *Socket) Request() *http.Request {
	h := s.session.Handshake()
	if h == nil {
		h = new(engineio.Handshake)
	}
	return h.Request(s.Context())
}

// Logger is Options.Logger with the socket's id and namespace in every line, as "socket" and "namespace". It is made at
// every call; what clients can cause any number of times is the program's to bound.
func (s *Socket) Logger() *slog.Logger {
	return s.conn.server.log().With(slog.String("socket", s.id), slog.String("namespace", s.namespaceName()))
}
