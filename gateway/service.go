package gateway

// The seam between the chassis and what it carries: a Service says what is said to clients, the gateway does the rest.

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotrace"
)

// A Service is what a gateway serves. One value belongs to one Gateway: LoadConfig stores the service's settings in it,
// then New starts it.
type Service interface {
	// Settings declares the environment variables that the service reads, under names that are none of the gateway's.
	// Setting.Set stores their values before Start is called. Settings may be called more than once.
	Settings() []Setting

	// Start sets the service's handlers on a server that has no clients yet. It is called once, by New, which fails
	// with its error. That is a *SettingError where one setting does not go with another.
	Start(io *socketio.Server, node Node) (Parts, error)
}

// A Node is what a service is told about the process it runs in.
type Node struct {
	// Hostname is the name of the machine or container, as /healthz and the log have it.
	Hostname string
	// Log has the hostname on every line. Personal data, and what single clients do, are for debug level. A message is
	// a constant, and what varies an attribute: too many lines with the same message are counted together.
	Log *slog.Logger
	// Traces follow what handlers call (socketiotrace.Traces.Do), and sockets that connect. nil, which may be used all
	// the same, where nothing is traced.
	Traces *socketiotrace.Traces
	// Presence knows which users are online on all nodes; nil unless PRESENCE is on.
	Presence *presence.Presence
}

// Parts are what a service adds to the gateway beside its handlers. The zero value adds nothing.
type Parts struct {
	// Events names events that get a series each in gateway_event_duration_seconds, beside those that a namespace has
	// handlers for (Namespace.On) when Start returns: what OnAny, Socket.On or dynamic namespaces handle. All others,
	// whose names clients choose, share the series "other". So do dynamic namespaces.
	Events []string

	// Route, if not nil, answers a request, or writes nothing and reports false: the answer is then 404. It does not
	// get what the gateway answers itself: everything under SocketPath, /healthz, /readyz, /metrics, CORS preflights,
	// and WebSocket handshakes elsewhere. CORS headers are set already. The time that a body may take is bounded, its
	// size is not.
	Route func(w http.ResponseWriter, r *http.Request) bool

	// Metrics are the service's own, to be read with the gateway's. New fails where one has the name of another.
	Metrics []prometheus.Collector

	// Close, if not nil, ends what the service runs. It is called once, after the sessions and the HTTP server have
	// ended or been cut, and before the connections to Redis close. ctx ends with the time that the stop may take. The
	// error is Run's if everything else has ended in time, or New's where that fails after Start.
	Close func(ctx context.Context) error
}
