package gateway

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
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

// What this program declares keeps to Prometheus's conventions, and to the contract with the dashboards.
func TestMetricsPassPromlint(t *testing.T) {
	server := fleet.StartRedis(t)
	n := startAPI(t, "ADAPTER", "pubsub", "REDIS_URL", server.URL(), "LOG_LEVEL", "error", "PRESENCE", "on",
		"AUTH", "jwt", "AUTH_JWT_SECRET", jwtSecret, "ADMIN", "on", "ADMIN_AUTH", "none")
	n.WantSamples(t, gatewaytest.Samples{`gateway_redis_up`: 1, `gateway_presence_up`: 1})
	n.ask(t, "/v1/health", "")
	_, body := n.Request(t, "GET", "/metrics", "")
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	// Alerts, dashboards and other people's queries have these names: none goes, and a new one is added to the file.
	var declared []string
	for _, m := range regexp.MustCompile(`(?m)^# HELP (gateway_\w+) \S`).FindAllStringSubmatch(body, -1) {
		declared = append(declared, m[1])
	}
	names, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Fields(string(names)); !slices.Equal(slices.Sorted(slices.Values(declared)), want) {
		t.Errorf("declared %q\nwant     %q", declared, want)
	}
}
