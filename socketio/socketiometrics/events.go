package socketiometrics

// The histograms: the metrics that are told of each value as it happens.

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// other is the label of what has no name of its own.
const other = "other"

func newEvents(prefix string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    prefix + "_event_duration_seconds",
		Help:    "Time that the handlers of an event took, what it was answered with queued for all who get it.",
		Buckets: []float64{25e-6, 100e-6, 250e-6, 1e-3, 2.5e-3, 10e-3, 25e-3, 0.1, 0.25, 1, 2.5},
	}, []string{"namespace", "event"})
}

func newReceives(prefix string) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    prefix + "_broadcast_recipients",
		Help:    "Sockets of this node that a broadcast was for, from a client of this node or another.",
		Buckets: []float64{0, 1, 10, 30, 100, 300, 1000, 3000, 10000, 30000},
	})
}

// names are the observers of events, found without hashing labels.
type names struct {
	main       *observers            // for the namespace /, where most events are
	namespaces map[string]*observers // those that have names
	elsewhere  func() *observers     // for all other namespaces together
}

// observers are those of one namespace's events.
type observers struct {
	named map[string]prometheus.Observer
	other prometheus.Observer
}

func newNames(events *prometheus.HistogramVec, namespaces []*socketio.Namespace, further []string) *names {
	in := func(namespace string, named []string) *observers {
		o := &observers{
			named: make(map[string]prometheus.Observer, len(named)),
			other: events.WithLabelValues(namespace, other),
		}
		for _, event := range named {
			o.named[event] = events.WithLabelValues(namespace, event)
		}
		return o
	}
	n := &names{
		namespaces: make(map[string]*observers),
		elsewhere:  sync.OnceValue(func() *observers { return in(other, further) }),
	}
	for _, ns := range namespaces {
		n.namespaces[ns.Name()] = in(ns.Name(), append(ns.EventNames(), further...))
	}
	n.main = n.namespaces["/"]
	return n
}

// event is told how long an event's handlers took.
func (m *Metrics) event(ns *socketio.Namespace, event string, took time.Duration) {
	n := m.names.Load()
	if n == nil {
		return
	}
	o := n.main
	if name := ns.Name(); name != "/" {
		if o = n.namespaces[name]; o == nil {
			o = n.elsewhere()
		}
	}
	observer, found := o.named[event]
	if !found {
		observer = o.other
	}
	observer.Observe(took.Seconds())
}

// merged returns the counts of sockets with all namespaces together that have no name of their own.
func (n *names) merged(sockets map[string]socketio.SocketCount) map[string]socketio.SocketCount {
	all := make(map[string]socketio.SocketCount, len(n.namespaces)+1)
	for namespace, count := range sockets {
		if n.namespaces[namespace] == nil {
			namespace = other
		}
		sum := all[namespace]
		sum.Polling += count.Polling
		sum.WebSocket += count.WebSocket
		all[namespace] = sum
	}
	return all
}
