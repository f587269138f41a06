package gateway

// The metrics for Prometheus: those of the libraries, whose packages declare them, the gateway's own, and the
// service's.

import (
	"fmt"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/adapter/adaptermetrics"
	"github.com/brunossouza/websocket-escalonavel/adapter/presence/presencemetrics"
	"github.com/brunossouza/websocket-escalonavel/gateway/auth"
	"github.com/brunossouza/websocket-escalonavel/gateway/forward/forwardmetrics"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiometrics"
)

// metricsPrefix begins the names of the metrics.
const metricsPrefix = "gateway"

// ownMetrics are those that only a gateway has.
var ownMetrics = []metrictable.Metric[Gateway]{
	{
		Name: "build_info", Kind: metrictable.Gauge, Labels: []string{"version", "commit", "goversion", "hostname"},
		Help: "1, with what this node runs and on which host.",
		Read: func(g *Gateway, put metrictable.Put) {
			put(1, g.cfg.Release, g.cfg.Commit, runtime.Version(), g.hostname)
		},
	},
	{
		Name: "drain_stage", Kind: metrictable.Gauge,
		Help: "How far a stop has come: 0 serving, 1 waiting for balancers to notice, 2 letting clients go, " +
			"3 closing what is left.",
		Read: func(g *Gateway, put metrictable.Put) { put(g.stageNumber()) },
	},
	{
		Name: "spans_total", Kind: metrictable.Counter, Labels: []string{"outcome"},
		Help: "Spans that the collector has taken (exported) or not (failed); what found the queue before it full is " +
			"in neither. None without traces.",
		Read: func(g *Gateway, put metrictable.Put) {
			if g.traces != nil {
				put(float64(g.traces.exporter.exported.Load()), "exported")
				put(float64(g.traces.exporter.failed.Load()), "failed")
			}
		},
	},
}

// measure has the server tell the metrics what it does. With METRICS_ADDR off it tells nobody.
func (g *Gateway) measure(opts *socketio.Options) {
	if g.cfg.MetricsAddr != metricsOff {
		g.ioMetrics = socketiometrics.Instrument(opts, socketiometrics.Options{Prefix: metricsPrefix})
	}
}

// measureRedis does the same for the Redis.
func (g *Gateway) measureRedis(opts *adapter.Options) {
	if g.cfg.MetricsAddr != metricsOff {
		g.redisMetrics = adaptermetrics.Instrument(opts, adaptermetrics.Options{Prefix: metricsPrefix})
	}
}

// newRegistry returns all metrics of a gateway whose parts have been made, and the service's own. The error is about
// one of those, whose name is taken.
func (g *Gateway) newRegistry() (*prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	g.ioMetrics.Watch(g.io, g.parts.Events...)
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		metrictable.New(metricsPrefix, ownMetrics, func() *Gateway { return g }),
		g.ioMetrics,
	)
	if g.redis != nil {
		g.redisMetrics.Watch(g.redis)
		registry.MustRegister(g.redisMetrics)
	}
	if g.nats != nil {
		g.natsMetrics.Watch(g.nats)
		registry.MustRegister(g.natsMetrics)
	}
	if g.forward != nil {
		registry.MustRegister(forwardmetrics.New(g.forward, forwardmetrics.Options{Prefix: metricsPrefix}))
	}
	if g.presence != nil {
		registry.MustRegister(presencemetrics.New(g.presence, presencemetrics.Options{Prefix: metricsPrefix}))
	}
	if g.guard != nil {
		registry.MustRegister(metrictable.New(metricsPrefix, authMetrics, func() *auth.Stats {
			stats := g.guard.Stats()
			return &stats
		}))
	}
	if g.api != nil {
		registry.MustRegister(g.api.requests, g.api.took)
	}
	if g.admin != nil {
		registry.MustRegister(metrictable.New(metricsPrefix, adminMetrics, g.adminStats))
	}
	for _, own := range g.parts.Metrics {
		if err := registry.Register(own); err != nil {
			return nil, fmt.Errorf("gateway: a metric of the service: %w", err)
		}
	}
	return registry, nil
}

// stageNumber is gateway_drain_stage.
func (g *Gateway) stageNumber() float64 {
	s := g.drainStage.Load()
	switch {
	case s == nil:
		return 0
	case s.Stage == stageWaiting:
		return 1
	case s.Stage == stageClosing:
		return 2
	default:
		return 3
	}
}
