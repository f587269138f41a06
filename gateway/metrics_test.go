package gateway

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/gateway/forward"
	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

var goVersion = runtime.Version()

// A node alone has all its series from the start, and each moves when its thing happens.
func TestMetricsMove(t *testing.T) {
	n := start(t, "MAX_QUEUE", "5000", "MAX_PAYLOAD", "4000", "LOG_LEVEL", "error")
	first := n.WantSamples(t, gatewaytest.Samples{
		`gateway_sockets{namespace="/",transport="polling"}`:                0,
		`gateway_sockets{namespace="/",transport="websocket"}`:              0,
		`gateway_sessions{transport="polling"}`:                             0,
		`gateway_drain_stage`:                                               0,
		`gateway_slow_clients_total{cause="queue"}`:                         0,
		`gateway_slow_clients_total{cause="stalled"}`:                       0,
		`gateway_slow_clients_total{cause="total"}`:                         0,
		`gateway_handshake_errors_total{code="5"}`:                          0,
		`gateway_disconnects_total{reason="ping timeout"}`:                  0,
		`gateway_event_duration_seconds_count{event="join",namespace="/"}`:  0,
		`gateway_event_duration_seconds_count{event="other",namespace="/"}`: 0,
		`gateway_broadcast_recipients_count`:                                0,
		fmt.Sprintf(`gateway_build_info{commit="abc",goversion="%s",hostname="%s",version="1.2.3"}`, goVersion,
			n.hostname): 1,
	})

	polls, changes := n.Connect(t), n.Connect(t)
	join(t, polls, changes)
	polls.Send(`42["say","oi"]`)
	for _, c := range []*gatewaytest.Client{polls, changes} {
		c.Receive(1)
	}
	got := n.WantSamples(t, gatewaytest.Samples{
		`gateway_sockets{namespace="/",transport="polling"}`:                2,
		`gateway_sessions{transport="polling"}`:                             2,
		`gateway_event_duration_seconds_count{event="join",namespace="/"}`:  2,
		`gateway_event_duration_seconds_count{event="say",namespace="/"}`:   1,
		`gateway_event_duration_seconds_count{event="other",namespace="/"}`: 0,
		`gateway_broadcast_recipients_count`:                                1,
		`gateway_broadcast_recipients_sum`:                                  2,
		`gateway_messages_received_total`:                                   5, // CONNECT and join of each, say
		`gateway_messages_sent_total`:                                       6, // CONNECT, joined and said to each
	})
	for _, series := range []string{
		`gateway_received_bytes_total`, `gateway_sent_bytes_total`, `process_open_fds`, `go_goroutines`,
		`gateway_event_duration_seconds_sum{event="say",namespace="/"}`,
	} {
		if got[series] <= 0 {
			t.Errorf("%s is %v", series, got[series])
		}
	}

	// Another transport; a client that leaves its namespace, one that leaves, and one that does not read.
	w := changes.Upgrade()
	n.WantSamples(t, gatewaytest.Samples{
		`gateway_upgrades_total`:                               1,
		`gateway_sockets{namespace="/",transport="polling"}`:   1,
		`gateway_sockets{namespace="/",transport="websocket"}`: 1,
		`gateway_sessions{transport="websocket"}`:              1,
	})
	w.Send(t, "41")
	n.WantSamples(t, gatewaytest.Samples{`gateway_disconnects_total{reason="client namespace disconnect"}`: 1,
		`gateway_sockets{namespace="/",transport="websocket"}`: 0, `gateway_sessions{transport="websocket"}`: 1})
	w.Close()
	n.Connect(t).Leave()
	n.WantSamples(t, gatewaytest.Samples{`gateway_disconnects_total{reason="transport close"}`: 1,
		`gateway_sessions{transport="websocket"}`: 0})

	slow := n.Connect(t)
	join(t, slow)
	slow.Send(`42["say","` + strings.Repeat("x", 2000) + `"]`)
	polls.Receive(1)
	for deadline := time.Now().Add(gatewaytest.Patience); ; time.Sleep(20 * time.Millisecond) {
		waiting := n.Scrape(t)[`gateway_outbound_queue_bytes`]
		if waiting > 2000 && waiting < 2500 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v bytes wait", waiting)
		}
	}
	for range 2 {
		polls.Send(`42["say","` + strings.Repeat("x", 2000) + `"]`)
		polls.Receive(1)
	}
	n.WantSamples(t, gatewaytest.Samples{`gateway_slow_clients_total{cause="queue"}`: 1,
		`gateway_disconnects_total{reason="slow client"}`: 1, `gateway_outbound_queue_bytes`: 0})

	n.Request(t, "GET", "/socket.io/?EIO=4&transport=polling&sid=nobody", "")
	n.Request(t, "GET", "/socket.io/?EIO=3&transport=polling", "")
	n.WantSamples(t, gatewaytest.Samples{
		`gateway_handshake_errors_total{code="1"}`: 1,
		`gateway_handshake_errors_total{code="5"}`: 1,
		`gateway_handshake_errors_total{code="0"}`: 0,
	})
	if then := n.Scrape(t); !slices.Equal(first.Own(), then.Own()) {
		t.Errorf("series have come or gone: first %q, then %q", first.Own(), then.Own())
	}
	for series := range first {
		if strings.Contains(series, "redis") || strings.Contains(series, "adapter") ||
			strings.Contains(series, "forward") {
			t.Errorf("a node alone has %s", series)
		}
	}
}

// Clients choose the names of events; they make no series of them.
func TestHostileEventNamesMakeNoSeries(t *testing.T) {
	n := start(t, "LOG_LEVEL", "error")
	before := n.Scrape(t)
	c := n.Connect(t)
	packets := make([]string, 500)
	for i := range packets {
		packets[i] = fmt.Sprintf(`42["evil-%d\",code=\"%s\n",%d]`, i, strings.Repeat("y", i), i)
	}
	c.Send(packets...)
	c.Send(`42["join "]`, `42["Join"]`, `42[42]`, `42["other"]`, `42["__proto__"]`)
	after := n.WantSamples(t,
		gatewaytest.Samples{`gateway_event_duration_seconds_count{event="other",namespace="/"}`: 505})
	if !slices.Equal(before.Own(), after.Own()) {
		t.Errorf("series before %q, after %q", before.Own(), after.Own())
	}
}

// Two nodes on one Redis: what they tell each other, what they pass on, and what becomes of that when Redis goes.
func TestMetricsOfACluster(t *testing.T) {
	server := fleet.StartRedis(t)
	settings := []string{"ADAPTER", "pubsub", "REDIS_URL", server.URL(), "LOG_LEVEL", "error"}
	a, b := start(t, settings...), start(t, settings...)
	for _, n := range []*node{a, b} {
		got := n.WantSamples(t, gatewaytest.Samples{
			`gateway_redis_up`: 1, `gateway_redis_reconnects_total`: 0, `gateway_forward_nodes`: 1,
			`gateway_adapter_outbox_messages`:                        0,
			`gateway_adapter_dropped_total{cause="outbox full"}`:     0,
			`gateway_adapter_dropped_total{cause="inbox full"}`:      0,
			`gateway_adapter_dropped_total{cause="connection lost"}`: 0,
			`gateway_adapter_dropped_total{cause="stream cut"}`:      0,
			`gateway_forwarded_requests_total{result="failed"}`:      0,
		})
		if s := got[`gateway_redis_connect_seconds`]; s <= 0 || s > 10 {
			t.Errorf("connecting took %v", s)
		}
	}
	n := a.WantSamples(t, gatewaytest.Samples{`gateway_adapter_roundtrip_seconds_count`: 1})
	if lag := n[`gateway_adapter_roundtrip_seconds_sum`]; lag <= 0 || lag > 10 {
		t.Errorf("the lag is %v", lag)
	}

	// A client of b's that talks to it through a, and one of a's that hears it.
	hears, talks := a.Connect(t), b.Connect(t)
	join(t, hears, talks)
	before := a.Scrape(t)
	talks.URL = strings.Replace(talks.URL, b.Address, a.Address, 1)
	talks.Send(`42["say","oi"]`)
	hears.Receive(1)
	talks.Receive(1)
	a.WantSamples(t, gatewaytest.Samples{
		`gateway_forwarded_requests_total{result="answered"}`: 2, `gateway_forward_tunnels`: 0,
		`gateway_adapter_received_total`:     before[`gateway_adapter_received_total`] + 1,
		`gateway_broadcast_recipients_count`: before[`gateway_broadcast_recipients_count`] + 1,
	})
	b.WantSamples(t, gatewaytest.Samples{`gateway_forward_received_total`: 2,
		`gateway_forwarded_requests_total{result="answered"}`: 0, `gateway_broadcast_recipients_sum`: 1})
	// It is counted when Redis has answered, which may be after its message has come to a.
	published := await.Until(gatewaytest.Patience, func() bool {
		return b.Scrape(t)[`gateway_adapter_published_total`] > 0
	})
	if !published {
		t.Error("b has published nothing")
	}
	w := talks.Upgrade()
	a.WantSamples(t, gatewaytest.Samples{`gateway_forward_tunnels`: 1})
	w.Close()
	a.WantSamples(t, gatewaytest.Samples{`gateway_forward_tunnels`: 0})

	a.Request(t, "GET", "/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "")
	server.Publish("socket.io#/#cage#", "no MessagePack")
	a.WantSamples(t, gatewaytest.Samples{`gateway_adapter_malformed_total`: 1,
		`gateway_handshake_errors_total{code="1"}`: 1})

	server.Kill()
	a.WantSamples(t, gatewaytest.Samples{`gateway_redis_up`: 0, `gateway_redis_reconnects_total`: 0})
	server.Restart()
	a.WantSamples(t, gatewaytest.Samples{`gateway_redis_up`: 1, `gateway_redis_reconnects_total`: 1})
}

// Every count gets to the metric that is meant to have it.
func TestEveryCountHasItsMetric(t *testing.T) {
	refused := new(refusals)
	refused[engineio.Forbidden].Store(20)
	registry := prometheus.NewPedanticRegistry()
	r := &reading{
		io: socketio.Stats{
			Engine: engineio.Stats{
				Polling: 1, WebSocket: 2, QueuedBytes: 3, MessagesReceived: 4, MessagesSent: 5, BytesReceived: 6,
				BytesSent: 7, Upgrades: 8, SlowClients: 9, StalledClients: 3, ShedClients: 2, Throttled: 32,
				Connections: 33,
				Refused: engineio.Refused{
					Connections: 34, ConnectionsOfAddress: 35, Sessions: 36, SessionsOfAddress: 37,
					HandshakesOfAddress: 38, ShortOfMemory: 39, HandshakesThatAreLong: 40,
				},
			},
			Sockets:     map[string]socketio.SocketCount{"/": {Polling: 10, WebSocket: 11}},
			Disconnects: map[socketio.Reason]int64{socketio.ReasonPingTimeout: 12},
			Limits:      map[socketio.Limit]int64{socketio.LimitNamespaces: 32}, RecoveryBytes: 33, RecoveryDropped: 34,
			InvalidEvents: 36,
		},
		redis: adapter.Stats{
			Up: true, ConnectTime: 1500 * time.Millisecond, Connects: 14, ConnectErrors: 15, Published: 16,
			PublishErrors: 17, Dropped: 18, Received: 19, ReceiveDropped: 21, Malformed: 22,
			OutboxBytes: 23, OutboxMessages: 24, Refusal: "OOM", Missed: 32, Refusals: 33, NotStored: 34, Trims: 35,
		},
		forward: forward.Stats{Requests: 25, Answered: 26, Failed: 27, Received: 28, Unknown: 29, TooLong: 290,
			NoFiles: 291,
			Tunnels: 30,
			Nodes:   31},
		refused: refused, stage: 2, version: "v", commit: "c", hostname: "h",
	}
	all := slices.Concat(nodeMetrics, redisMetrics, forwardMetrics)
	if err := registry.Register(newMetricReader(func() *reading { return r }, all)); err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	got := gatewaytest.ParseSamples(t, answer.Body.String())
	want := gatewaytest.Samples{
		`gateway_build_info{commit="c",goversion="` + goVersion + `",hostname="h",version="v"}`: 1,
		`gateway_drain_stage`:                                       2,
		`gateway_sessions{transport="polling"}`:                     1,
		`gateway_sessions{transport="websocket"}`:                   2,
		`gateway_outbound_queue_bytes`:                              3,
		`gateway_messages_received_total`:                           4,
		`gateway_messages_sent_total`:                               5,
		`gateway_received_bytes_total`:                              6,
		`gateway_sent_bytes_total`:                                  7,
		`gateway_upgrades_total`:                                    8,
		`gateway_throttled_total`:                                   32,
		`gateway_connections`:                                       33,
		`gateway_refused_total{limit="connections"}`:                34,
		`gateway_refused_total{limit="connections of the address"}`: 35,
		`gateway_refused_total{limit="sessions"}`:                   36,
		`gateway_refused_total{limit="sessions of the address"}`:    37,
		`gateway_refused_total{limit="handshakes of the address"}`:  38,
		`gateway_refused_total{limit="memory"}`:                     39,
		`gateway_refused_total{limit="size of the handshake"}`:      40,
		`gateway_sockets{namespace="/",transport="polling"}`:        10,
		`gateway_sockets{namespace="/",transport="websocket"}`:      11,
		`gateway_disconnects_total{reason="ping timeout"}`:          12,
		`gateway_handshake_errors_total{code="0"}`:                  0,
		`gateway_handshake_errors_total{code="1"}`:                  0,
		`gateway_handshake_errors_total{code="2"}`:                  0,
		`gateway_handshake_errors_total{code="3"}`:                  0,
		`gateway_handshake_errors_total{code="4"}`:                  20,
		`gateway_handshake_errors_total{code="5"}`:                  0,
		`gateway_redis_up`:                                          1,
		`gateway_redis_connect_seconds`:                             1.5,
		`gateway_redis_reconnects_total`:                            13,
		`gateway_adapter_published_total`:                           16,
		`gateway_adapter_received_total`:                            19,
		`gateway_adapter_malformed_total`:                           22,
		`gateway_adapter_dropped_total{cause="outbox full"}`:        18,
		`gateway_adapter_dropped_total{cause="inbox full"}`:         21,
		`gateway_adapter_dropped_total{cause="connection lost"}`:    17,
		`gateway_adapter_outbox_bytes`:                              23,
		`gateway_adapter_outbox_messages`:                           24,
		`gateway_forwarded_requests_total{result="answered"}`:       26,
		`gateway_forwarded_requests_total{result="failed"}`:         27,
		`gateway_forwarded_requests_total{result="unknown"}`:        29,
		`gateway_forward_received_total`:                            28,
		`gateway_forward_tunnels`:                                   30,
		`gateway_forward_nodes`:                                     31,
		`gateway_client_limits_total{limit="namespaces"}`:           32,
		`gateway_invalid_events_total`:                              36,
		`gateway_recovery_bytes`:                                    33,
		`gateway_recovery_dropped_total`:                            34,
		`gateway_forwarded_requests_total{result="too long"}`:       290,
		`gateway_forwarded_requests_total{result="no descriptors"}`: 291,
		`gateway_slow_clients_total{cause="queue"}`:                 4,
		`gateway_slow_clients_total{cause="stalled"}`:               3,
		`gateway_slow_clients_total{cause="total"}`:                 2,
		`gateway_adapter_dropped_total{cause="stream cut"}`:         32,
		`gateway_redis_writable`:                                    0,
		`gateway_redis_refusals_total`:                              33,
		`gateway_adapter_sessions_not_saved_total`:                  34,
		`gateway_adapter_stream_trims_total`:                        35,
	}
	for series, value := range want {
		if got[series] != value {
			t.Errorf("%s is %v, want %v", series, got[series], value)
		}
	}
	if !slices.Equal(got.Own(), want.Own()) {
		t.Errorf("got  %q\nwant %q", got.Own(), want.Own())
	}
}

// What this program declares keeps to Prometheus's conventions, and to the contract with the dashboards.
func TestMetricsPassPromlint(t *testing.T) {
	server := fleet.StartRedis(t)
	n := start(t, "ADAPTER", "pubsub", "REDIS_URL", server.URL(), "LOG_LEVEL", "error")
	n.WantSamples(t, gatewaytest.Samples{`gateway_redis_up`: 1})
	_, body := n.Request(t, "GET", "/metrics", "")
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	declared := regexp.MustCompile(`(?m)^# HELP (gateway_\w+) \S`).FindAllStringSubmatch(body, -1)
	if want := len(nodeMetrics) + len(redisMetrics) + len(forwardMetrics) + 3; len(declared) != want {
		t.Errorf("%d metrics with a help text, %d declared", len(declared), want)
	}
}
