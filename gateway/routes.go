package gateway

// The HTTP routes: what the Nest service had, the page, /healthz, /readyz and /metrics. They are matched on the path as it was sent: a
// ServeMux would clean it, and redirect where the Nest service answers.

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// routes is the handler of everything that the gateway answers.
func (g *Gateway) routes() http.Handler {
	cors := &engineio.CORS{Origins: g.cfg.CORSOrigins, Credentials: true}
	hello := document{body: []byte("Hello World!"), contentType: "text/html; charset=utf-8"}
	hello.etag = weakETag(hello.body)
	sessions := g.sessions()

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.EscapedPath()
		if strings.HasPrefix(path, SocketPath) {
			sessions.ServeHTTP(w, r)
			return
		}
		if isWebSocketUpgrade(r) {
			drop(w)
			return
		}
		if path == metricsPath && g.metrics != nil && g.cfg.MetricsAddr == metricsOnMain && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			g.metrics.ServeHTTP(w, r) // without CORS: no page of another site has use for them
			return
		}
		if cors.Handle(w, r) {
			return
		}
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			switch {
			case path == "/" || path == "//": // Express takes both for the root, and no more slashes
				w.Header().Add("Vary", "Accept")
				if prefersHTML(strings.Join(r.Header.Values("Accept"), ",")) {
					g.site.servePage(w, r)
				} else {
					writeCacheable(w, r, hello)
				}
				return
			case path == "/healthz":
				g.serveHealth(w)
				return
			case path == "/readyz":
				g.serveReady(w)
				return
			case g.site.serveAsset(w, r, path):
				return
			}
		}
		notFound(w, r)
	})
}

// health is the body of /healthz.
type health struct {
	Status   string  `json:"status"` // "ok": the process is there and answers
	Hostname string  `json:"hostname"`
	Version  string  `json:"version"`
	Uptime   float64 `json:"uptime"` // seconds
}

func (g *Gateway) serveHealth(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, health{
		Status:   "ok",
		Hostname: g.hostname,
		Version:  g.cfg.Version,
		Uptime:   time.Since(g.started).Round(time.Millisecond).Seconds(),
	})
}

// nestError is the body of a Nest HttpException, with its keys in Nest's order.
type nestError struct {
	Message    string `json:"message"`
	Error      string `json:"error"`
	StatusCode int    `json:"statusCode"`
}

func notFound(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusNotFound, nestError{
		Message:    "Cannot " + r.Method + " " + r.RequestURI,
		Error:      "Not Found",
		StatusCode: http.StatusNotFound,
	})
}

// writeJSON answers as Express's res.json does: compact, <, > and & as they are, with a weak ETag.
func writeJSON(w http.ResponseWriter, status int, body any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	line := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("ETag", weakETag(line))
	w.WriteHeader(status)
	_, _ = w.Write(line) // a client that left is no error of ours
}

// isWebSocketUpgrade reports whether r asks for a WebSocket (RFC 6455 section 4.1).
func isWebSocketUpgrade(r *http.Request) bool {
	// It may be one of several protocols that are asked for.
	return engineio.IsUpgrade(r) && strings.Contains(strings.ToLower(strings.Join(r.Header.Values("Upgrade"), ",")), "websocket")
}

// drop closes the connection without an answer, as Engine.IO does with an upgrade that is not for it.
func drop(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
	}
}
