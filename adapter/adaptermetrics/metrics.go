// Package adaptermetrics has the Prometheus metrics of a Redis: whether it is there, what goes in and out, what was
// lost, and the lag between servers.
//
//	opts := adapter.Options{}
//	metrics := adaptermetrics.Instrument(&opts, adaptermetrics.Options{})
//	redis, err := adapter.Open("redis://...", opts)
//	...
//	metrics.Watch(redis)
//	prometheus.MustRegister(metrics)
package adaptermetrics

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
)

// Options configure Metrics. The zero value is usable.
type Options struct {
	// Prefix begins the metrics' names (Prometheus: namespace). Default "socketio", as in socketio_redis_up.
	Prefix string
}

// Metrics are a prometheus.Collector of a Redis's metrics. Its methods may be called from any goroutine.
type Metrics struct {
	table *metrictable.Collector[adapter.Stats]
	lag   prometheus.Histogram
	redis atomic.Pointer[adapter.Redis] // nil before Watch
}

// Instrument has the Redis that is opened with opts tell the metrics of the lag between servers, beside whom opts tells
// of it already.
func Instrument(opts *adapter.Options, o Options) *Metrics {
	prefix := cmp.Or(o.Prefix, "socketio")
	m := &Metrics{lag: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: prefix + "_adapter_roundtrip_seconds",
		Help: "Lag between nodes: what a message to Redis took to come back to this node.",
		Buckets: []float64{
			250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
		},
	})}
	m.table = metrictable.New(prefix, table, func() *adapter.Stats {
		redis := m.redis.Load()
		if redis == nil {
			return nil
		}
		stats := redis.Stats()
		return &stats
	})
	told := opts.OnRoundTrip
	opts.OnRoundTrip = func(took time.Duration) {
		m.lag.Observe(took.Seconds())
		if told != nil {
			told(took)
		}
	}
	return m
}

// Watch reads the metrics from redis from now on.
func (m *Metrics) Watch(redis *adapter.Redis) { m.redis.Store(redis) }

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	m.table.Describe(ch)
	m.lag.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.table.Collect(ch)
	m.lag.Collect(ch)
}

var table = []metrictable.Metric[adapter.Stats]{
	{
		Name: "redis_up", Kind: metrictable.Gauge,
		Help: "1 while this node is subscribed to what others publish, and can publish, else 0.",
		Read: func(r *adapter.Stats, put metrictable.Put) { put(metrictable.OneIf(r.Up)) },
	},
	{
		Name: "redis_writable", Kind: metrictable.Gauge,
		Help: "0 while Redis refuses to store anything (its disk or memory is full, it is a replica), else 1.",
		Read: func(r *adapter.Stats, put metrictable.Put) { put(metrictable.OneIf(r.Refusal == "")) },
	},
	{
		Name: "redis_refusals_total", Kind: metrictable.Counter,
		Help: "Commands that Redis has refused to store, each time they were sent.",
		Read: func(r *adapter.Stats, put metrictable.Put) { put(float64(r.Refusals)) },
	},
	{
		Name: "adapter_sessions_not_saved_total", Kind: metrictable.Counter,
		Help: "Sessions that could not be saved for recovery, as Redis refused it; they are tried again.",
		Read: func(r *adapter.Stats, put metrictable.Put) { put(float64(r.NotStored)) },
	},
	{
		Name: "adapter_stream_trims_total", Kind: metrictable.Counter,
		Help: "Times that this node cut a stream because the memory of Redis was full.",
		Read: func(r *adapter.Stats, put metrictable.Put) { put(float64(r.Trims)) },
	},
	{
		Name: "redis_connect_seconds", Kind: metrictable.Gauge,
		Help: "What the last connection to Redis took, until the subscriptions were in place.",
		Read: func(r *adapter.Stats, put metrictable.Put) {
			if r.Connects > 0 {
				put(r.ConnectTime.Seconds())
			}
		},
	},
	{
		Name: "redis_reconnects_total", Kind: metrictable.Counter,
		Help: "Connections to Redis after the first.",
		Read: func(r *adapter.Stats, put metrictable.Put) { put(float64(max(r.Connects-1, 0))) },
	},
	{
		Name: "adapter_published_total", Kind: metrictable.Counter,
		Help: "Messages for other nodes that Redis has taken.",
		Read: func(r *adapter.Stats, put metrictable.Put) { put(float64(r.Published)) },
	},
	{
		Name: "adapter_received_total", Kind: metrictable.Counter,
		Help: "Messages from other nodes, those for rooms without a member here included.",
		Read: func(r *adapter.Stats, put metrictable.Put) { put(float64(r.Received)) },
	},
	{
		Name: "adapter_dropped_total", Kind: metrictable.Counter, Labels: []string{"cause"},
		Help: "Messages between nodes that have been lost; over a lost connection Redis may have taken them " +
			"all the same.",
		Read: func(r *adapter.Stats, put metrictable.Put) {
			put(float64(r.Dropped), "outbox full")
			put(float64(r.ReceiveDropped), "inbox full")
			put(float64(r.PublishErrors), "connection lost")
			put(float64(r.Missed), "stream cut")
		},
	},
	{
		Name: "adapter_malformed_total", Kind: metrictable.Counter,
		Help: "Messages from other nodes that made no sense.",
		Read: func(r *adapter.Stats, put metrictable.Put) { put(float64(r.Malformed)) },
	},
	{
		Name: "adapter_outbox_messages", Kind: metrictable.Gauge,
		Help: "Messages for other nodes that wait for Redis.",
		Read: func(r *adapter.Stats, put metrictable.Put) { put(float64(r.OutboxMessages)) },
	},
	{
		Name: "adapter_outbox_bytes", Kind: metrictable.Gauge,
		Help: "The same in bytes, of at most OutboxBytes.",
		Read: func(r *adapter.Stats, put metrictable.Put) { put(float64(r.OutboxBytes)) },
	},
}
