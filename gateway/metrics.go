package gateway

// The metrics for Prometheus that are read from the libraries' own counts when somebody asks. Each is declared once, in
// the tables of this file. What needs each single value is in metrics_events.go.

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/gateway/forward"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// refusals counts requests that Engine.IO has refused, by engineio.ErrorCode.
type refusals [engineio.UnsupportedProtocolVersion + 1]atomic.Int64

// A reading is what all metrics of one scrape are made from.
type reading struct {
	io       socketio.Stats
	redis    adapter.Stats
	forward  forward.Stats
	refused  *refusals
	stage    float64
	version  string
	commit   string
	hostname string
}

// A metric is one that is read when somebody asks.
type metric struct {
	name   string
	kind   prometheus.ValueType
	labels []string
	help   string
	read   func(r *reading, put putFunc)
}

// putFunc takes a value, and those of the metric's labels.
type putFunc func(value float64, labels ...string)

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// nodeMetrics are those of every node.
var nodeMetrics = []metric{
	{
		"gateway_build_info", gauge, []string{"version", "commit", "goversion", "hostname"},
		"1, with what this node runs and on which host.",
		func(r *reading, put putFunc) { put(1, r.version, r.commit, runtime.Version(), r.hostname) },
	},
	{
		"gateway_drain_stage", gauge, nil,
		"How far a stop has come: 0 serving, 1 waiting for balancers to notice, 2 letting clients go, " +
			"3 closing what is left.",
		func(r *reading, put putFunc) { put(r.stage) },
	},
	{
		"gateway_sockets", gauge, []string{"namespace", "transport"},
		"Connected Socket.IO sockets, by the transport that they use now.",
		func(r *reading, put putFunc) {
			for namespace, n := range r.io.Sockets {
				put(float64(n.Polling), namespace, "polling")
				put(float64(n.WebSocket), namespace, "websocket")
			}
		},
	},
	{
		"gateway_sessions", gauge, []string{"transport"},
		"Open Engine.IO sessions, by the transport that they use now.",
		func(r *reading, put putFunc) {
			put(float64(r.io.Engine.Polling), "polling")
			put(float64(r.io.Engine.WebSocket), "websocket")
		},
	},
	{
		"gateway_messages_received_total", counter, nil,
		"Messages from clients; no heartbeats.",
		func(r *reading, put putFunc) { put(float64(r.io.Engine.MessagesReceived)) },
	},
	{
		"gateway_messages_sent_total", counter, nil,
		"Messages written to clients, to each of them; no heartbeats.",
		func(r *reading, put putFunc) { put(float64(r.io.Engine.MessagesSent)) },
	},
	{
		"gateway_received_bytes_total", counter, nil,
		"Bytes from clients on WebSocket connections and in bodies of polling requests.",
		func(r *reading, put putFunc) { put(float64(r.io.Engine.BytesReceived)) },
	},
	{
		"gateway_sent_bytes_total", counter, nil,
		"Bytes written to clients on WebSocket connections and in bodies of polling answers.",
		func(r *reading, put putFunc) { put(float64(r.io.Engine.BytesSent)) },
	},
	{
		"gateway_outbound_queue_bytes", gauge, nil,
		"What waits for clients, all together, as MAX_QUEUE counts it.",
		func(r *reading, put putFunc) { put(float64(r.io.Engine.QueuedBytes)) },
	},
	{
		"gateway_slow_clients_total", counter, []string{"cause"},
		"Clients closed because they did not read: more than MAX_QUEUE waited for one (queue), it took nothing for " +
			"WRITE_TIMEOUT (stalled), or more than MAX_TOTAL_QUEUE waited for all, and much of it for this one " +
			"(total).",
		func(r *reading, put putFunc) {
			e := &r.io.Engine
			put(float64(e.SlowClients-e.StalledClients-e.ShedClients), "queue")
			put(float64(e.StalledClients), "stalled")
			put(float64(e.ShedClients), "total")
		},
	},
	{
		"gateway_throttled_total", counter, nil,
		"How often a client that sent more than MESSAGE_RATE or BYTE_RATE was made to wait.",
		func(r *reading, put putFunc) { put(float64(r.io.Engine.Throttled)) },
	},
	{
		"gateway_connections", gauge, nil,
		"Open TCP connections on the main port, as MAX_CONNECTIONS counts them.",
		func(r *reading, put putFunc) { put(float64(r.io.Engine.Connections)) },
	},
	{
		"gateway_refused_total", counter, []string{"limit"},
		"Connections and handshakes that were not let in, by the limit that they were past; memory is GOMEMLIMIT.",
		func(r *reading, put putFunc) {
			refused := r.io.Engine.Refused
			put(float64(refused.Connections), "connections")
			put(float64(refused.ConnectionsOfAddress), "connections of the address")
			put(float64(refused.Sessions), "sessions")
			put(float64(refused.SessionsOfAddress), "sessions of the address")
			put(float64(refused.HandshakesOfAddress), "handshakes of the address")
			put(float64(refused.ShortOfMemory), "memory")
			put(float64(refused.HandshakesThatAreLong), "size of the handshake")
		},
	},
	{
		"gateway_upgrades_total", counter, nil,
		"Sessions that have gone from polling to WebSocket.",
		func(r *reading, put putFunc) { put(float64(r.io.Engine.Upgrades)) },
	},
	{
		"gateway_disconnects_total", counter, []string{"reason"},
		"Socket.IO sockets that have been disconnected, by Socket.IO's reasons.",
		func(r *reading, put putFunc) {
			for reason, n := range r.io.Disconnects {
				put(float64(n), string(reason))
			}
		},
	},
	{
		"gateway_client_limits_total", counter, []string{"limit"},
		"Clients that were refused a namespace or disconnected at a bound: too many namespaces, too much auth, a " +
			"packet whose attachments do not come (packet time) or are too many, one that is nested too deeply.",
		func(r *reading, put putFunc) {
			for limit, n := range r.io.Limits {
				put(float64(n), string(limit))
			}
		},
	},
	{
		"gateway_recovery_bytes", gauge, nil,
		"What ADAPTER memory keeps for clients that come back, of at most RECOVERY_MAX.",
		func(r *reading, put putFunc) { put(float64(r.io.RecoveryBytes)) },
	},
	{
		"gateway_recovery_dropped_total", counter, nil,
		"Sessions and messages that RECOVERY_MAX has pushed out before their time.",
		func(r *reading, put putFunc) { put(float64(r.io.RecoveryDropped)) },
	},
	{
		"gateway_handshake_errors_total", counter, []string{"code"},
		"Requests refused by Engine.IO, by its error codes; 1 is an unknown session, 4 a node that stops, a limit, " +
			"or a page of an origin that is not allowed.",
		func(r *reading, put putFunc) {
			for code := range r.refused {
				put(float64(r.refused[code].Load()), strconv.Itoa(code))
			}
		},
	},
}

// redisMetrics are those of a node with a Redis.
var redisMetrics = []metric{
	{
		"gateway_redis_up", gauge, nil,
		"1 while this node is subscribed to what others publish, and can publish, else 0.",
		func(r *reading, put putFunc) { put(oneIf(r.redis.Up)) },
	},
	{
		"gateway_redis_writable", gauge, nil,
		"0 while Redis refuses to store anything (its disk or memory is full, it is a replica), else 1.",
		func(r *reading, put putFunc) { put(oneIf(r.redis.Refusal == "")) },
	},
	{
		"gateway_redis_refusals_total", counter, nil,
		"Commands that Redis has refused to store, each time they were sent.",
		func(r *reading, put putFunc) { put(float64(r.redis.Refusals)) },
	},
	{
		"gateway_adapter_sessions_not_saved_total", counter, nil,
		"Sessions that could not be saved for recovery, as Redis refused it; they are tried again.",
		func(r *reading, put putFunc) { put(float64(r.redis.NotStored)) },
	},
	{
		"gateway_adapter_stream_trims_total", counter, nil,
		"Times that this node cut a stream because the memory of Redis was full.",
		func(r *reading, put putFunc) { put(float64(r.redis.Trims)) },
	},
	{
		"gateway_redis_connect_seconds", gauge, nil,
		"What the last connection to Redis took, until the subscriptions were in place.",
		func(r *reading, put putFunc) {
			if r.redis.Connects > 0 {
				put(r.redis.ConnectTime.Seconds())
			}
		},
	},
	{
		"gateway_redis_reconnects_total", counter, nil,
		"Connections to Redis after the first.",
		func(r *reading, put putFunc) { put(float64(max(r.redis.Connects-1, 0))) },
	},
	{
		"gateway_adapter_published_total", counter, nil,
		"Messages for other nodes that Redis has taken.",
		func(r *reading, put putFunc) { put(float64(r.redis.Published)) },
	},
	{
		"gateway_adapter_received_total", counter, nil,
		"Messages from other nodes, those for rooms without a member here included.",
		func(r *reading, put putFunc) { put(float64(r.redis.Received)) },
	},
	{
		"gateway_adapter_dropped_total", counter, []string{"cause"},
		"Messages between nodes that have been lost; over a lost connection Redis may have taken them all the same.",
		func(r *reading, put putFunc) {
			put(float64(r.redis.Dropped), "outbox full")
			put(float64(r.redis.ReceiveDropped), "inbox full")
			put(float64(r.redis.PublishErrors), "connection lost")
			put(float64(r.redis.Missed), "stream cut")
		},
	},
	{
		"gateway_adapter_malformed_total", counter, nil,
		"Messages from other nodes that made no sense.",
		func(r *reading, put putFunc) { put(float64(r.redis.Malformed)) },
	},
	{
		"gateway_adapter_outbox_messages", gauge, nil,
		"Messages for other nodes that wait for Redis.",
		func(r *reading, put putFunc) { put(float64(r.redis.OutboxMessages)) },
	},
	{
		"gateway_adapter_outbox_bytes", gauge, nil,
		"The same in bytes, of at most 64 MiB.",
		func(r *reading, put putFunc) { put(float64(r.redis.OutboxBytes)) },
	},
}

// forwardMetrics are those of a node that serves the sessions of others.
var forwardMetrics = []metric{
	{
		"gateway_forwarded_requests_total", counter, []string{"result"},
		"Requests for other nodes' sessions: answered by the owner, failed on the way to it, of an unknown owner, or " +
			"too long to be passed on.",
		func(r *reading, put putFunc) {
			put(float64(r.forward.Answered), "answered")
			put(float64(r.forward.Failed), "failed")
			put(float64(r.forward.Unknown), "unknown")
			put(float64(r.forward.TooLong), "too long")
		},
	},
	{
		"gateway_forward_received_total", counter, nil,
		"Requests that other nodes have passed on to this one.",
		func(r *reading, put putFunc) { put(float64(r.forward.Received)) },
	},
	{
		"gateway_forward_tunnels", gauge, nil,
		"WebSocket connections that lead through this node to another.",
		func(r *reading, put putFunc) { put(float64(r.forward.Tunnels)) },
	},
	{
		"gateway_forward_nodes", gauge, nil,
		"Other nodes that this one knows.",
		func(r *reading, put putFunc) { put(float64(r.forward.Nodes)) },
	},
}

// newRegistry returns all metrics of a gateway whose parts have been made, and the service's own. The error is about
// one of those, whose name is taken.
func (g *Gateway) newRegistry(service []prometheus.Collector) (*prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		g.histograms.durations, g.histograms.receivers,
	)
	all := nodeMetrics
	if g.redis != nil {
		registry.MustRegister(g.histograms.roundTrip)
		all = slices.Concat(all, redisMetrics)
	}
	if g.forward != nil {
		all = slices.Concat(all, forwardMetrics)
	}
	count := socketStats{io: g.io}
	registry.MustRegister(newMetricReader(func() *reading { return g.read(count.get()) }, all))
	for _, own := range service {
		if err := registry.Register(own); err != nil {
			return nil, fmt.Errorf("gateway: a metric of the service: %w", err)
		}
	}
	return registry, nil
}

// oneIf is 1 or 0.
func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// A metricReader is a prometheus.Collector of metrics that are read.
type metricReader struct {
	read    func() *reading
	metrics []metric
	descs   []*prometheus.Desc // of each
}

func newMetricReader(read func() *reading, metrics []metric) *metricReader {
	m := &metricReader{read: read, metrics: metrics}
	for _, metric := range metrics {
		m.descs = append(m.descs, prometheus.NewDesc(metric.name, metric.help, metric.labels, nil))
	}
	return m
}

// Describe implements prometheus.Collector.
func (m *metricReader) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range m.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metricReader) Collect(ch chan<- prometheus.Metric) {
	r := m.read()
	for i, metric := range m.metrics {
		metric.read(r, func(value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(m.descs[i], metric.kind, value, labels...)
		})
	}
}

// socketStats keeps Stats for a second. They look at every session, and whoever can reach the port can ask for them.
type socketStats struct {
	io *socketio.Server

	mu   sync.Mutex
	last socketio.Stats
	at   time.Time
}

// socketStatsLife is how old they may become.
const socketStatsLife = time.Second

func (s *socketStats) get() socketio.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() || time.Since(s.at) > socketStatsLife {
		s.last, s.at = s.io.Stats(), time.Now()
	}
	return s.last
}

// read reads what the metrics are made from.
func (g *Gateway) read(io socketio.Stats) *reading {
	io.Sockets = g.histograms.merged(io.Sockets)
	r := &reading{
		io: io, refused: &g.refused, stage: g.stageNumber(),
		version: g.cfg.Release, commit: g.cfg.Commit, hostname: g.hostname,
	}
	if g.redis != nil {
		r.redis = g.redis.Stats()
	}
	if g.forward != nil {
		r.forward = g.forward.Stats()
	}
	return r
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
