package gateway

// The gateway's log: its form, the line of its settings, and what is said of requests that are refused.

import (
	"context"
	"io"
	"log/slog"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/internal/logthrottle"
)

// logBurst is how many lines with the same message are logged in each logthrottle.Interval.
const logBurst = 10

// NewLogger returns the logger that the configuration asks for; it writes to w. Above debug level it writes at most 10
// lines with the same message in 10 s, and then one that says how many more there were.
func NewLogger(cfg Config, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "json" {
		opts.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
			if a.Value.Kind() == slog.KindDuration { // else it would be a number of nanoseconds
				a.Value = slog.StringValue(a.Value.Duration().String())
			}
			return a
		}
		return slog.New(logthrottle.New(slog.NewJSONHandler(w, opts), logBurst))
	}
	return slog.New(logthrottle.New(slog.NewTextHandler(w, opts), logBurst))
}

// flushLog has the logger say how many lines it has suppressed, if it is one of NewLogger's.
func (g *Gateway) flushLog() {
	if h, ok := g.log.Handler().(*logthrottle.Handler); ok {
		h.Flush()
	}
}

// logConfiguration says in one line with which settings the gateway runs.
func (g *Gateway) logConfiguration() {
	g.log.LogAttrs(context.Background(), slog.LevelInfo, "configuration", g.cfg.Effective...)
}

// maxLoggedSID is how many bytes a log line shows of what a client may have made up. Of a session id that is the node's
// tag and 4 more.
const maxLoggedSID = 12

// maxLoggedOrigin is the same of an Origin: a host name at its longest, with what stands round it.
const maxLoggedOrigin = 272

// connectionError logs a request that Engine.IO refuses, with what an operator might do about it.
func (g *Gateway) connectionError(e engineio.ConnectionError) {
	r, code, message := e.Request, e.Code, e.Message
	attrs := []slog.Attr{
		slog.Int("code", int(code)), slog.String("reason", message), slog.String("method", r.Method),
		slog.String("remote", r.RemoteAddr),
	}
	if hint := g.hint(code, message); hint != "" {
		attrs = append(attrs, slog.String("hint", hint))
	}
	switch code {
	case engineio.UnknownSID:
		attrs = append(attrs, slog.String("sid", clip(r.URL.Query().Get("sid"), maxLoggedSID)))
	case engineio.UnknownTransport:
		attrs = append(attrs, slog.String("transport", clip(r.URL.Query().Get("transport"), maxLoggedSID)))
	case engineio.Forbidden:
		if origin := r.Header.Get("Origin"); origin != "" {
			attrs = append(attrs, slog.String("origin", clip(origin, maxLoggedOrigin)))
		}
	case engineio.UnsupportedProtocolVersion:
		attrs = append(attrs, slog.String("eio", clip(r.URL.Query().Get("EIO"), maxLoggedSID)))
	}
	// The cause is in the message, by which lines are counted: many of one do not suppress those of another.
	g.log.LogAttrs(r.Context(), slog.LevelInfo, "request refused: "+code.String(), attrs...)
}

// hint is what may be behind a refusal.
func (g *Gateway) hint(code engineio.ErrorCode, message string) string {
	switch {
	case message == engineio.OriginNotAllowed:
		return "CORS_ORIGINS does not have that page's origin, and it is not the host that was asked"
	case code == engineio.UnknownSID:
		return "the session has ended, or the node that had it has, and its client connects anew by itself; if these " +
			"go on, requests reach nodes that cannot serve them: is a node behind the balancer on another Redis, or " +
			"is FORWARD off without a sticky cookie?"
	case code == engineio.Forbidden && g.drained() != nil:
		return "a balancer sends new clients to a node that is being stopped: DRAIN_DELAY is shorter than its health " +
			"check needs to notice"
	case message == engineio.RefusedAddress || message == engineio.RefusedRate:
		return "one client opens many sessions; or all clients seem to come from one address, as TRUSTED_PROXIES " +
			"does not name the proxy that they come through"
	case message == engineio.RefusedFull || message == engineio.RefusedMemory:
		return "this node has as many clients as it may, or memory for: it takes more nodes, or it is under attack"
	case code == engineio.UnsupportedProtocolVersion:
		return "a client older than socket.io-client 3, or none of Socket.IO's"
	}
	return ""
}

// clip is the beginning of s.
func clip(s string, limit int) string {
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
