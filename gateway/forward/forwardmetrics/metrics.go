// Package forwardmetrics has the Prometheus metrics of a forward.Node: what it passes on to other nodes, and gets
// from them.
//
//	prometheus.MustRegister(forwardmetrics.New(node, forwardmetrics.Options{}))
package forwardmetrics

import (
	"cmp"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/gateway/forward"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
)

// Options configure the metrics. The zero value is usable.
type Options struct {
	// Prefix begins the metrics' names (Prometheus: namespace). Default "socketio", as in socketio_forward_nodes.
	Prefix string
}

// New returns a collector of a node's metrics.
func New(node *forward.Node, o Options) prometheus.Collector {
	return metrictable.New(cmp.Or(o.Prefix, "socketio"), table, func() *forward.Stats {
		stats := node.Stats()
		return &stats
	})
}

var table = []metrictable.Metric[forward.Stats]{
	{
		Name: "forwarded_requests_total", Kind: metrictable.Counter, Labels: []string{"result"},
		Help: "Requests for other nodes' sessions: answered by the owner, failed on the way to it, of an unknown " +
			"owner, too long to be passed on, or without a descriptor for that.",
		Read: func(r *forward.Stats, put metrictable.Put) {
			put(float64(r.Answered), "answered")
			put(float64(r.Failed), "failed")
			put(float64(r.Unknown), "unknown")
			put(float64(r.TooLong), "too long")
			put(float64(r.NoFiles), "no descriptors")
		},
	},
	{
		Name: "forward_received_total", Kind: metrictable.Counter,
		Help: "Requests that other nodes have passed on to this one.",
		Read: func(r *forward.Stats, put metrictable.Put) { put(float64(r.Received)) },
	},
	{
		Name: "forward_tunnels", Kind: metrictable.Gauge,
		Help: "WebSocket connections that lead through this node to another.",
		Read: func(r *forward.Stats, put metrictable.Put) { put(float64(r.Tunnels)) },
	},
	{
		Name: "forward_nodes", Kind: metrictable.Gauge,
		Help: "Other nodes that this one knows.",
		Read: func(r *forward.Stats, put metrictable.Put) { put(float64(r.Nodes)) },
	},
}
