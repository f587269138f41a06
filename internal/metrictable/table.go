// Package metrictable has Prometheus metrics that are declared in a table, and read from a library's own counts when
// somebody asks.
package metrictable

import "github.com/prometheus/client_golang/prometheus"

// A Metric is one that is read from an R.
type Metric[R any] struct {
	Name   string // without the collector's prefix
	Kind   prometheus.ValueType
	Labels []string
	Help   string
	Read   func(r *R, put Put)
}

// Put takes a value, and those of the metric's labels.
type Put func(value float64, labels ...string)

// The kinds of metrics that are read.
const (
	Counter = prometheus.CounterValue
	Gauge   = prometheus.GaugeValue
)

// A Collector is a prometheus.Collector of a table's metrics.
type Collector[R any] struct {
	read    func() *R
	metrics []Metric[R]
	descs   []*prometheus.Desc // of each
}

// New returns a Collector whose metrics' names begin with prefix and an underscore. There are none while read returns
// nil.
func New[R any](prefix string, metrics []Metric[R], read func() *R) *Collector[R] {
	c := &Collector[R]{read: read, metrics: metrics}
	for _, m := range metrics {
		c.descs = append(c.descs, prometheus.NewDesc(prefix+"_"+m.Name, m.Help, m.Labels, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *Collector[R]) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector[R]) Collect(ch chan<- prometheus.Metric) {
	r := c.read()
	if r == nil {
		return
	}
	for i, m := range c.metrics {
		m.Read(r, func(value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(c.descs[i], m.Kind, value, labels...)
		})
	}
}

// OneIf is 1 or 0.
func OneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
