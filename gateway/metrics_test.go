package gateway

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/gateway/forward"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

var goVersion = runtime.Version()

// samples are a scrape's values by series, as the text format has them: name{label="value"}.
type samples map[string]float64

func parseSamples(t *testing.T, text string) samples {
	t.Helper()
	all := make(samples)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if _, twice := all[line[:max(at, 0)]]; err != nil || twice {
			t.Fatalf("%q: %v, there already: %v", line, err, twice)
		}
		all[line[:at]] = value
	}
	return all
}

// own are the series that are not the Go runtime's and the process's.
func (s samples) own() []string {
	var names []string
	for name := range s {
		if strings.HasPrefix(name, "gateway_") {
			names = append(names, name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

// scrape asks /metrics.
func (n *node) scrape(t *testing.T) samples {
	t.Helper()
	response, body := n.request(t, "GET", "/metrics", "")
	if response.StatusCode != 200 || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%d %v %s", response.StatusCode, response.Header, body)
	}
	return parseSamples(t, body)
}

// wantSamples waits until a scrape has these values; some of them may be a second old.
func (n *node) wantSamples(t *testing.T, want samples) samples {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		got, wrong := n.scrape(t), []string(nil)
		for series, value := range want {
			if v, found := got[series]; !found || v != value {
				wrong = append(wrong, fmt.Sprintf("%s is %v (there: %v), want %v", series, v, found, value))
			}
		}
		if len(wrong) == 0 {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatal(strings.Join(wrong, "\n"))
		}
	}
}

// What an operator may ask of a node alone is there from the start, and moves when its thing happens.
func TestMetricsMove(t *testing.T) {
	n := start(t, "MAX_QUEUE", "5000", "MAX_PAYLOAD", "4000", "LOG_LEVEL", "error")
	first := n.wantSamples(t, samples{
		`gateway_sockets{namespace="/",transport="polling"}`:                    0,
		`gateway_sockets{namespace="/",transport="websocket"}`:                  0,
		`gateway_sessions{transport="polling"}`:                                 0,
		`gateway_drain_stage`:                                                   0,
		`gateway_slow_clients_total`:                                            0,
		`gateway_handshake_errors_total{code="5"}`:                              0,
		`gateway_disconnects_total{reason="ping timeout"}`:                      0,
		`gateway_event_duration_seconds_count{event="registrar",namespace="/"}`: 0,
		`gateway_event_duration_seconds_count{event="other",namespace="/"}`:     0,
		`gateway_broadcast_recipients_count`:                                    0,
		fmt.Sprintf(`gateway_build_info{commit="abc",goversion="%s",hostname="%s",version="1.2.3"}`, goVersion, n.hostname): 1,
	})

	polls, changes := connect(t, n), connect(t, n)
	polls.register()
	changes.register()
	polls.send(`42["messages",{"message":"oi"}]`)
	for _, c := range []*pollingClient{polls, changes} {
		c.receive(1)
	}
	got := n.wantSamples(t, samples{
		`gateway_sockets{namespace="/",transport="polling"}`:                    2,
		`gateway_sessions{transport="polling"}`:                                 2,
		`gateway_event_duration_seconds_count{event="registrar",namespace="/"}`: 2,
		`gateway_event_duration_seconds_count{event="messages",namespace="/"}`:  1,
		`gateway_event_duration_seconds_count{event="other",namespace="/"}`:     0,
		`gateway_broadcast_recipients_count`:                                    1,
		`gateway_broadcast_recipients_sum`:                                      2,
		`gateway_messages_received_total`:                                       5, // CONNECT and registrar of each, messages
		`gateway_messages_sent_total`:                                           6, // CONNECT, registrado and messages to each
	})
	for _, series := range []string{`gateway_received_bytes_total`, `gateway_sent_bytes_total`, `gateway_event_duration_seconds_sum{event="messages",namespace="/"}`, `process_open_fds`, `go_goroutines`} {
		if got[series] <= 0 {
			t.Errorf("%s is %v", series, got[series])
		}
	}

	// Another transport; a client that leaves its namespace, one that leaves, and one that does not read.
	w := changes.upgrade(changes.url)
	n.wantSamples(t, samples{
		`gateway_upgrades_total`:                               1,
		`gateway_sockets{namespace="/",transport="polling"}`:   1,
		`gateway_sockets{namespace="/",transport="websocket"}`: 1,
		`gateway_sessions{transport="websocket"}`:              1,
	})
	w.write(t, "41")
	n.wantSamples(t, samples{`gateway_disconnects_total{reason="client namespace disconnect"}`: 1, `gateway_sockets{namespace="/",transport="websocket"}`: 0, `gateway_sessions{transport="websocket"}`: 1})
	w.Close()
	connect(t, n).leave()
	n.wantSamples(t, samples{`gateway_disconnects_total{reason="transport close"}`: 1, `gateway_sessions{transport="websocket"}`: 0})

	slow := connect(t, n)
	slow.register()
	slow.send(`42["messages",{"message":"` + strings.Repeat("x", 2000) + `"}]`)
	polls.receive(1)
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		waiting := n.scrape(t)[`gateway_outbound_queue_bytes`]
		if waiting > 2000 && waiting < 2500 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v bytes wait", waiting)
		}
	}
	for range 2 {
		polls.send(`42["messages",{"message":"` + strings.Repeat("x", 2000) + `"}]`)
		polls.receive(1)
	}
	n.wantSamples(t, samples{`gateway_slow_clients_total`: 1, `gateway_disconnects_total{reason="slow client"}`: 1, `gateway_outbound_queue_bytes`: 0})

	n.request(t, "GET", "/socket.io/?EIO=4&transport=polling&sid=nobody", "")
	n.request(t, "GET", "/socket.io/?EIO=3&transport=polling", "")
	n.wantSamples(t, samples{
		`gateway_handshake_errors_total{code="1"}`: 1,
		`gateway_handshake_errors_total{code="5"}`: 1,
		`gateway_handshake_errors_total{code="0"}`: 0,
	})
	if then := n.scrape(t); !slices.Equal(first.own(), then.own()) {
		t.Errorf("series have come or gone: first %q, then %q", first.own(), then.own())
	}
	for series := range first {
		if strings.Contains(series, "redis") || strings.Contains(series, "adapter") || strings.Contains(series, "forward") {
			t.Errorf("a node alone has %s", series)
		}
	}
}

// Clients choose the names of events; they make no series of them.
func TestHostileEventNamesMakeNoSeries(t *testing.T) {
	n := start(t, "LOG_LEVEL", "error")
	before := n.scrape(t)
	c := connect(t, n)
	packets := make([]string, 500)
	for i := range packets {
		packets[i] = fmt.Sprintf(`42["evil-%d\",code=\"%s\n",%d]`, i, strings.Repeat("y", i), i)
	}
	c.send(packets...)
	c.send(`42["registrar "]`, `42["Registrar"]`, `42[42]`, `42["other"]`, `42["__proto__"]`)
	after := n.wantSamples(t, samples{`gateway_event_duration_seconds_count{event="other",namespace="/"}`: 505})
	if !slices.Equal(before.own(), after.own()) {
		t.Errorf("series before %q, after %q", before.own(), after.own())
	}
}

// Two nodes on one Redis: what they tell each other, what they pass on, and what becomes of that when Redis goes.
func TestMetricsOfACluster(t *testing.T) {
	server := fleet.StartRedis(t)
	settings := []string{"ADAPTER", "pubsub", "REDIS_URL", server.URL(), "LOG_LEVEL", "error"}
	a, b := start(t, settings...), start(t, settings...)
	for _, n := range []*node{a, b} {
		got := n.wantSamples(t, samples{
			`gateway_redis_up`: 1, `gateway_redis_reconnects_total`: 0, `gateway_forward_nodes`: 1, `gateway_adapter_outbox_messages`: 0,
			`gateway_adapter_dropped_total{cause="outbox full"}`: 0, `gateway_adapter_dropped_total{cause="inbox full"}`: 0,
			`gateway_adapter_dropped_total{cause="connection lost"}`: 0, `gateway_forwarded_requests_total{result="failed"}`: 0,
		})
		if s := got[`gateway_redis_connect_seconds`]; s <= 0 || s > 10 {
			t.Errorf("connecting took %v", s)
		}
	}
	n := a.wantSamples(t, samples{`gateway_adapter_roundtrip_seconds_count`: 1})
	if lag := n[`gateway_adapter_roundtrip_seconds_sum`]; lag <= 0 || lag > 10 {
		t.Errorf("the lag is %v", lag)
	}

	// A client of b's that talks to it through a, and one of a's that hears it.
	hears, talks := connect(t, a), connect(t, b)
	hears.register()
	talks.register()
	before := a.scrape(t)
	talks.url = strings.Replace(talks.url, b.addr, a.addr, 1)
	talks.send(`42["messages",{"message":"oi"}]`)
	hears.receive(1)
	talks.receive(1)
	a.wantSamples(t, samples{
		`gateway_forwarded_requests_total{result="answered"}`: 2, `gateway_forward_tunnels`: 0,
		`gateway_adapter_received_total`:     before[`gateway_adapter_received_total`] + 1,
		`gateway_broadcast_recipients_count`: before[`gateway_broadcast_recipients_count`] + 1,
	})
	b.wantSamples(t, samples{`gateway_forward_received_total`: 2, `gateway_forwarded_requests_total{result="answered"}`: 0, `gateway_broadcast_recipients_sum`: 1})
	if b.scrape(t)[`gateway_adapter_published_total`] == 0 {
		t.Error("b has published nothing")
	}
	w := talks.upgrade(talks.url)
	a.wantSamples(t, samples{`gateway_forward_tunnels`: 1})
	w.Close()
	a.wantSamples(t, samples{`gateway_forward_tunnels`: 0})

	a.request(t, "GET", "/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "")
	server.Publish("socket.io#/#roomChatTest#", "no MessagePack")
	a.wantSamples(t, samples{`gateway_adapter_malformed_total`: 1, `gateway_handshake_errors_total{code="1"}`: 1})

	server.Kill()
	a.wantSamples(t, samples{`gateway_redis_up`: 0, `gateway_redis_reconnects_total`: 0})
	server.Restart()
	a.wantSamples(t, samples{`gateway_redis_up`: 1, `gateway_redis_reconnects_total`: 1})
}

// Every count gets to the metric that is meant to have it.
func TestEveryCountHasItsMetric(t *testing.T) {
	refused := new(refusals)
	refused[engineio.Forbidden].Store(20)
	registry := prometheus.NewPedanticRegistry()
	r := &reading{
		io: socketio.Stats{
			Engine: engineio.Stats{
				Polling: 1, WebSocket: 2, QueuedBytes: 3, MessagesReceived: 4, MessagesSent: 5, BytesReceived: 6, BytesSent: 7,
				Upgrades: 8, SlowClients: 9,
			},
			Sockets:     map[string]socketio.SocketCount{"/": {Polling: 10, WebSocket: 11}},
			Disconnects: map[socketio.Reason]int64{socketio.ReasonPingTimeout: 12},
		},
		redis: adapter.Stats{
			Up: true, ConnectTime: 1500 * time.Millisecond, Connects: 14, ConnectErrors: 15, Published: 16, PublishErrors: 17,
			Dropped: 18, Received: 19, ReceiveDropped: 21, Malformed: 22, OutboxBytes: 23, OutboxMessages: 24,
		},
		forward: forward.Stats{Requests: 25, Answered: 26, Failed: 27, Received: 28, Unknown: 29, Tunnels: 30, Nodes: 31},
		refused: refused, stage: 2, version: "v", commit: "c", hostname: "h",
	}
	all := slices.Concat(nodeMetrics, redisMetrics, forwardMetrics)
	if err := registry.Register(newMetricReader(func() *reading { return r }, all)); err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	got := parseSamples(t, answer.Body.String())
	want := samples{
		`gateway_build_info{commit="c",goversion="` + goVersion + `",hostname="h",version="v"}`: 1,
		`gateway_drain_stage`:                   2,
		`gateway_sessions{transport="polling"}`: 1, `gateway_sessions{transport="websocket"}`: 2, `gateway_outbound_queue_bytes`: 3,
		`gateway_messages_received_total`: 4, `gateway_messages_sent_total`: 5, `gateway_received_bytes_total`: 6, `gateway_sent_bytes_total`: 7,
		`gateway_upgrades_total`: 8, `gateway_slow_clients_total`: 9,
		`gateway_sockets{namespace="/",transport="polling"}`: 10, `gateway_sockets{namespace="/",transport="websocket"}`: 11,
		`gateway_disconnects_total{reason="ping timeout"}`: 12,
		`gateway_handshake_errors_total{code="0"}`:         0, `gateway_handshake_errors_total{code="1"}`: 0, `gateway_handshake_errors_total{code="2"}`: 0,
		`gateway_handshake_errors_total{code="3"}`: 0, `gateway_handshake_errors_total{code="4"}`: 20, `gateway_handshake_errors_total{code="5"}`: 0,
		`gateway_redis_up`: 1, `gateway_redis_connect_seconds`: 1.5, `gateway_redis_reconnects_total`: 13,
		`gateway_adapter_published_total`: 16, `gateway_adapter_received_total`: 19, `gateway_adapter_malformed_total`: 22,
		`gateway_adapter_dropped_total{cause="outbox full"}`: 18, `gateway_adapter_dropped_total{cause="inbox full"}`: 21,
		`gateway_adapter_dropped_total{cause="connection lost"}`: 17,
		`gateway_adapter_outbox_bytes`:                           23, `gateway_adapter_outbox_messages`: 24,
		`gateway_forwarded_requests_total{result="answered"}`: 26, `gateway_forwarded_requests_total{result="failed"}`: 27,
		`gateway_forwarded_requests_total{result="unknown"}`: 29, `gateway_forward_received_total`: 28,
		`gateway_forward_tunnels`: 30, `gateway_forward_nodes`: 31,
	}
	for series, value := range want {
		if got[series] != value {
			t.Errorf("%s is %v, want %v", series, got[series], value)
		}
	}
	if !slices.Equal(got.own(), want.own()) {
		t.Errorf("got  %q\nwant %q", got.own(), want.own())
	}
}

// What this program declares keeps to Prometheus's conventions, and to the contract with the dashboards.
func TestMetricsPassPromlint(t *testing.T) {
	server := fleet.StartRedis(t)
	n := start(t, "ADAPTER", "pubsub", "REDIS_URL", server.URL(), "LOG_LEVEL", "error")
	n.wantSamples(t, samples{`gateway_redis_up`: 1})
	_, body := n.request(t, "GET", "/metrics", "")
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
