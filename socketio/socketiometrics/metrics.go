// Package socketiometrics has the Prometheus metrics of a server: its sockets and sessions, what goes in and out, who
// was refused and who was too slow, and how long handlers take.
//
//	opts := socketio.Options{}
//	metrics := socketiometrics.Instrument(&opts, socketiometrics.Options{})
//	io := socketio.NewServer(opts)
//	io.On(...)
//	metrics.Watch(io) // when the handlers are set, and before the first client comes
//	prometheus.MustRegister(metrics)
//
// The packages adaptermetrics and forwardmetrics have those of the cluster. A server without these packages has no
// Prometheus in its build.
package socketiometrics

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Options configure Metrics. The zero value is usable.
type Options struct {
	// Prefix begins the metrics' names (Prometheus: namespace). Default "socketio", as in socketio_sockets.
	Prefix string
}

// Metrics are a prometheus.Collector of a server's metrics. Its methods may be called from any goroutine.
type Metrics struct {
	table    *metrictable.Collector[reading]
	refused  refusals
	events   *prometheus.HistogramVec
	receives prometheus.Histogram
	names    atomic.Pointer[names] // nil before Watch

	mu   sync.Mutex
	io   *socketio.Server // nil before Watch
	last socketio.Stats
	at   time.Time
}

// Instrument has the server that is made with opts tell the metrics of its events, broadcasts and refusals, beside
// whom opts tells of them already.
func Instrument(opts *socketio.Options, o Options) *Metrics {
	prefix := cmp.Or(o.Prefix, "socketio")
	m := &Metrics{events: newEvents(prefix), receives: newReceives(prefix)}
	m.table = metrictable.New(prefix, table, m.read)
	handled, broadcast, refused := opts.OnEvent, opts.OnBroadcast, opts.OnConnectionError
	opts.OnEvent = func(ns *socketio.Namespace, event string, took time.Duration) {
		m.event(ns, event, took)
		if handled != nil {
			handled(ns, event, took)
		}
	}
	opts.OnBroadcast = func(ns *socketio.Namespace, recipients int) {
		m.receives.Observe(float64(recipients))
		if broadcast != nil {
			broadcast(ns, recipients)
		}
	}
	opts.OnConnectionError = func(e engineio.ConnectionError) {
		if e.Code >= 0 && int(e.Code) < len(m.refused) {
			m.refused[e.Code].Add(1)
		}
		if refused != nil {
			refused(e)
		}
	}
	return m
}

// Watch reads the metrics from io from now on. The events that its namespaces have handlers for, and further ones in
// all namespaces, get labels of their own; the others are "other", as clients choose what they send, and no series is
// theirs to make. So is a namespace that is not there yet.
func (m *Metrics) Watch(io *socketio.Server, further ...string) {
	m.names.Store(newNames(m.events, io.Namespaces(), further))
	m.mu.Lock()
	m.io, m.at = io, time.Time{}
	m.mu.Unlock()
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	m.table.Describe(ch)
	m.events.Describe(ch)
	m.receives.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.table.Collect(ch)
	m.events.Collect(ch)
	m.receives.Collect(ch)
}

// statsLife is how old counts may become. They look at every session, and whoever can reach /metrics can ask for them.
const statsLife = time.Second

func (m *Metrics) read() *reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.io == nil {
		return nil
	}
	if time.Since(m.at) > statsLife {
		m.last, m.at = m.io.Stats(), time.Now()
	}
	stats := m.last
	stats.Sockets = m.names.Load().merged(stats.Sockets)
	return &reading{io: stats, refused: &m.refused}
}
