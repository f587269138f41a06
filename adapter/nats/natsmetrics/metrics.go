// Package natsmetrics has the Prometheus metrics of a nats.Broker: whether NATS is there, what goes in and out, what
// was lost, and how long NATS takes to answer. Those that adaptermetrics has of a Redis too have the same names.
//
//	opts := nats.Options{}
//	metrics := natsmetrics.Instrument(&opts, natsmetrics.Options{})
//	broker, err := nats.Open("nats://...", opts)
//	...
//	metrics.Watch(broker)
//	prometheus.MustRegister(metrics)
package natsmetrics

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/adapter/nats"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
)

// Options configure Metrics. The zero value is usable.
type Options struct {
	// Prefix begins the metrics' names (Prometheus: namespace). Default "socketio", as in socketio_nats_up.
	Prefix string
}

// Metrics are a prometheus.Collector of a Broker's metrics. Its methods may be called from any goroutine.
type Metrics struct {
	table  *metrictable.Collector[nats.Stats]
	trip   prometheus.Histogram
	broker atomic.Pointer[nats.Broker] // nil before Watch
}

// Instrument has the Broker that is opened with opts tell the metrics how long NATS takes to answer, beside whom opts
// tells of it already.
func Instrument(opts *nats.Options, o Options) *Metrics {
	prefix := cmp.Or(o.Prefix, "socketio")
	m := &Metrics{trip: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: prefix + "_nats_roundtrip_seconds",
		Help: "What the NATS server took to answer this node.",
		Buckets: []float64{
			250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5,
		},
	})}
	m.table = metrictable.New(prefix, table, func() *nats.Stats {
		broker := m.broker.Load()
		if broker == nil {
			return nil
		}
		stats := broker.Stats()
		return &stats
	})
	told := opts.OnRoundTrip
	opts.OnRoundTrip = func(took time.Duration) {
		m.trip.Observe(took.Seconds())
		if told != nil {
			told(took)
		}
	}
	return m
}

// Watch reads the metrics from broker from now on.
func (m *Metrics) Watch(broker *nats.Broker) { m.broker.Store(broker) }

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	m.table.Describe(ch)
	m.trip.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.table.Collect(ch)
	m.trip.Collect(ch)
}

var table = []metrictable.Metric[nats.Stats]{
	{
		Name: "nats_up", Kind: metrictable.Gauge,
		Help: "1 while this node is connected to a NATS server that answers, else 0.",
		Read: func(s *nats.Stats, put metrictable.Put) { put(metrictable.OneIf(s.Up)) },
	},
	{
		Name: "nats_reconnects_total", Kind: metrictable.Counter,
		Help: "Connections to NATS after the first.",
		Read: func(s *nats.Stats, put metrictable.Put) { put(float64(max(s.Connects-1, 0))) },
	},
	{
		Name: "nats_members", Kind: metrictable.Gauge,
		Help: "Other nodes that this one knows of by NATS.",
		Read: func(s *nats.Stats, put metrictable.Put) { put(float64(s.Members)) },
	},
	{
		Name: "nats_stream_up", Kind: metrictable.Gauge,
		Help: "1 while what others say comes from JetStream, else 0. Without JetStream there is none.",
		Read: func(s *nats.Stats, put metrictable.Put) {
			if s.Journal {
				put(metrictable.OneIf(s.JournalUp))
			}
		},
	},
	{
		Name: "nats_stream_failures_total", Kind: metrictable.Counter,
		Help: "Times that JetStream has refused something or has not answered; it is tried again.",
		Read: func(s *nats.Stats, put metrictable.Put) { put(float64(s.JournalErrors)) },
	},
	{
		Name: "nats_subscriptions", Kind: metrictable.Gauge,
		Help: "Subjects that this node has subscribed to, one for each room with members here among them.",
		Read: func(s *nats.Stats, put metrictable.Put) { put(float64(s.Subscriptions)) },
	},
	{
		Name: "adapter_published_total", Kind: metrictable.Counter,
		Help: "Messages for other nodes that NATS has taken.",
		Read: func(s *nats.Stats, put metrictable.Put) { put(float64(s.Published)) },
	},
	{
		Name: "adapter_received_total", Kind: metrictable.Counter,
		Help: "Messages from other nodes.",
		Read: func(s *nats.Stats, put metrictable.Put) { put(float64(s.Received)) },
	},
	{
		Name: "adapter_dropped_total", Kind: metrictable.Counter, Labels: []string{"cause"},
		Help: "Messages between nodes that have been lost; over a lost connection NATS may have taken them all the " +
			"same.",
		Read: func(s *nats.Stats, put metrictable.Put) {
			put(float64(s.Dropped), "outbox full")
			put(float64(s.ReceiveDropped), "inbox full")
			put(float64(s.PublishErrors), "connection lost")
			put(float64(s.SlowDropped), "slow consumer")
			put(float64(s.Partial), "parts missing")
			put(float64(s.Missed), "stream cut")
		},
	},
	{
		Name: "adapter_malformed_total", Kind: metrictable.Counter,
		Help: "Messages from other nodes that made no sense.",
		Read: func(s *nats.Stats, put metrictable.Put) { put(float64(s.Malformed)) },
	},
	{
		Name: "adapter_outbox_messages", Kind: metrictable.Gauge,
		Help: "Messages for other nodes that wait for NATS.",
		Read: func(s *nats.Stats, put metrictable.Put) { put(float64(s.OutboxMessages)) },
	},
	{
		Name: "adapter_outbox_bytes", Kind: metrictable.Gauge,
		Help: "The same in bytes, of at most OutboxBytes.",
		Read: func(s *nats.Stats, put metrictable.Put) { put(float64(s.OutboxBytes)) },
	},
}
