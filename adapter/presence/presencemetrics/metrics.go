// Package presencemetrics has the Prometheus metrics of a server's presence.
//
//	p := presence.New(io.Of("/"), store, presence.Options{})
//	prometheus.MustRegister(presencemetrics.New(p, presencemetrics.Options{}))
package presencemetrics

import (
	"cmp"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
)

// Options configure the metrics. The zero value is usable.
type Options struct {
	// Prefix begins the metrics' names (Prometheus: namespace). Default "socketio", as in socketio_presence_up.
	Prefix string
}

// New returns the metrics of p.
func New(p *presence.Presence, o Options) prometheus.Collector {
	return metrictable.New(cmp.Or(o.Prefix, "socketio"), table, func() *presence.Stats {
		stats := p.Stats()
		return &stats
	})
}

// gauge and counter declare metrics of one value.
func gauge(name, help string, value func(s *presence.Stats) float64) metrictable.Metric[presence.Stats] {
	return metric(name, metrictable.Gauge, help, value)
}

func counter(name, help string, value func(s *presence.Stats) int64) metrictable.Metric[presence.Stats] {
	return metric(name, metrictable.Counter, help, func(s *presence.Stats) float64 { return float64(value(s)) })
}

func metric(
	name string, kind prometheus.ValueType, help string, value func(s *presence.Stats) float64,
) metrictable.Metric[presence.Stats] {
	return metrictable.Metric[presence.Stats]{
		Name: name, Kind: kind, Help: help,
		Read: func(s *presence.Stats, put metrictable.Put) { put(value(s)) },
	}
}

var table = []metrictable.Metric[presence.Stats]{
	gauge("presence_up", "1 while this node can tell the others who is online here, else 0.",
		func(s *presence.Stats) float64 { return metrictable.OneIf(s.Up) }),
	gauge("presence_settling", "1 while the nodes put back what Redis has lost, and nobody comes or goes, else 0.",
		func(s *presence.Stats) float64 { return metrictable.OneIf(s.Settling) }),
	{
		Name: "presence_users", Kind: metrictable.Gauge,
		Help: "Users online on all nodes together, as this node has heard; the same on all nodes.",
		Read: func(s *presence.Stats, put metrictable.Put) {
			if s.Up { // else it is not known
				put(float64(s.Users))
			}
		},
	},
	gauge("presence_nodes", "Nodes that take part, this one among them, and those that are being cleared up behind.",
		func(s *presence.Stats) float64 { return float64(s.Nodes) }),
	gauge("presence_own_users", "Users with a socket on this node, or who had one a moment ago.",
		func(s *presence.Stats) float64 { return float64(s.Own) }),
	gauge("presence_sockets", "Sockets of this node that have a user.",
		func(s *presence.Stats) float64 { return float64(s.Sockets) }),
	gauge("presence_records", "What this node keeps in Redis: its users, and each once more for each tracked room.",
		func(s *presence.Stats) float64 { return float64(s.Records) }),
	gauge("presence_waiting", "Changes of this node that wait for Redis.",
		func(s *presence.Stats) float64 { return float64(s.Waiting) }),
	gauge("presence_unread", "Changes that this node has yet to be told of, where it wants to be.",
		func(s *presence.Stats) float64 { return float64(s.Unread) }),
	gauge("presence_lag_seconds", "How long the oldest of the changes waited that Redis has taken last.",
		func(s *presence.Stats) float64 { return s.Lag.Seconds() }),
	counter("presence_written_total", "Changes of this node that Redis has taken.",
		func(s *presence.Stats) int64 { return s.Written }),
	{
		Name: "presence_changes_total", Kind: metrictable.Counter, Labels: []string{"kind"},
		Help: "Changes of all nodes that this node was told of, where it wants to be.",
		Read: func(s *presence.Stats, put metrictable.Put) {
			put(float64(s.Came), "online")
			put(float64(s.Went), "offline")
			put(float64(s.Joined), "join")
			put(float64(s.Left), "leave")
		},
	},
	counter("presence_missed_total", "Of these, those that were found by comparing, as the log was not there.",
		func(s *presence.Stats) int64 { return s.Missed }),
	counter("presence_comparisons_total", "Times that this node has compared what it knows with Redis.",
		func(s *presence.Stats) int64 { return s.Compared }),
	counter("presence_failures_total", "Attempts at Redis that failed.",
		func(s *presence.Stats) int64 { return s.Failures }),
	counter("presence_cleared_nodes_total", "Nodes that have died, or left, and that this node has cleared up behind.",
		func(s *presence.Stats) int64 { return s.Cleared }),
	counter("presence_leases_lost_total", "Times that this node was silent for so long that its users counted as gone.",
		func(s *presence.Stats) int64 { return s.Outlawed }),
	counter("presence_restored_total", "Times that Redis had lost records, and this node has put its own back.",
		func(s *presence.Stats) int64 { return s.Restored }),
	counter("presence_rooms_refused_total", "Rooms of sockets that are not tracked: too many, or too long a name.",
		func(s *presence.Stats) int64 { return s.Refused }),
}
