package adaptermetrics

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable"
	"github.com/brunossouza/websocket-escalonavel/internal/metrictable/metrictabletest"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// A program's Redis is measured, the lag between servers too.
func TestMetricsOfARedis(t *testing.T) {
	told := make(chan time.Duration, 16)
	opts := adapter.Options{RoundTripEvery: time.Millisecond, OnRoundTrip: func(took time.Duration) {
		select {
		case told <- took:
		default:
		}
	}}
	m := Instrument(&opts, Options{})
	metrictabletest.Expect(t, m, map[string]float64{"socketio_adapter_roundtrip_seconds": 0})
	r, err := adapter.Open(fleet.StartRedis(t).URL(), opts)
	if err != nil {
		t.Fatal(err)
	}
	m.Watch(r)
	fleet.StartGoServer(t, r, socketio.Options{Adapter: r.PubSub()})
	select {
	case <-told:
	case <-time.After(fleet.Patience):
		t.Fatal("the program is not told of the lag")
	}
	samples := make(chan prometheus.Metric, 100)
	m.lag.Collect(samples)
	if len(samples) != 1 || !r.Stats().Up {
		t.Errorf("%d histograms, %+v", len(samples), r.Stats())
	}
}

// Every count gets to the metric that is meant to have it.
func TestEveryCountHasItsMetric(t *testing.T) {
	stats := &adapter.Stats{
		Up: true, ConnectTime: 1500 * time.Millisecond, Connects: 14, ConnectErrors: 15, Published: 16,
		PublishErrors: 17, Dropped: 18, Received: 19, ReceiveDropped: 21, Malformed: 22,
		OutboxBytes: 23, OutboxMessages: 24, Refusal: "OOM", Missed: 32, Refusals: 33, NotStored: 34, Trims: 35,
	}
	c := metrictable.New("gateway", table, func() *adapter.Stats { return stats })
	metrictabletest.Expect(t, c, map[string]float64{
		`gateway_redis_up`:                                       1,
		`gateway_redis_connect_seconds`:                          1.5,
		`gateway_redis_reconnects_total`:                         13,
		`gateway_adapter_published_total`:                        16,
		`gateway_adapter_received_total`:                         19,
		`gateway_adapter_malformed_total`:                        22,
		`gateway_adapter_dropped_total{cause="outbox full"}`:     18,
		`gateway_adapter_dropped_total{cause="inbox full"}`:      21,
		`gateway_adapter_dropped_total{cause="connection lost"}`: 17,
		`gateway_adapter_outbox_bytes`:                           23,
		`gateway_adapter_outbox_messages`:                        24,
		`gateway_adapter_dropped_total{cause="stream cut"}`:      32,
		`gateway_redis_writable`:                                 0,
		`gateway_redis_refusals_total`:                           33,
		`gateway_adapter_sessions_not_saved_total`:               34,
		`gateway_adapter_stream_trims_total`:                     35,
	})
}
