package gateway

// The seam between the chassis and what it carries: a Service says what is said to clients, the gateway does the rest.

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A Service is what a gateway serves. One value belongs to one Gateway: LoadConfig stores the service's settings in it,
// then New starts it.
type Service interface {
	// Settings declares the environment variables that the service reads, beside the gateway's own. Their values are
	// stored by Setting.Set before Start is called. It may be called more than once.
	Settings() []Setting

	// Start sets the service's handlers on a server that has no clients yet. It is called once, by New, which fails
	// with its error. A *SettingError says that a setting does not go with another.
	Start(io *socketio.Server, node Node) (Parts, error)
}

// A Node is what a service is told about the process it runs in.
type Node struct {
	// Hostname is the name of the machine or container, as /healthz and the log have it.
	Hostname string
	// Log has the hostname on every line. What tells about single clients, and all personal data, is logged at debug
	// level only; a message is a constant, since equal ones are counted together when there are too many.
	Log *slog.Logger
}

// Parts are what a service adds to the gateway beside its handlers. The zero value adds nothing.
type Parts struct {
	// Events names events for the label "event" of gateway_event_duration_seconds. All that the namespaces have
	// handlers for (Namespace.On) when Start returns have their names anyway. It is for what is handled by OnAny,
	// Socket.On or in namespaces that come into being later. Any other event, whose name a client chose, is counted as
	// "other".
	Events []string

	// Route, if not nil, answers a request, or reports false and has written nothing: the answer is then 404. It gets
	// all that the gateway does not answer itself, which is everything under SocketPath, /healthz, /readyz, /metrics,
	// CORS preflights, and WebSocket handshakes elsewhere. CORS headers are set; the body is bounded in time, not in
	// size.
	Route func(w http.ResponseWriter, r *http.Request) bool

	// Metrics are the service's own, to be read with the gateway's. New fails where one has the name of another.
	Metrics []prometheus.Collector

	// Close, if not nil, ends what the service runs. It is called once, when handlers and Route are not called any
	// more, and before the connections to Redis are closed. ctx ends with the time that the stop may take, after which
	// nothing is waited for. Its error is Run's, if everything else has ended in time, or New's where that fails after
	// Start.
	Close func(ctx context.Context) error
}
