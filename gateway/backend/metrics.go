package backend

// The service's metrics.

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
)

const metricsPrefix = "gateway_backend"

// An outcome is what has become of a request.
type outcome uint8

const (
	outcomeOK          outcome = iota
	outcomeRefused             // the backend does not let the client in
	outcomeError               // it has answered something wrong, or not to the end
	outcomeTimeout             // it has not answered in time
	outcomeUnavailable         // it could not be reached, or has not been asked because of that
	outcomeOverloaded          // it has not been asked, as too many wait for it
	outcomeLost                // a disconnect that it will not hear of
	outcomes
)

var outcomeNames = [outcomes]string{
	outcomeOK: "ok", outcomeRefused: "refused", outcomeError: "error", outcomeTimeout: "timeout",
	outcomeUnavailable: "unavailable", outcomeOverloaded: "overloaded", outcomeLost: "lost",
}

// outcomeOf is the outcome with that code.
func outcomeOf(code string) outcome {
	switch code {
	case codeUnavailable:
		return outcomeUnavailable
	case codeTimeout:
		return outcomeTimeout
	case codeOverloaded:
		return outcomeOverloaded
	}
	return outcomeError
}

// metrics are what is counted as it happens.
type metrics struct {
	requests [len(kinds)][outcomes]atomic.Int64
	retries  atomic.Int64
	seconds  *prometheus.HistogramVec
	observer [len(kinds)]prometheus.Observer // of seconds
}

func newMetrics() *metrics {
	m := &metrics{seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    metricsPrefix + "_request_seconds",
		Help:    "Time that the backend took over a request, answered or not, without what it waited for others.",
		Buckets: []float64{100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 10e-3, 25e-3, 0.1, 0.25, 1, 2.5, 10},
	}, []string{"kind"})}
	for k, name := range kinds {
		m.observer[k] = m.seconds.WithLabelValues(name)
	}
	return m
}

func (m *metrics) count(k kind, o outcome) { m.requests[k][o].Add(1) }

func (m *metrics) observe(k kind, took time.Duration) { m.observer[k].Observe(took.Seconds()) }

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) { m.seconds.Describe(ch) }

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) { m.seconds.Collect(ch) }

// newTable has the metrics that are read when somebody asks.
func newTable(s *Service) prometheus.Collector {
	return metrictable.New(metricsPrefix, table, func() *Service { return s })
}

var table = []metrictable.Metric[Service]{
	{
		Name: "requests_total", Kind: metrictable.Counter, Labels: []string{"kind", "outcome"},
		Help: "Connects, events and disconnects for the backend, by what has become of them.",
		Read: func(s *Service, put metrictable.Put) {
			for k := range kinds {
				for o := range outcomes {
					put(float64(s.caller.metrics.requests[k][o].Load()), kinds[k], outcomeNames[o])
				}
			}
		},
	},
	{
		Name: "retries_total", Kind: metrictable.Counter,
		Help: "Requests that were tried again because they had not reached the backend.",
		Read: func(s *Service, put metrictable.Put) { put(float64(s.caller.metrics.retries.Load())) },
	},
	{
		Name: "requests_in_flight", Kind: metrictable.Gauge,
		Help: "Requests to the backend that are under way; BACKEND_CONCURRENCY bounds them.",
		Read: func(s *Service, put metrictable.Put) { put(float64(len(s.caller.slots.taken))) },
	},
	{
		Name: "requests_waiting", Kind: metrictable.Gauge,
		Help: "Connects and events that wait until fewer requests are under way; BACKEND_WAITING bounds them.",
		Read: func(s *Service, put metrictable.Put) { put(float64(s.caller.slots.waiting.Load())) },
	},
	{
		Name: "disconnects_waiting", Kind: metrictable.Gauge,
		Help: "Disconnects that the backend has not heard of yet.",
		Read: func(s *Service, put metrictable.Put) { put(float64(s.ends.waiting())) },
	},
	{
		Name: "circuit", Kind: metrictable.Gauge,
		Help: "0 requests go to the backend, 1 one tries whether it is back, 2 none do, as it is away.",
		Read: func(s *Service, put metrictable.Put) { put(float64(s.caller.breaker.current())) },
	},
}
