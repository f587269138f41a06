package socketiometrics

// The metrics that are read from the server's own counts.

import (
	"strconv"
	"sync/atomic"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// refusals counts requests that Engine.IO has refused, by engineio.ErrorCode.
type refusals [engineio.UnsupportedProtocolVersion + 1]atomic.Int64

// A reading is what the metrics of one scrape are made from.
type reading struct {
	io      socketio.Stats
	refused *refusals
}

var table = []metrictable.Metric[reading]{
	{
		Name: "sockets", Kind: metrictable.Gauge, Labels: []string{"namespace", "transport"},
		Help: "Connected Socket.IO sockets, by the transport that they use now.",
		Read: func(r *reading, put metrictable.Put) {
			for namespace, n := range r.io.Sockets {
				put(float64(n.Polling), namespace, "polling")
				put(float64(n.WebSocket), namespace, "websocket")
			}
		},
	},
	{
		Name: "sessions", Kind: metrictable.Gauge, Labels: []string{"transport"},
		Help: "Open Engine.IO sessions, by the transport that they use now.",
		Read: func(r *reading, put metrictable.Put) {
			put(float64(r.io.Engine.Polling), "polling")
			put(float64(r.io.Engine.WebSocket), "websocket")
		},
	},
	{
		Name: "messages_received_total", Kind: metrictable.Counter,
		Help: "Messages from clients; no heartbeats.",
		Read: func(r *reading, put metrictable.Put) { put(float64(r.io.Engine.MessagesReceived)) },
	},
	{
		Name: "messages_sent_total", Kind: metrictable.Counter,
		Help: "Messages written to clients, to each of them; no heartbeats.",
		Read: func(r *reading, put metrictable.Put) { put(float64(r.io.Engine.MessagesSent)) },
	},
	{
		Name: "received_bytes_total", Kind: metrictable.Counter,
		Help: "Bytes from clients on WebSocket connections and in bodies of polling requests.",
		Read: func(r *reading, put metrictable.Put) { put(float64(r.io.Engine.BytesReceived)) },
	},
	{
		Name: "sent_bytes_total", Kind: metrictable.Counter,
		Help: "Bytes written to clients on WebSocket connections and in bodies of polling answers.",
		Read: func(r *reading, put metrictable.Put) { put(float64(r.io.Engine.BytesSent)) },
	},
	{
		Name: "outbound_queue_bytes", Kind: metrictable.Gauge,
		Help: "What waits for clients, all together, as MaxQueueBytes counts it.",
		Read: func(r *reading, put metrictable.Put) { put(float64(r.io.Engine.QueuedBytes)) },
	},
	{
		Name: "slow_clients_total", Kind: metrictable.Counter, Labels: []string{"cause"},
		Help: "Clients closed because they did not read: more than MaxQueueBytes waited for one (queue), it took " +
			"nothing for WriteTimeout (stalled), or more than MaxTotalQueueBytes waited for all, and much of it for " +
			"this one (total).",
		Read: func(r *reading, put metrictable.Put) {
			e := &r.io.Engine
			put(float64(e.SlowClients-e.StalledClients-e.ShedClients), "queue")
			put(float64(e.StalledClients), "stalled")
			put(float64(e.ShedClients), "total")
		},
	},
	{
		Name: "throttled_total", Kind: metrictable.Counter,
		Help: "How often a client that sent more than MessageRate or ByteRate was made to wait.",
		Read: func(r *reading, put metrictable.Put) { put(float64(r.io.Engine.Throttled)) },
	},
	{
		Name: "connections", Kind: metrictable.Gauge,
		Help: "Open TCP connections on the main port, as MaxConnections counts them.",
		Read: func(r *reading, put metrictable.Put) { put(float64(r.io.Engine.Connections)) },
	},
	{
		Name: "refused_total", Kind: metrictable.Counter, Labels: []string{"limit"},
		Help: "Connections and handshakes that were not let in, by the limit that they were past; memory is " +
			"GOMEMLIMIT.",
		Read: func(r *reading, put metrictable.Put) {
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
		Name: "nethttp_connections_total", Kind: metrictable.Counter, Labels: []string{"reason"},
		Help: "Connections that the fast listener has left to net/http, by what about a request was not for it.",
		Read: func(r *reading, put metrictable.Put) {
			handed := r.io.Engine.HandedOn
			put(float64(handed.TLS), "tls")
			put(float64(handed.Silent), "silent")
			put(float64(handed.Path), "path")
			put(float64(handed.Method), "method")
			put(float64(handed.Excepted), "excepted")
			put(float64(handed.Form), "form")
			put(float64(handed.Fault), "fault")
			put(float64(handed.Listener), "listener")
		},
	},
	{
		Name: "upgrades_total", Kind: metrictable.Counter,
		Help: "Sessions that have gone from polling to WebSocket.",
		Read: func(r *reading, put metrictable.Put) { put(float64(r.io.Engine.Upgrades)) },
	},
	{
		Name: "disconnects_total", Kind: metrictable.Counter, Labels: []string{"reason"},
		Help: "Socket.IO sockets that have been disconnected, by Socket.IO's reasons.",
		Read: func(r *reading, put metrictable.Put) {
			for reason, n := range r.io.Disconnects {
				put(float64(n), string(reason))
			}
		},
	},
	{
		Name: "client_limits_total", Kind: metrictable.Counter, Labels: []string{"limit"},
		Help: "Clients that were refused a namespace or disconnected at a bound: too many namespaces, too much auth, " +
			"a packet whose attachments do not come (packet time) or are too many, one that is nested too deeply.",
		Read: func(r *reading, put metrictable.Put) {
			for limit, n := range r.io.Limits {
				put(float64(n), string(limit))
			}
		},
	},
	{
		Name: "invalid_events_total", Kind: metrictable.Counter,
		Help: "Events that a handler has refused because of their arguments.",
		Read: func(r *reading, put metrictable.Put) { put(float64(r.io.InvalidEvents)) },
	},
	{
		Name: "recovery_bytes", Kind: metrictable.Gauge,
		Help: "What is kept in memory for clients that come back, of at most ConnectionStateRecovery.MaxBytes.",
		Read: func(r *reading, put metrictable.Put) { put(float64(r.io.RecoveryBytes)) },
	},
	{
		Name: "recovery_dropped_total", Kind: metrictable.Counter,
		Help: "Sessions and messages that this bound has pushed out before their time.",
		Read: func(r *reading, put metrictable.Put) { put(float64(r.io.RecoveryDropped)) },
	},
	{
		Name: "handshake_errors_total", Kind: metrictable.Counter, Labels: []string{"code"},
		Help: "Requests refused by Engine.IO, by its error codes; 1 is an unknown session, 4 a node that stops, " +
			"a limit, or a page of an origin that is not allowed.",
		Read: func(r *reading, put metrictable.Put) {
			for code := range r.refused {
				put(float64(r.refused[code].Load()), strconv.Itoa(code))
			}
		},
	},
}
