package gateway

// The histograms: the metrics that are told of each value as it happens.

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// other is the label of what has no name of its own. Clients choose the names of events and of dynamic namespaces: they
// would make as many series as they like.
const other = "other"

// histograms are the metrics that are told of each value.
type histograms struct {
	durations *prometheus.HistogramVec
	receivers prometheus.Histogram
	roundTrip prometheus.Histogram

	// Those of durations, found without hashing labels. They are set before the first client comes.
	main       *eventDurations            // for the namespace /, where most events are
	namespaces map[string]*eventDurations // those that the service has made
	elsewhere  func() *eventDurations     // for all other namespaces together
}

// eventDurations are the observers of one namespace's events.
type eventDurations struct {
	named map[string]prometheus.Observer
	other prometheus.Observer
}

func newHistograms() *histograms {
	return &histograms{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "gateway_event_duration_seconds",
			Help:    "Time that the handlers of an event took, what it was answered with queued for all who get it.",
			Buckets: []float64{25e-6, 100e-6, 250e-6, 1e-3, 2.5e-3, 10e-3, 25e-3, 0.1, 0.25, 1, 2.5},
		}, []string{"namespace", "event"}),
		receivers: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "gateway_broadcast_recipients",
			Help:    "Sockets of this node that a broadcast was for, from a client of this node or another.",
			Buckets: []float64{0, 1, 10, 30, 100, 300, 1000, 3000, 10000, 30000},
		}),
		roundTrip: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gateway_adapter_roundtrip_seconds",
			Help: "Lag between nodes: what a message to Redis took to come back to this node.",
			Buckets: []float64{
				250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
			},
		}),
		namespaces: make(map[string]*eventDurations),
	}
}

// name gives the events that these namespaces have handlers for labels of their own, and the further ones in all
// namespaces.
func (h *histograms) name(namespaces []*socketio.Namespace, further []string) {
	for _, ns := range namespaces {
		h.namespaces[ns.Name()] = h.durationsIn(ns.Name(), append(ns.EventNames(), further...))
	}
	h.main = h.namespaces["/"]
	h.elsewhere = sync.OnceValue(func() *eventDurations { return h.durationsIn(other, further) })
}

func (h *histograms) durationsIn(namespace string, events []string) *eventDurations {
	d := &eventDurations{
		named: make(map[string]prometheus.Observer, len(events)),
		other: h.durations.WithLabelValues(namespace, other),
	}
	for _, event := range events {
		d.named[event] = h.durations.WithLabelValues(namespace, event)
	}
	return d
}

// event is told how long an event's handlers took.
func (h *histograms) event(ns *socketio.Namespace, event string, took time.Duration) {
	durations := h.main
	if name := ns.Name(); name != "/" {
		if durations = h.namespaces[name]; durations == nil {
			durations = h.elsewhere()
		}
	}
	o, found := durations.named[event]
	if !found {
		o = durations.other
	}
	o.Observe(took.Seconds())
}

// broadcast is told how many sockets a broadcast was for.
func (h *histograms) broadcast(_ *socketio.Namespace, recipients int) {
	h.receivers.Observe(float64(recipients))
}

// lag is told what a message to Redis took to come back.
func (h *histograms) lag(took time.Duration) { h.roundTrip.Observe(took.Seconds()) }

// merged returns the counts of sockets with all namespaces together that have no name of their own.
func (h *histograms) merged(sockets map[string]socketio.SocketCount) map[string]socketio.SocketCount {
	all := make(map[string]socketio.SocketCount, len(h.namespaces)+1)
	for namespace, n := range sockets {
		if h.namespaces[namespace] == nil {
			namespace = other
		}
		sum := all[namespace]
		sum.Polling += n.Polling
		sum.WebSocket += n.WebSocket
		all[namespace] = sum
	}
	return all
}
