package gateway

// The HTTP routes: Socket.IO's, /healthz, /readyz, /metrics, then the service's. They are matched on the path as it was
// sent. A ServeMux would clean it, and redirect where the Nest service answers.

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// routes is the handler of everything that the gateway answers.
func (g *Gateway) routes() http.Handler {
	cors := &engineio.CORS{Origins: g.cfg.CORSOrigins}
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
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if path == metricsPath && reads && g.showsMetrics(r) {
			g.metrics.ServeHTTP(w, r) // without CORS: no page of another site has use for them
			return
		}
		// Also beside "*", with which browsers do not take it: so does the Nest service.
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		if cors.Handle(w, r) {
			return
		}
		switch {
		case reads && path == "/healthz":
			g.serveHealth(w)
		case reads && path == "/readyz":
			g.serveReady(w)
		case reads && g.adminPage.route(w, r):
		default:
			if g.parts.Route == nil || !g.parts.Route(w, r) {
				notFound(w, r)
			}
		}
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

// notFound answers as Nest does where there is no route.
func notFound(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusNotFound, nestError{
		Message:    "Cannot " + r.Method + " " + r.RequestURI,
		Error:      "Not Found",
		StatusCode: http.StatusNotFound,
	})
}

// weakETag is Express's default ETag of a body: its length in hexadecimal, and its SHA-1 in base64 without the padding.
func weakETag(body []byte) string {
	sum := sha1.Sum(body)
	return `W/"` + strconv.FormatInt(int64(len(body)), 16) + "-" + base64.RawStdEncoding.EncodeToString(sum[:]) + `"`
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
	protocols := strings.ToLower(strings.Join(r.Header.Values("Upgrade"), ","))
	return engineio.IsUpgrade(r) && strings.Contains(protocols, "websocket")
}

// drop closes the connection without an answer, as Node.js's Engine.IO does with an upgrade that is not for it.
func drop(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
	}
}
